// What people do by hand, on its way into a judgement: which clusters it is news for, and the Placements with it taken in.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { withHands, type Act } from "../acts/acts.ts";
import type { Resolution } from "../resolve/resolve.ts";
import { union, type Touched } from "./touched.ts";

/** Remembers the acts of the last judgement. */
export class ActsSeen {
  #seen: ReadonlyMap<string, Act> = new Map();

  /** Clusters for which an act is new, another one now, or over; a pause is over when its time has come. */
  news(acts: readonly Act[], now: number): Touched {
    const before = this.#seen;
    this.#seen = new Map(acts.flatMap((act) => (counts(act, now) ? [[act.id, act]] : [])));
    let touched: Touched = new Set();
    for (const [id, act] of this.#seen) if (before.get(id) !== act) touched = union(touched, scopeOf(act));
    for (const [id, act] of before) if (!this.#seen.has(id)) touched = union(touched, scopeOf(act));
    return touched;
  }
}

const counts = (act: Act, now: number): boolean => act.kind === "sync" || (act.kind === "pause" && (act.until === null || act.until > now));
const scopeOf = ({ cluster }: Act): Touched => (cluster === null ? "all" : new Set([cluster]));

/** A resolution whose Placements move, on each cluster, as people said. */
export function handed(
  resolution: Resolution,
  acts: readonly Act[],
  heldSince: (cluster: ClusterName, app: AppKey) => number | undefined,
  now: number,
): Resolution {
  if (acts.length === 0) return resolution;
  const { placements } = resolution;
  const own = {
    count: placements.count,
    all: () => placements.all(),
    at: (cluster: ClusterName) => withHands(placements.at(cluster), acts, heldSince, now),
    of: (app: AppKey) => placements.of(app),
    get: (app: AppKey, cluster: ClusterName) => placements.get(app, cluster),
  };
  return { ...resolution, placements: own };
}
