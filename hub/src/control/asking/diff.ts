// `diff`: what Git wants now beside what the clusters were given. Equal clusters are one entry.

import { pinDigest, samePin } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { DiffAnswer, DiffRow } from "../../view/questions.ts";
import type { Decided } from "../fleet-state.ts";
import type { Member } from "../memory.ts";
import { Bounded } from "./bounded.ts";
import { joinClusters, type Pairs, type Pinned } from "./pairs.ts";

export type DiffQuery = { readonly app: (key: AppKey) => boolean; readonly cluster: (name: ClusterName) => boolean };

/** What is wanted for one App on one cluster. `unknown`: it cannot be said, so nothing differs, and there is a reason. */
type One = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly from: Pinned;
  readonly to: Pinned;
  readonly reason: string;
  readonly unknown: boolean;
};

/** Rows by App, then by their first cluster. */
export function diffAll(
  clusters: ReadonlyMap<ClusterName, Decided>,
  members: ReadonlyMap<ClusterName, Member>,
  query: DiffQuery,
  pairs: Pairs,
): Omit<DiffAnswer, "asOf" | "commit"> {
  const all = [...clusters].flatMap(([name, decided]) => (query.cluster(name) ? onesOf(name, decided, members.get(name), query) : []));
  const differing = all.filter(({ from, to, unknown, reason }) => (unknown ? reason !== "" : !same(from, to)));
  const joined = joinClusters(differing, ({ app, from, to, reason, unknown }) => [app, keyOf(from), keyOf(to), reason, unknown].join("\0"));
  const sorted = joined.toSorted((a, b) => byCodeUnits(a.app, b.app) || byCodeUnits(a.clusters[0] ?? "", b.clusters[0] ?? ""));
  const bounded = new Bounded();
  const items = bounded.rows(sorted).map(({ app, clusters: names, from, to, reason, unknown }): DiffRow => {
    const { objects, policy } = unknown ? { objects: [], policy: [] } : pairs.between(from, to);
    const move = { from: from?.release ?? null, to: (unknown ? from : to)?.release ?? null };
    return { app, clusters: names, ...move, reason, policy, objects: bounded.objects(objects) };
  });
  return {
    items,
    cut: bounded.cut,
    equal: all.length - differing.length,
  };
}

/** Told without a digest, for most pins are equal. */
const same = (from: Pinned, to: Pinned): boolean => from === to || (from !== null && to !== null && samePin(from, to));

const keyOf = (pin: Pinned): string => (pin === null ? "-" : pinDigest(pin));

function onesOf(cluster: ClusterName, decided: Decided, member: Member | undefined, query: DiffQuery): readonly One[] {
  const released = member?.released ?? new Map();
  const apps = new Set<AppKey>([...decided.placements.keys(), ...released.keys()]);
  return [...apps].filter(query.app).map((app): One => {
    const row = released.get(app);
    const from: Pinned = row === undefined ? null : { release: row.release, policy: row.policy };
    const placement = decided.placements.get(app);
    const wait = decided.waits.get(app);
    const reason = wait === undefined ? "" : wait.message === "" ? wait.reason : `${wait.reason}: ${wait.message}`;
    const unknown = decided.undecided || (placement !== undefined && placement.release === null);
    const to: Pinned = placement?.release == null ? null : { release: placement.release, policy: placement.policy };
    return { app, cluster, from, to, reason, unknown };
  });
}
