// What a chart was told of a cluster's APIs: when some of them are gone later, and objects with them, people have to be asked first.

import type { AskedCapabilities, RequestCapabilities } from "./request.ts";

/** Of an App on a cluster, by its own chart and those that rendered it. */
export type Told = {
  /** False: the cluster has reported nothing yet, and Helm's defaults stand in. */
  readonly known: boolean;
  /** What the charts ask for, as they write it: `apps/v1` or `apps/v1/Deployment`. */
  readonly asks: readonly string[] | "all";
  /** What of it the cluster has; of one that looks at all, the groups. Sorted. */
  readonly has: readonly string[];
};

/** Null: the chart does not ask. `asked` is what it asks for, `told` what the render was told. */
export function toldOf(asked: AskedCapabilities | null, told: RequestCapabilities | null): Told | null {
  if (asked === null || told === null) return null;
  const known = told.kubeVersion !== null || told.apiVersions !== null;
  const names = told.apiVersions ?? [];
  return { known, asks: asked.groups, has: asked.groups === "all" ? groupsOf(names) : names };
}

/** What several charts were told together. */
export function toldTogether(a: Told | null, b: Told | null): Told | null {
  if (a === null || b === null) return a ?? b;
  const asks = a.asks === "all" || b.asks === "all" ? "all" : union(a.asks, b.asks);
  return { known: a.known && b.known, asks, has: union(a.has, b.has) };
}

const union = (a: readonly string[], b: readonly string[]): readonly string[] => [...new Set([...a, ...b])].toSorted();

/** Groups but the core, which no cluster is without. */
function groupsOf(apiVersions: readonly string[]): readonly string[] {
  const groups = apiVersions.map((name) => name.split("/")).flatMap(([group = ""]) => (/^v\d/.test(group) ? [] : [group]));
  return [...new Set(groups)].toSorted();
}

/** True when one name is the other, or its group, or its version of the group. */
export function speaksOfApi(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}
