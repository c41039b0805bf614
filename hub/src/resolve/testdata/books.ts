// Placements as a Resolution gives them, from a list.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Placement, Placements } from "../resolve.ts";

export function bookOf(list: readonly Placement[]): Placements {
  const sorted = list.toSorted((a, b) => byCodeUnits(a.app, b.app) || byCodeUnits(a.cluster, b.cluster));
  return {
    count: sorted.length,
    all: () => sorted,
    at: (name) => sorted.filter(({ cluster }) => cluster === name),
    of: (key) => sorted.filter(({ app }) => app === key),
    get: (key, name) => sorted.find(({ app, cluster }) => app === key && cluster === name),
  };
}
