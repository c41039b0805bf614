// The questions that a hub answers, put together: what it decided last, its record, Git. Each question has a file of its own.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { appKeyParts, showApp } from "@muster/proto/model/identity";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { Spell } from "@muster/proto/model/mask";
import type { QuestionsPort } from "../../api/api.ts";
import type {
  DiffAnswer,
  ExplainAnswer,
  NamesAnswer,
  ParityAnswer,
  PreviewAnswer,
  WhereAnswer,
  WhyAnswer,
  WhyRow,
} from "../../view/questions.ts";
import { heldBy } from "../decide.ts";
import type { Basis, FleetState } from "../fleet-state.ts";
import type { HubRecord } from "../record.ts";
import type { FleetSources } from "../sources/fleet-sources.ts";
import { between } from "./between.ts";
import { diffAll } from "./diff.ts";
import { explain, type ExplainQuery } from "./explain.ts";
import { appNamed, clusterNamed, type Ground } from "./ground.ts";
import { HeavyQuestions } from "./heavy.ts";
import { groundAt, hubGround, objectsOf, type HubSight } from "./hub-ground.ts";
import { imagesIn } from "./images.ts";
import { Pairs } from "./pairs.ts";
import { heldOf, preview } from "./preview.ts";
import { heldOn, where } from "./where.ts";
import { whyRow, type WhySight } from "./why.ts";

export type QuestionsOptions = {
  readonly record: HubRecord;
  readonly basis: () => Basis | null;
  readonly state: () => FleetState;
  readonly renders: HubSight["renders"];
  readonly sources: Pick<FleetSources, "commitOf" | "pathOf" | "treeAt">;
  readonly spell: Spell;
  readonly now: () => number;
};

/** Images of this many Releases are remembered. */
const imagesKept = 20_000;
/** Moves that one answer explains. */
const whyMax = 50;

export class Questions implements QuestionsPort {
  readonly #options: QuestionsOptions;
  readonly #heavy = new HeavyQuestions();
  readonly #images = new Map<Digest, readonly string[]>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  explain(query: ExplainQuery): Promise<ExplainAnswer> {
    return this.#heavy.run((signal) => explain(this.#ground(), query, this.#options.spell, signal));
  }

  async diff(query: { readonly app?: string; readonly cluster?: string }): Promise<DiffAnswer> {
    const { record, state, now } = this.#options;
    const { clusters, commit } = state();
    const { app, cluster } = this.#named(query);
    const only = {
      app: (key: AppKey) => app === undefined || key === app,
      cluster: (name: string) => cluster === undefined || name === cluster,
    };
    return { commit, asOf: iso(now()), ...diffAll(clusters, record.memory.members, only, this.#pairs()) };
  }

  async parity({ left, right, app }: { readonly left: string; readonly right: string; readonly app?: string }): Promise<ParityAnswer> {
    const named = this.#named(app === undefined ? {} : { app }).app;
    return between(this.#ground(), left, right, (key) => named === undefined || key === named, this.#pairs(), this.#options.spell);
  }

  preview({ revision, source }: { readonly revision: string; readonly source?: string }): Promise<PreviewAnswer> {
    return this.#heavy.run(async (signal) => {
      const { record, sources, now } = this.#options;
      const basis = this.#basis();
      const view = basis.sources.find(({ name }) => name === (source ?? basis.sources[0]?.name));
      if (view === undefined) throw noSource(source ?? "", basis);
      const snapshot = await sources.treeAt(view.name, revision, signal);
      const after = await groundAt(basis, this.#sight(), { view, path: sources.pathOf(view.name), snapshot }, signal);
      const held = [...record.memory.members.values()].map(heldBy);
      const seen = preview({
        after,
        held: [...held, ...heldOf(basis.resolution).filter(({ cluster }) => !record.memory.members.has(cluster))],
        problemsNow: basis.problems,
        manifestOf: (release) => record.store.manifest(release),
        approvals: new Set(),
        pairs: this.#pairs(),
        now: now(),
      });
      return { source: view.name, revision, commit: snapshot.commit, against: view.snapshot?.commit ?? null, ...seen };
    });
  }

  async where(what: string): Promise<WhereAnswer> {
    const { record, state, sources, now } = this.#options;
    const { clusters, commit } = state();
    const names = new Set([...clusters.keys(), ...record.memory.members.keys()]);
    const held = [...names].flatMap((name) => heldOn(name, record.memory.members.get(name), clusters.get(name), commit));
    const source = this.#options.basis()?.sources[0]?.name ?? "";
    const sight = { held, imagesOf: (release: Digest) => this.#imagesOf(release), commitOf: (id: string) => sources.commitOf(source, id) };
    return { what, asOf: iso(now()), ...(await where(what, sight)) };
  }

  why(query: { readonly cluster: string; readonly app?: string }): Promise<WhyAnswer> {
    return this.#heavy.run(async (signal) => {
      const { record, sources, spell } = this.#options;
      const { cluster, app } = this.#named(query) as { readonly cluster: ClusterName; readonly app: AppKey | undefined };
      const moves = record.store.moves(cluster, app ?? null);
      const asked = app === undefined ? moves.filter(({ generation }) => generation === moves[0]?.generation) : moves;
      const source = this.#basis().sources[0]?.name ?? "";
      const sight = {
        groundAt: this.#pastGrounds(signal),
        commitOf: (commit: string) => sources.commitOf(source, commit),
        manifestOf: (release: Digest) => record.store.manifest(release),
        spell,
        signal,
      };
      const items: WhyRow[] = [];
      for (const move of asked.slice(0, whyMax)) items.push(await whyRow(move, sight));
      return { cluster, items };
    });
  }

  /** The fleet as it was at commits of the root Source: each is resolved once for one question. */
  #pastGrounds(signal: AbortSignal): WhySight["groundAt"] {
    const basis = this.#basis();
    const view = basis.sources[0];
    const known = new Map<string, Promise<Ground | undefined>>();
    const read = async (commit: string): Promise<Ground | undefined> => {
      const { sources } = this.#options;
      if (view === undefined) return undefined;
      if (commit === view.snapshot?.commit) return this.#ground();
      const snapshot = await sources.commitOf(view.name, commit);
      return snapshot && groundAt(basis, this.#sight(), { view, path: sources.pathOf(view.name), snapshot }, signal);
    };
    return (commit) => {
      const found = known.get(commit) ?? read(commit);
      known.set(commit, found);
      return found;
    };
  }

  async names(): Promise<NamesAnswer> {
    const { record, state } = this.#options;
    const basis = this.#options.basis();
    const keys = basis?.resolution.apps.map(({ key }) => key) ?? [];
    const groups = basis?.model.documents.flatMap((document) => (document.kind === "ClusterGroup" ? [document.value.name] : [])) ?? [];
    const shown = keys.length > 2_000 ? keys.map((key) => appKeyParts(key).name) : keys.map((key) => showApp(key, keys));
    return {
      apps: [...new Set(shown)].toSorted(),
      clusters: [...new Set([...state().clusters.keys(), ...record.memory.members.keys()])].toSorted(),
      groups: groups.toSorted(),
    };
  }

  #imagesOf(release: Digest): readonly string[] {
    const known = this.#images.get(release);
    if (known !== undefined) return known;
    const objects = objectsOf(this.#options.record.store, release);
    if (objects === undefined) return [];
    if (this.#images.size >= imagesKept) this.#images.clear();
    const images = imagesIn(objects);
    this.#images.set(release, images);
    return images;
  }

  /** Names as people give them. Throws E_NOT_FOUND. */
  #named({ app, cluster }: { readonly app?: string; readonly cluster?: string }) {
    const { resolution } = this.#basis();
    const members = [...this.#options.record.memory.members.keys()];
    const released = [...this.#options.record.memory.members.values()].flatMap((member) => [...member.released.keys()]);
    const keys = [...new Set([...resolution.apps.map(({ key }) => key), ...released])];
    return {
      app: app === undefined ? undefined : appNamed(app, keys),
      cluster:
        cluster === undefined || members.some((name) => name === cluster) ? cluster : clusterNamed(cluster, resolution.clusters).name,
    };
  }

  #basis(): Basis {
    const basis = this.#options.basis();
    if (basis !== null) return basis;
    throw new OperationError("unavailable", "hub", "nothing has been decided yet", undefined, {
      code: "E_NOT_DECIDED",
      remedy: "try again in a moment; muster status shows whether Git can be read",
    });
  }

  #ground(): Ground {
    return hubGround(this.#basis(), this.#sight());
  }

  #sight(): HubSight {
    const { record, renders, sources } = this.#options;
    return { store: record.store, renders, commitOf: (source, commit) => sources.commitOf(source, commit) };
  }

  #pairs(): Pairs {
    const sight = (release: Digest) => objectsOf(this.#options.record.store, release);
    return new Pairs(sight, sight, this.#options.spell);
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

function noSource(name: string, { sources }: Basis): OperationError {
  return new OperationError("notFound", name, `there is no Source ${name}`, undefined, {
    code: "E_NOT_FOUND",
    remedy: `there are: ${sources.map((source) => source.name).join(", ")}`,
  });
}
