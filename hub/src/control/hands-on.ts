// Placements as people's words and pauses leave them: looked at cluster by cluster, where they are judged.

import type { ClusterName } from "@muster/proto/model/identity";
import { actsOf, withHands, type Act } from "../acts/acts.ts";
import type { Placements } from "../resolve/resolve.ts";
import type { Memory } from "./memory.ts";

const known = new WeakMap<object, Act>();

/** The acts that what is released depends on; the same objects while their rows are the same. */
export function handActs(rows: Iterable<{ readonly body: unknown }>): readonly Act[] {
  return [...rows].flatMap((row) => {
    const act = known.get(row) ?? actsOf([row])[0];
    if (act === undefined || act.kind === "redeliver") return [];
    known.set(row, act);
    return [act];
  });
}

export function withHandsOn(placements: Placements, acts: readonly Act[], members: Memory["members"], now: number): Placements {
  // Without an act nothing waits for a hand differently than Git says.
  if (acts.length === 0) return placements;
  const since = (cluster: ClusterName, app: Parameters<Placements["of"]>[0]): number | undefined =>
    members.get(cluster)?.released.get(app)?.since;
  return {
    ...placements,
    count: placements.count,
    all: () => withHands([...placements.all()], acts, since, now),
    at: (cluster) => withHands(placements.at(cluster), acts, since, now),
    of: (app) => withHands(placements.of(app), acts, since, now),
    get: (app, cluster) => {
      const placement = placements.get(app, cluster);
      return placement === undefined ? undefined : withHands([placement], acts, since, now)[0];
    },
  };
}
