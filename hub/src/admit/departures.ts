// Apps that a cluster holds and that are not meant for it any more: why, what becomes of them, and whether so many go at once that
// somebody has to look first. Never on an error: what cannot be read has not departed.

import { guardLimits } from "@muster/proto/model/evidence";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import type { Resolution } from "../resolve/resolve.ts";
import type { HeldApp, HeldCluster } from "./verdict.ts";

/** Milliseconds until what is deleted, or let go, is acted on. */
export type RemovalDelays = { readonly removeMs: number; readonly orphanMs: number };

export const removalDelays: RemovalDelays = { removeMs: 30 * 60_000, orphanMs: 24 * 3_600_000 };

export type Departure = {
  readonly mode: "delete" | "orphan";
  readonly delayMs: number;
  readonly cause: "E_SHRINK" | "E_SELECTOR_EMPTIED" | null;
};

export type Departures = {
  /** Undefined: it has not departed. */
  of(cluster: ClusterName, app: HeldApp): Departure | undefined;
  /** False when an App that is not there may only be unreadable. */
  isSure(cluster: ClusterName, app: AppKey): boolean;
  readonly problems: readonly Problem[];
};

/** What of a resolution departures are told by. */
export type Declared = Pick<Resolution, "apps" | "placements" | "incomplete" | "undecided" | "unreadable" | "incumbents">;

/** Finds what departs from all clusters together, so that a mass departure is seen as one. */
export function findDepartures(clusters: readonly HeldCluster[], declared: Declared, delays: RemovalDelays = removalDelays): Departures {
  const known = new Known(declared, delays);
  const origins = new Map<string, { held: number; going: number }>();
  const emptied = new Map<AppKey, Emptied>();
  for (const { cluster, apps } of clusters) {
    for (const app of apps) {
      const departs = known.departure(cluster, app);
      const going = departs?.mode === "delete" ? 1 : 0;
      const origin = origins.get(originOf(app)) ?? { held: 0, going: 0 };
      origins.set(originOf(app), { held: origin.held + 1, going: origin.going + going });
      if (departs === undefined || !known.isDeclared(app.app) || known.isPlaced(app.app)) continue;
      emptied.set(app.app, { held: (emptied.get(app.app)?.held ?? 0) + 1, mode: departs.mode });
    }
  }
  const shrunk = new Set(
    [...origins]
      .filter(([, { held, going }]) => going > Math.max(guardLimits.clusterMin, guardLimits.clusterShare * held))
      .map(([name]) => name),
  );
  return {
    of(cluster, app) {
      const departs = known.departure(cluster, app);
      if (departs?.mode !== "delete") return departs;
      if (emptied.has(app.app)) return { ...departs, cause: "E_SELECTOR_EMPTIED" };
      return shrunk.has(originOf(app)) ? { ...departs, cause: "E_SHRINK" } : departs;
    },
    isSure: (cluster, app) => !known.isUnsure(cluster, app, null),
    problems: [...emptied].map(([app, held]) => known.emptiedProblem(app, held)),
  };
}

type Emptied = { readonly held: number; readonly mode: Departure["mode"] };

/** Apps are counted by what made them: their parent, or the files. */
const originOf = (app: HeldApp): string => app.parent ?? "";

class Known {
  readonly #declared: Declared;
  readonly #delays: RemovalDelays;
  readonly #apps: ReadonlyMap<AppKey, Declared["apps"][number]>;

  constructor(declared: Declared, delays: RemovalDelays) {
    this.#declared = declared;
    this.#delays = delays;
    this.#apps = new Map(declared.apps.map((app) => [app.key, app]));
  }

  isPlaced(app: AppKey): boolean {
    return this.#declared.placements.of(app).length > 0;
  }

  isDeclared(app: AppKey): boolean {
    return this.#apps.has(app);
  }

  departure(cluster: ClusterName, held: HeldApp): Departure | undefined {
    if (this.#declared.placements.get(held.app, cluster) !== undefined || this.isUnsure(cluster, held.app, held.parent)) return undefined;
    return this.#asPruned(held, this.#departure(held));
  }

  #departure({ app, parent, onLeave, withParent }: HeldApp): Departure {
    const declared = this.#apps.get(app);
    if (declared !== undefined) return this.#depart(declared.targeted ? declared.onLeave : onLeave);
    const parentGone = parent !== null && !this.#apps.has(parent);
    return this.#depart(parentGone && withParent === "orphan" ? "orphan" : "delete");
  }

  #depart(mode: Departure["mode"]): Departure {
    return { mode, delayMs: mode === "delete" ? this.#delays.removeMs : this.#delays.orphanMs, cause: null };
  }

  /** An App that never deletes does not delete when it goes either. */
  #asPruned({ policy }: HeldApp, departs: Departure): Departure {
    return policy.prune ? departs : this.#depart("orphan");
  }

  isUnsure(cluster: ClusterName, app: AppKey, parent: AppKey | null): boolean {
    const { incomplete, undecided, unreadable, incumbents } = this.#declared;
    if (undecided.has(cluster) || incomplete.has(app) || (parent !== null && incomplete.has(parent))) return true;
    return unreadable.size > 0 && !this.#apps.has(app) && !incumbents.has(`App ${app}`);
  }

  emptiedProblem(app: AppKey, { held, mode }: Emptied): Problem {
    const place = this.#apps.get(app)?.place;
    const deletes = mode === "delete";
    return {
      code: deletes ? "E_SELECTOR_EMPTIED" : "W_SELECTOR_EMPTIED",
      severity: deletes ? "error" : "warning",
      message: `App ${app} ran on ${held} ${held === 1 ? "cluster" : "clusters"} and its targets match none any more: ${deletes ? "it stays until somebody agrees" : "it is let go, not deleted, after 24h"}`,
      remedy: "check its targets and the clusters' labels",
      ...(place !== undefined && { place }),
      subject: `App ${app}`,
    };
  }
}
