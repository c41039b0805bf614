// The moves that `why-changed` tells of: those of a cluster's newest bundle, the last ones of one App there, or an App's last move on every
// cluster that has it. Equal moves are one.

import type { ClusterName } from "@muster/proto/model/identity";
import type { MoveRow } from "../../store/store.ts";
import { Names, visit } from "./page.ts";

/** A move of the first of its clusters, and the one before it there; null where that is not remembered. */
export type Moved = {
  readonly move: MoveRow;
  readonly before: MoveRow | null;
  readonly clusters: readonly ClusterName[];
  readonly clusterCount: number;
};

/** `all`: of one cluster, newest first. `whole`: all of them, not only those of the newest bundle. */
export function movedOn(all: readonly MoveRow[], whole: boolean): readonly Moved[] {
  const asked = whole ? all : all.filter(({ generation }) => generation === all[0]?.generation);
  return asked.map((move) => {
    const before = all.find(({ app, generation }) => app === move.app && generation < move.generation) ?? null;
    return { move, before, clusters: [move.cluster], clusterCount: 1 };
  });
}

/** `all`: of one App, by cluster, newest first on each. */
export async function movedEverywhere(all: Iterable<MoveRow>, signal: AbortSignal): Promise<readonly Moved[]> {
  const groups = new Map<string, { readonly move: MoveRow; before: MoveRow | null; readonly names: Names }>();
  let last: { readonly cluster: ClusterName; group: { readonly move: MoveRow; before: MoveRow | null } | null } | null = null;
  await visit(all, signal, (move) => {
    if (last?.cluster === move.cluster) {
      const { group } = last;
      // The second newest of the cluster that stands for its group.
      if (group !== null && group.move.cluster === move.cluster) group.before ??= move;
      return;
    }
    const { cluster, generation: _generation, at: _at, ...same } = move;
    const key = JSON.stringify(same);
    const group = groups.get(key) ?? { move, before: null, names: new Names() };
    groups.set(key, group);
    group.names.add(cluster);
    last = { cluster, group };
  });
  return [...groups.values()].map(({ move, before, names }) => ({ move, before, ...names.told }));
}
