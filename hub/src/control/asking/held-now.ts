// What clusters run, were given and wait for, with what each pin was made from: what `where` looks through.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { rootSourceName } from "../../fleet/fleet.ts";
import type { Placement } from "../../resolve/resolve.ts";
import type { Basis, Decided } from "../fleet-state.ts";
import type { Member } from "../memory.ts";
import { contentKey, refOf } from "../sources/content.ts";
import type { Held, Made } from "./where.ts";

type Fleet = {
  readonly members: ReadonlyMap<ClusterName, Member>;
  readonly decided: ReadonlyMap<ClusterName, Decided>;
  readonly basis: Basis | null;
};

/** By cluster. What one cluster holds is of one moment. */
export function* heldNow({ members, decided, basis }: Fleet): Iterable<Held> {
  const makers = new Makers(basis);
  const names = [...new Set([...decided.keys(), ...members.keys()])].toSorted(byCodeUnits);
  for (const name of names) yield* heldOn(name, members.get(name), decided.get(name), makers);
}

/** A pin is as new as the decision that left it as it is. */
function heldOn(cluster: ClusterName, member: Member | undefined, decided: Decided | undefined, makers: Makers): readonly Held[] {
  const out: Held[] = [];
  const apps = new Set<AppKey>([
    ...(member?.released.keys() ?? []),
    ...(member?.statuses.keys() ?? []),
    ...(decided?.placements.keys() ?? []),
  ]);
  for (const app of apps) {
    const status = member?.statuses.get(app)?.status;
    const released = member?.released.get(app);
    const placement = decided?.placements.get(app);
    const wanted = placement?.release ?? null;
    const current = placement === undefined ? makers.none : makers.of(placement);
    const made = released === undefined ? makers.none : released.release === wanted ? current : makers.formerly(released.commit);
    const running = status === undefined || status.inventoryEmpty ? null : status.release;
    const same = released !== undefined && running === released.release;
    if (running !== null) out.push({ cluster, app, state: "runs", release: running, made: same ? made : makers.none });
    if (released !== undefined && !same) out.push({ cluster, app, state: "released", release: released.release, made });
    if (wanted !== null && wanted !== released?.release) out.push({ cluster, app, state: "waits", release: wanted, made: current });
  }
  return out;
}

/** What pins are made from; of equal things one list. */
class Makers {
  readonly none: readonly Made[] = [];
  readonly #basis: Basis | null;
  readonly #known = new Map<string, readonly Made[]>();
  readonly #each = new Map<string, Made>();

  constructor(basis: Basis | null) {
    this.#basis = basis;
  }

  /** The root Source, the Source of its document, and what its files are of. */
  of({ request, source }: Placement): readonly Made[] {
    const key = `${request} ${source}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#made(source, request);
    this.#known.set(key, made);
    return made;
  }

  /** Of a pin that is not wanted any more only the commit of its files is known. */
  formerly(commit: string): readonly Made[] {
    const known = this.#known.get(commit) ?? [this.#one(null, commit)];
    this.#known.set(commit, known);
    return known;
  }

  #made(source: string, request: Placement["request"]): readonly Made[] {
    const basis = this.#basis;
    if (basis === null) return this.none;
    const found = new Map<string, Made>();
    for (const name of [rootSourceName, source]) {
      const commit = basis.sources.find((view) => view.name === name)?.snapshot?.commit;
      if (commit !== undefined) found.set(name, this.#one(name, commit));
    }
    const asked = basis.resolution.requests.get(request);
    const content = asked === undefined ? undefined : basis.contents.of(refOf(asked));
    if (asked !== undefined && content?.kind === "there") {
      const key = contentKey(refOf(asked));
      found.delete(key);
      found.set(key, this.#one(key, content.snapshot.commit));
    }
    return [...found.values()];
  }

  #one(source: string | null, commit: string): Made {
    const key = `${source ?? ""} ${commit}`;
    const known = this.#each.get(key) ?? { source, commit };
    this.#each.set(key, known);
    return known;
  }
}
