// One App on one Cluster: what every cluster should run, as far as renders are known. A Placement that says the same stays the same object.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Place, RolloutPolicy } from "../fleet/fleet.ts";
import type { Clusters, ResolvedCluster } from "./clusters.ts";
import { Moments } from "./moments.ts";
import { sameData } from "./same.ts";
import type { SlotMap } from "./slots.ts";
import type { Told } from "./told.ts";

export type LayerOrigin = { readonly from: string; readonly place: Place };

export type Placement = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  /** RenderRequest.key. */
  readonly request: Digest;
  /** Null: not rendered yet, or the render failed or is empty. */
  readonly release: Digest | null;
  readonly policy: AgentPolicy;
  /** Sorted; only Apps that this cluster has or may have. */
  readonly dependsOn: readonly AppKey[];
  /** What merged into it, low to high. */
  readonly layers: readonly LayerOrigin[];
  readonly auto: boolean;
  readonly parent: AppKey | null;
  /** Root first; the last one is the parent. */
  readonly ancestors: readonly AppKey[];
  /** The Source that its document lies in. */
  readonly source: string;
  readonly onLeave: "orphan" | "delete";
  /** What becomes of it when its parent goes. */
  readonly withParent: "delete" | "orphan";
  /** How a change goes through the fleet, as the App or its Source says; null: nothing is said. Equal policies are one object. */
  readonly rollout: RolloutPolicy | null;
  /** Of the cluster's APIs, where its chart or one that rendered it asks. */
  readonly told?: Told | null;
};

/** What the Placements of one Variant and policy have in common. */
export type Shared = Omit<Placement, "cluster" | "dependsOn">;

/** All Placements, as they are until the next call of the Resolver. */
export type Placements = {
  readonly count: number;
  /** By App, then cluster. */
  all(): Iterable<Placement>;
  /** Sorted by App. */
  at(cluster: ClusterName): readonly Placement[];
  /** Sorted by cluster. */
  of(app: AppKey): readonly Placement[];
  get(app: AppKey, cluster: ClusterName): Placement | undefined;
};

// Written out: this runs once per Placement, a million times in a large fleet.
export function placementOf(shared: Shared, cluster: ClusterName, dependsOn: readonly AppKey[], told: Told | null): Placement {
  return {
    app: shared.app,
    cluster,
    request: shared.request,
    release: shared.release,
    policy: shared.policy,
    dependsOn,
    layers: shared.layers,
    auto: shared.auto,
    parent: shared.parent,
    ancestors: shared.ancestors,
    source: shared.source,
    onLeave: shared.onLeave,
    withParent: shared.withParent,
    rollout: shared.rollout,
    told,
  };
}

/** True when a Placement says what these say. */
export function says(was: Placement, now: Shared, dependsOn: readonly AppKey[], told: Told | null): boolean {
  return (
    was.request === now.request &&
    was.release === now.release &&
    was.auto === now.auto &&
    was.parent === now.parent &&
    was.source === now.source &&
    was.onLeave === now.onLeave &&
    was.withParent === now.withParent &&
    was.rollout === now.rollout &&
    sameData(was.policy, now.policy) &&
    sameData(was.layers, now.layers) &&
    sameData(was.ancestors, now.ancestors) &&
    sameData(was.dependsOn, dependsOn) &&
    sameData(was.told, told)
  );
}

const none: readonly Placement[] = [];

/** The Placements by App and by cluster, kept as they change. */
export class PlacementBook implements Placements {
  readonly #clusters: Clusters;
  readonly #bySlot: Placement[][] = [];
  readonly #byApp = new Map<AppKey, SlotMap<Placement>>();
  readonly #sorted = new Map<AppKey, readonly Placement[]>();
  readonly #moments = new Moments<ClusterName, readonly Placement[]>();
  #keys: readonly AppKey[] | null = null;
  #count = 0;

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
  }

  get count(): number {
    return this.#count;
  }

  *all(): Iterable<Placement> {
    this.#keys ??= [...this.#byApp.keys()].toSorted(byCodeUnits);
    for (const key of this.#keys) yield* this.of(key);
  }

  at(cluster: ClusterName): readonly Placement[] {
    const slot = this.#clusters.slotOf(cluster);
    return (slot === undefined ? undefined : this.#bySlot[slot]) ?? none;
  }

  of(app: AppKey): readonly Placement[] {
    const known = this.#sorted.get(app);
    if (known !== undefined) return known;
    const found: Placement[] = [];
    this.#byApp.get(app)?.each((placement) => found.push(placement));
    found.sort((a, b) => byCodeUnits(a.cluster, b.cluster));
    this.#sorted.set(app, found);
    return found;
  }

  get(app: AppKey, cluster: ClusterName): Placement | undefined {
    const slot = this.#clusters.slotOf(cluster);
    return slot === undefined ? undefined : this.#byApp.get(app)?.get(slot);
  }

  /** Takes an App's Placements, which it keeps itself and tells of. */
  add(app: AppKey, placements: SlotMap<Placement>): void {
    this.#byApp.set(app, placements);
    this.#keys = null;
    this.#sorted.delete(app);
  }

  drop(app: AppKey): void {
    this.#byApp.delete(app);
    this.#keys = null;
    this.#sorted.delete(app);
  }

  /** Some of its Placements changed. */
  forget(app: AppKey): void {
    this.#sorted.delete(app);
  }

  /** The Placements as they are now, for good. `clusters`: of the same Resolution. */
  freeze(clusters: readonly ResolvedCluster[]): Placements {
    const at = this.#moments.take((cluster) => this.at(cluster));
    return frozenPlacements(clusters, this.#count, (cluster) => at(cluster) ?? none);
  }

  put(slot: number, was: Placement | undefined, now: Placement): void {
    const here = (this.#bySlot[slot] ??= []);
    this.#moments.changing(now.cluster, () => here.slice());
    const last = here.at(-1);
    if (was === undefined) this.#count += 1;
    if (last === undefined || last.app < now.app) here.push(now);
    else here.splice(indexOf(here, now.app), was === undefined ? 0 : 1, now);
  }

  remove(slot: number, was: Placement): void {
    this.#count -= 1;
    const here = this.#bySlot[slot];
    if (here === undefined) return;
    this.#moments.changing(was.cluster, () => here.slice());
    here.splice(indexOf(here, was.app), 1);
  }
}

/** `at` answers lists that are changed later. */
function frozenPlacements(
  clusters: readonly ResolvedCluster[],
  count: number,
  at: (cluster: ClusterName) => readonly Placement[],
): Placements {
  const get = (app: AppKey, cluster: ClusterName): Placement | undefined => {
    const here = at(cluster);
    const found = here[indexOf(here, app)];
    return found?.app === app ? found : undefined;
  };
  return {
    count,
    at: (cluster) => at(cluster).slice(),
    get,
    of: (app) => clusters.flatMap(({ name }) => get(app, name) ?? []),
    *all() {
      const byApp = new Map<AppKey, Placement[]>();
      for (const { name } of clusters) {
        for (const each of at(name)) {
          const known = byApp.get(each.app);
          if (known === undefined) byApp.set(each.app, [each]);
          else known.push(each);
        }
      }
      for (const key of [...byApp.keys()].toSorted(byCodeUnits)) yield* byApp.get(key) ?? none;
    },
  };
}

/** Where an App stands, or would stand, in a sorted list. */
function indexOf(list: readonly Placement[], app: AppKey): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.app ?? "") < app) low = middle + 1;
    else high = middle;
  }
  return low;
}
