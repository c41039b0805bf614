// What something changed for: some clusters or Apps, or all of them.

import type { ClusterName } from "@muster/proto/model/identity";

export type Some<Name> = ReadonlySet<Name> | "all";
export type Touched = Some<ClusterName>;

export function union<Name>(a: Some<Name>, b: Some<Name>): Some<Name> {
  if (a === "all" || b === "all") return "all";
  if (a.size === 0) return b;
  return b.size === 0 ? a : new Set([...a, ...b]);
}
