// The documents of all Sources as one fleet. A Source that suddenly says nothing, or that was not fetched yet, keeps its last known ones.
// Gives out the same object until something that it says is different.

import type { Digest } from "@muster/proto/model/digest";
import { admitSource, type SourceReading } from "../admit/admit.ts";
import { assembleFleet, rootSourceName, type AssembledFleet, type FleetDocument, type ParsedFile, type Problem } from "../fleet/fleet.ts";
import type { HeldSource } from "./fleet-state.ts";
import type { SourceView } from "./sources/source-loop.ts";

export type Reading = {
  readonly fleet: AssembledFleet;
  readonly problems: readonly Problem[];
  /** Snapshots that are not taken until a person says so. */
  readonly held: readonly HeldSource[];
};

type Part = { readonly source: string; readonly files: SourceView["files"] | null };

export class FleetReading {
  #last: { readonly parts: readonly Part[]; readonly reading: Reading; readonly held: boolean } | undefined;
  #documents: readonly FleetDocument[];
  readonly #now: () => number;

  /** `documents`: those that the last run of the hub acted on. `now` in milliseconds since 1970. */
  constructor(documents: readonly FleetDocument[], now: () => number = Date.now) {
    this.#documents = documents;
    this.#now = now;
  }

  read(views: readonly SourceView[], approvals: ReadonlySet<Digest>): Reading {
    const parts = views.map(({ name, snapshot, files }): Part => ({ source: name, files: snapshot === null ? null : files }));
    const last = this.#last;
    if (last !== undefined && !last.held && sameParts(last.parts, parts)) return last.reading;
    const { reading, held } = this.#join(views, approvals);
    this.#last = { parts, reading, held };
    this.#documents = reading.fleet.documents;
    return reading;
  }

  #join(views: readonly SourceView[], approvals: ReadonlySet<Digest>): { readonly reading: Reading; readonly held: boolean } {
    const before = Map.groupBy(this.#documents, ({ place }) => place.source);
    const fetched = views.filter(({ snapshot }) => snapshot !== null);
    const whole = assembleFleet(filesOf(fetched), this.#documents);
    const after = Map.groupBy(whole.documents, ({ place }) => place.source);
    const problems: Problem[] = [];
    const silent = new Set<string>();
    const heldSources: HeldSource[] = [];
    for (const { name, snapshot } of fetched) {
      const reading = { source: name, commit: snapshot?.commit ?? "", before: before.get(name) ?? [], after: after.get(name) ?? [] };
      const verdict = admitSource({ ...reading, pathFound: true, approvals });
      if (verdict.kind === "take") continue;
      problems.push(verdict.problem);
      silent.add(name);
      if (verdict.problem.code === "E_SOURCE_EMPTIED") heldSources.push(this.#held(reading, verdict.digest));
    }
    const fleet = silent.size === 0 ? whole : assembleFleet(filesOf(fetched.filter(({ name }) => !silent.has(name))), this.#documents);
    const known = new Set(fetched.map(({ name }) => name).filter((name) => !silent.has(name)));
    const absent = new Set(views.map(({ name }) => name).filter((name) => !known.has(name)));
    // A Source that is named and not followed yet, at the first turn of a run for instance, is absent too.
    for (const name of namedIn([...fleet.documents, ...(before.get(rootSourceName) ?? []).filter(() => absent.has(rootSourceName))]))
      if (!known.has(name)) absent.add(name);
    const kept = [...absent].flatMap((name) => before.get(name) ?? []);
    const unknown = [...absent].filter((name) => !before.has(name));
    return {
      reading: { fleet: withKept(fleet, kept, unknown), problems: [...problems, ...unknown.map(unfetched)], held: heldSources },
      held: silent.size > 0,
    };
  }

  /** Since when it is held: the same Snapshot goes on. */
  #held({ source, commit, before }: Pick<SourceReading, "source" | "commit" | "before">, digest: Digest): HeldSource {
    const known = this.#last?.reading.held.find((each) => each.digest === digest);
    return known ?? { source, commit, digest, documents: before.map(({ key }) => key), since: this.#now() };
  }
}

/** Sources with documents of their own to read; a Helm repository has none. */
const namedIn = (documents: readonly FleetDocument[]): string[] =>
  documents.flatMap((document) =>
    document.kind === "Source" && document.value.kind !== "helm" && document.place.source === rootSourceName ? [document.value.name] : [],
  );

const unfetched = (name: string): Problem => ({
  code: "W_SOURCE_UNFETCHED",
  severity: "warning",
  message: `Source ${name} was never fetched: until it is, nothing is removed anywhere, for it may hold it`,
  remedy: "see what muster status says of the Source; correct it, or remove its document",
  subject: `Source ${name}`,
});

const filesOf = (views: readonly SourceView[]): ParsedFile[] => views.flatMap(({ files }) => [...files.values()]);

function withKept(fleet: AssembledFleet, kept: readonly FleetDocument[], unknown: readonly string[]): AssembledFleet {
  if (kept.length === 0 && unknown.length === 0) return fleet;
  const present = new Set(fleet.documents.map(({ key }) => key));
  return {
    ...fleet,
    documents: [...fleet.documents, ...kept.filter(({ key }) => !present.has(key))],
    unreadable: new Set([...fleet.unreadable, ...unknown]),
  };
}

function sameParts(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every(({ source, files }, i) => source === b[i]?.source && files === b[i].files);
}
