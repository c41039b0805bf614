// Admitting from turn to turn: only clusters where something changed are judged again, and those that hang on something of the fleet as
// a whole that changed. What it says of a cluster is always what a fresh one would say of it.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Resolution } from "../resolve/resolve.ts";
import type { Admission, AdmitInput } from "./admit.ts";
import { calmVerdict, type Calm } from "./calm.ts";
import { Court } from "./cluster.ts";
import { Conflicts } from "./conflicts.ts";
import { Departures, originOf, removalDelays, type RemovalDelays } from "./departures.ts";
import { Manifests } from "./manifests.ts";
import type { ClusterVerdict, HeldApp, HeldCluster } from "./verdict.ts";

/** What is remembered of a cluster. */
type Record = {
  readonly held: HeldCluster;
  readonly verdict: ClusterVerdict | null;
  readonly calm: Calm | undefined;
  /** Apps that it holds, or that are under a tombstone, without a Placement there. */
  readonly loose: readonly Loose[];
  readonly dependsOnApprovals: boolean;
  readonly lacksManifest: boolean;
};
type Loose = { readonly app: AppKey; readonly parent: AppKey | null; readonly origin: string };

export class AdmitterState {
  readonly #manifests = new Manifests(() => undefined);
  readonly #departures = new Departures();
  readonly #records = new Map<ClusterName, Record>();
  /** Clusters whose verdict may change with something that is not theirs. */
  readonly #watched = new Set<ClusterName>();
  readonly #complaining = new Set<ClusterName>();
  #conflicts = new Conflicts(this.#manifests);
  #last: { readonly resolution: Resolution; readonly approvals: ReadonlySet<Digest>; readonly delays: RemovalDelays } | undefined;
  #causes = this.#departures.causes();

  turn(input: AdmitInput): Admission {
    const { resolution, delays = removalDelays, manifestOf } = input;
    this.#manifests.source = manifestOf;
    this.#conflicts.turn();
    this.#departures.declare(resolution, delays);
    const whole = input.only === undefined || this.#last === undefined || this.#conflicts.isFull || !sameDelays(this.#last.delays, delays);
    if (this.#conflicts.isFull) this.#seeAgain();
    const due = new Map(
      input.clusters.filter(({ cluster }) => whole || input.only?.has(cluster) === true).map((held) => [held.cluster, held]),
    );
    this.#forget(input, due);
    for (const name of whole ? this.#records.keys() : this.#watched) {
      const record = this.#records.get(name);
      if (record !== undefined && !due.has(name) && (whole || this.#concerns(record, input))) due.set(name, record.held);
    }
    for (const held of due.values()) this.#look(held, resolution);
    for (const name of this.#shaken()) {
      const record = this.#records.get(name);
      if (record !== undefined) due.set(name, record.held);
    }
    const names = [...due.keys()].toSorted(byCodeUnits);
    const verdicts = names.map((name) => this.#judge(name, input, delays));
    this.#last = { resolution, approvals: input.approvals, delays };
    const told = [...this.#complaining].toSorted(byCodeUnits).flatMap((name) => this.#records.get(name)?.verdict?.problems ?? []);
    return { clusters: verdicts, problems: [...this.#departures.problems, ...told] };
  }

  /** What declares what is found out anew: no verdict may be told from the last one. */
  #seeAgain(): void {
    this.#conflicts = new Conflicts(this.#manifests);
    for (const [name, record] of this.#records) this.#records.set(name, { ...record, calm: undefined });
  }

  /** Clusters that are there no more. */
  #forget({ clusters, only }: AdmitInput, due: ReadonlyMap<ClusterName, HeldCluster>): void {
    const present = only === undefined ? new Set(clusters.map(({ cluster }) => cluster)) : null;
    for (const name of only ?? this.#records.keys()) {
      if (present === null ? due.has(name) : present.has(name)) continue;
      this.#departures.forget(name);
      this.#records.delete(name);
      this.#watched.delete(name);
      this.#complaining.delete(name);
    }
  }

  /** Whether something of the fleet, the time or a person's word changed that this cluster hangs on. */
  #concerns(
    { held, verdict, loose, dependsOnApprovals, lacksManifest }: Record,
    { resolution, apps, approvals, now }: AdmitInput,
  ): boolean {
    const last = this.#last;
    if (last === undefined || lacksManifest) return true;
    if (verdict !== null && verdict.wakeAt !== null && verdict.wakeAt <= now) return true;
    if (dependsOnApprovals && !sameSet(approvals, last.approvals)) return true;
    if (resolution.undecided.has(held.cluster) !== last.resolution.undecided.has(held.cluster)) return true;
    if (loose.length === 0) return false;
    const changed = apps ?? resolution.touchedApps;
    if (changed === "all" || !sameSet(resolution.unreadable, last.resolution.unreadable)) return true;
    if (resolution.unreadable.size > 0 && resolution.incumbents !== last.resolution.incumbents) return true;
    return loose.some(({ app, parent }) => changed.has(app) || (parent !== null && changed.has(parent)));
  }

  /** Looks at what a cluster holds, before anything of the fleet is decided. */
  #look(held: HeldCluster, resolution: Resolution): void {
    const { cluster } = held;
    const wanted = resolution.placements.at(cluster);
    const undecided = resolution.undecided.has(cluster);
    const record = this.#records.get(cluster);
    const input = { held, wanted, before: record?.calm, manifests: this.#manifests, conflicts: this.#conflicts };
    const found = undecided ? undefined : calmVerdict(input);
    const departing = found === undefined ? departingOf(held, resolution) : [];
    const counted = record !== undefined && departing.length + record.loose.length === 0 && sameOrigins(record.held.apps, held.apps);
    if (!counted) this.#departures.count(cluster, held.apps, departing);
    this.#put(cluster, {
      held,
      verdict: found?.verdict ?? null,
      calm: found?.calm,
      loose: found === undefined ? looseOf(held, departing, resolution) : [],
      dependsOnApprovals: false,
      lacksManifest: false,
    });
  }

  /** Clusters that hold what a cause of the fleet as a whole holds back now, or lets go. */
  #shaken(): readonly ClusterName[] {
    const was = this.#causes;
    this.#causes = this.#departures.causes();
    const origins = this.#causes.shrunk.symmetricDifference(was.shrunk);
    const apps = this.#causes.emptied.symmetricDifference(was.emptied);
    if (origins.size + apps.size === 0) return [];
    const isShaken = ({ app, origin }: Loose): boolean => origins.has(origin) || apps.has(app);
    return [...this.#watched].filter((name) => this.#records.get(name)?.loose.some(isShaken) === true);
  }

  #judge(cluster: ClusterName, { resolution, approvals, now }: AdmitInput, delays: RemovalDelays): ClusterVerdict {
    const record = this.#records.get(cluster);
    if (record === undefined) throw new TypeError(`cluster ${cluster} is judged before it was looked at`);
    if (record.calm !== undefined && record.verdict !== null) return record.verdict;
    const wanted = resolution.placements.at(cluster);
    const shared = { departures: this.#departures, conflicts: this.#conflicts, manifests: this.#manifests, approvals, delays, now };
    const court = new Court({ ...shared, held: record.held, wanted, undecided: resolution.undecided.has(cluster) });
    const verdict = court.decide();
    const { dependsOnApprovals, lacksManifest } = court;
    this.#put(cluster, { ...record, verdict, dependsOnApprovals, lacksManifest });
    return verdict;
  }

  #put(cluster: ClusterName, record: Record): void {
    this.#records.set(cluster, record);
    const { verdict, loose, dependsOnApprovals, lacksManifest, calm } = record;
    const watch = calm === undefined && (loose.length > 0 || dependsOnApprovals || lacksManifest || verdict?.wakeAt != null);
    put(this.#watched, cluster, watch);
    put(this.#complaining, cluster, (verdict?.problems.length ?? 0) > 0);
  }
}

function departingOf({ cluster, apps }: HeldCluster, { placements }: Resolution): readonly HeldApp[] {
  return apps.filter(({ app }) => placements.get(app, cluster) === undefined);
}

function looseOf({ cluster, apps, tombstones }: HeldCluster, departing: readonly HeldApp[], { placements }: Resolution): readonly Loose[] {
  const held = new Set(apps.map(({ app }) => app));
  const buried = tombstones.filter(({ app }) => !held.has(app) && placements.get(app, cluster) === undefined);
  return [
    ...departing.map((each) => ({ app: each.app, parent: each.parent, origin: originOf(each) })),
    ...buried.map(({ app }) => ({ app, parent: null, origin: "" })),
  ];
}

const sameOrigins = (a: readonly HeldApp[], b: readonly HeldApp[]): boolean =>
  a === b || (a.length === b.length && a.every(({ parent }, i) => parent === b[i]?.parent));
const sameDelays = (a: RemovalDelays, b: RemovalDelays): boolean => a.removeMs === b.removeMs && a.orphanMs === b.orphanMs;
const sameSet = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean => a === b || (a.size === b.size && a.isSubsetOf(b));

function put<T>(set: Set<T>, value: T, member: boolean): void {
  if (member) set.add(value);
  else set.delete(value);
}
