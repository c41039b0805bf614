// `preview`: what a branch, tag or commit would do to each cluster, beside what it has now. Nothing is released: the question goes the
// same way as a commit does, through resolve, render and admission, and ends there.

import { samePin, type Tombstone } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { makeRelease, type Manifest } from "@muster/proto/model/release";
import { admit, type AppVerdict, type ClusterVerdict, type HeldCluster } from "../../admit/admit.ts";
import type { Problem } from "../../fleet/fleet.ts";
import type { Placement, Resolution, Settled } from "../../resolve/resolve.ts";
import type { ObjectChange, PreviewAnswer, PreviewChange, PreviewRow } from "../../view/questions.ts";
import { Bounded } from "./bounded.ts";
import type { Ground } from "./ground.ts";
import { joinClusters, type ObjectsOf, type Pairs, type Pinned } from "./pairs.ts";

export type PreviewInput = {
  readonly after: Pick<Ground, "problems"> & { readonly resolution: Resolution };
  /** What every cluster holds now. */
  readonly held: readonly HeldCluster[];
  readonly problemsNow: readonly Problem[];
  readonly manifestOf: (release: Digest) => Manifest | undefined;
  readonly approvals: ReadonlySet<Digest>;
  readonly pairs: Pairs;
  readonly now: number;
};

type Seen = Pick<PreviewAnswer, "clusters" | "rows" | "problems" | "solved" | "counts" | "cut">;

/** Clusters with equal changes are one row; rows with deletes first. */
export function preview({ after, held, problemsNow, manifestOf, approvals, pairs, now }: PreviewInput): Seen {
  const { resolution } = after;
  const names = new Set(held.map(({ cluster }) => cluster));
  const fresh = resolution.clusters.filter(({ name }) => !names.has(name)).map(({ name }) => nothingHeld(name));
  const clusters = [...held, ...fresh];
  const admission = admit({ resolution, clusters, manifestOf, approvals, now });
  const before = new Map(clusters.map((each) => [each.cluster, each]));
  const all = admission.clusters.map((verdict) => {
    const { cluster } = verdict;
    return { cluster, changes: changesOn(verdict, before.get(cluster), resolution.placements.at(cluster), pairs) };
  });
  const changed = all.filter(({ changes }) => changes.length > 0);
  const contents = new Contents();
  const joined = joinClusters(changed, ({ changes }) => JSON.stringify(changes.map((change) => contents.keyOf(change))));
  const rows = joined.toSorted((a, b) => deletesIn(b) - deletesIn(a) || byCodeUnits(a.clusters[0] ?? "", b.clusters[0] ?? ""));
  const problems = [...after.problems, ...admission.problems];
  const bounded = new Bounded();
  const told = bounded.rows(rows).map(({ changes, ...row }) => ({
    ...row,
    changes: changes.map((change) => ({ ...change, objects: bounded.objects(change.objects) })),
  }));
  return {
    clusters: { total: clusters.length, changed: changed.length },
    rows: told,
    problems: without(problems, problemsNow),
    solved: without(problemsNow, problems),
    counts: countsOf(rows),
    cut: bounded.cut,
  };
}

/** What people see of a change: two Releases may differ where the change in them is the same. */
class Contents {
  readonly #known = new Map<readonly ObjectChange[], string>();

  keyOf({ app, kind, objects, policy, held, reason }: PreviewChange): unknown {
    const known = this.#known.get(objects) ?? digestOf(JSON.stringify(objects));
    this.#known.set(objects, known);
    return [app, kind, known, policy, held, reason];
  }
}

export const nothingHeld = (cluster: ClusterName): HeldCluster => ({ cluster, apps: [], tombstones: [], approvals: [], settled: true });

/** A resolution as if all of it were released and done: what a repository without a hub is compared with. */
export function heldOf({ placements, clusters }: Settled): readonly HeldCluster[] {
  return clusters.map(({ name }) => ({
    ...nothingHeld(name),
    apps: placements.at(name).flatMap(({ release, ...row }) => (release === null ? [] : [{ ...row, release }])),
  }));
}

/** Manifests of Releases whose objects are at hand. */
export function manifestsOf(...sights: readonly ObjectsOf[]): (release: Digest) => Manifest | undefined {
  const known = new Map<Digest, Manifest>();
  return (release) => {
    const objects = sights.map((objectsOf) => objectsOf(release)).find((each) => each !== undefined && each.length > 0);
    const manifest = known.get(release) ?? (objects === undefined ? undefined : makeRelease(objects).manifest);
    if (manifest !== undefined) known.set(release, manifest);
    return manifest;
  };
}

function changesOn(
  verdict: ClusterVerdict,
  held: HeldCluster | undefined,
  wanted: readonly Placement[],
  pairs: Pairs,
): readonly PreviewChange[] {
  const now = new Map((held?.apps ?? []).map((row) => [row.app, row]));
  const known = new Set((held?.tombstones ?? []).map(({ app }) => app));
  const gone = verdict.tombstones
    .filter(({ app }) => !known.has(app))
    .map((tombstone) => removal(tombstone, now.get(tombstone.app) ?? null, pairs));
  const placed = new Map(wanted.map((placement) => [placement.app, placement.release]));
  const others = verdict.apps.flatMap((each) => changeOf(each, now.get(each.app) ?? null, placed.get(each.app) ?? null, pairs));
  return [...gone, ...others].toSorted((a, b) => byCodeUnits(a.app, b.app));
}

function removal({ app, mode }: Tombstone, from: Pinned, pairs: Pairs): PreviewChange {
  const objects = mode === "delete" ? pairs.objects(from?.release ?? null, null) : [];
  const kind = mode === "delete" ? "removed" : "released";
  return { app, kind, from: from?.release ?? null, to: null, objects, policy: [], held: [], reason: "" };
}

function changeOf(verdict: AppVerdict, from: Pinned, wanted: Digest | null, pairs: Pairs): readonly PreviewChange[] {
  const { app } = verdict;
  const plain = { app, from: from?.release ?? null, policy: [], held: [], reason: "" };
  switch (verdict.kind) {
    case "admit": {
      const to = { release: verdict.release, policy: verdict.placement.policy };
      if (from !== null && samePin(from, to)) return [];
      return [{ ...plain, kind: from === null ? "added" : "changed", to: to.release, ...pairs.between(from, to) }];
    }
    case "hold": {
      const to = verdict.removal ? null : wanted;
      const held = verdict.guards.length > 0 ? verdict.guards : verdict.cause === null ? [] : [verdict.cause];
      return [{ ...plain, kind: verdict.removal ? "removed" : "changed", to, objects: pairs.objects(plain.from, to), held }];
    }
    case "keep":
      return verdict.held === null && from === null ? [] : keptOf(verdict.reason, plain, app);
  }
}

/** Something about it cannot be said: it stays, and the reason is among the problems. */
function keptOf(reason: string, plain: Omit<PreviewChange, "kind" | "to" | "objects">, app: AppKey): readonly PreviewChange[] {
  return reason === "Synced" ? [] : [{ ...plain, app, kind: "changed", to: plain.from, objects: [], reason }];
}

const deletesIn = ({ changes }: PreviewRow): number =>
  changes.flatMap(({ objects }) => objects).filter(({ kind }) => kind === "deleted").length;

function without(problems: readonly Problem[], others: readonly Problem[]): readonly Problem[] {
  const keyOf = ({ code, message, cluster }: Problem): string => `${code} ${message} ${cluster ?? ""}`;
  const known = new Set(others.map(keyOf));
  return problems.filter((problem) => !known.has(keyOf(problem)));
}

/** Over all clusters. */
function countsOf(rows: readonly PreviewRow[]): PreviewAnswer["counts"] {
  const counts = { added: 0, changed: 0, deleted: 0, held: 0 };
  for (const { clusters, changes } of rows) {
    for (const { objects, held } of changes) {
      for (const { kind } of objects) counts[kind] += clusters.length;
      if (held.length > 0) counts.held += clusters.length;
    }
  }
  return counts;
}
