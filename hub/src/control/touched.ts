// Clusters that something changed for: some of them, or all.

import type { ClusterName } from "@muster/proto/model/identity";

export type Touched = ReadonlySet<ClusterName> | "all";

export function union(a: Touched, b: Touched): Touched {
  if (a === "all" || b === "all") return "all";
  if (a.size === 0) return b;
  return b.size === 0 ? a : new Set([...a, ...b]);
}
