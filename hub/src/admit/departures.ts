// Apps that a cluster holds and that are not meant for it any more: why, what becomes of them, and whether so many go at once that
// somebody has to look first. Never on an error: what cannot be read has not departed.

import { guardLimits } from "@muster/proto/model/evidence";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import type { Resolution } from "../resolve/resolve.ts";
import type { HeldApp } from "./verdict.ts";

/** Milliseconds until what is deleted, or let go, is acted on. */
export type RemovalDelays = { readonly removeMs: number; readonly orphanMs: number };

export const removalDelays: RemovalDelays = { removeMs: 30 * 60_000, orphanMs: 24 * 3_600_000 };

export type Departure = {
  readonly mode: "delete" | "orphan";
  readonly delayMs: number;
  readonly cause: "E_SHRINK" | "E_SELECTOR_EMPTIED" | null;
};

/** What of a resolution departures are told by. */
export type Declared = Pick<Resolution, "apps" | "placements" | "incomplete" | "undecided" | "unreadable" | "incumbents">;

/** What one cluster adds to the sums of the fleet. */
type Share = {
  /** Origin -> Apps that it holds, and how many of them are to be deleted. */
  readonly origins: ReadonlyMap<string, { readonly held: number; readonly going: number }>;
  /** Apps that it holds and that match nobody any more. */
  readonly emptied: ReadonlyMap<AppKey, Departure["mode"]>;
};

const nothing: Share = { origins: new Map(), emptied: new Map() };

/** Apps are counted by what made them: their parent, or the files. */
export const originOf = (app: HeldApp): string => app.parent ?? "";

/** What departs from all clusters together, so that a mass departure is seen as one. Kept as sums, a share of each cluster. */
export class Departures {
  readonly #shares = new Map<ClusterName, Share>();
  readonly #origins = new Map<string, { held: number; going: number }>();
  readonly #emptied = new Map<AppKey, Map<ClusterName, Departure["mode"]>>();
  #known: Known | undefined;

  /** Begins a turn. */
  declare(declared: Declared, delays: RemovalDelays): void {
    this.#known = new Known(declared, delays, this.#known);
  }

  /** Takes what a cluster holds now; `departing`: those of its Apps that have no Placement there. */
  count(cluster: ClusterName, apps: readonly HeldApp[], departing: readonly HeldApp[]): void {
    const origins = new Map<string, { held: number; going: number }>();
    for (const app of apps) {
      const origin = origins.get(originOf(app));
      if (origin === undefined) origins.set(originOf(app), { held: 1, going: 0 });
      else origin.held += 1;
    }
    const emptied = new Map<AppKey, Departure["mode"]>();
    for (const app of departing) {
      const departs = this.#fleet.departure(cluster, app);
      const origin = origins.get(originOf(app));
      if (departs?.mode === "delete" && origin !== undefined) origin.going += 1;
      if (departs !== undefined && this.#fleet.isEmptied(app.app)) emptied.set(app.app, departs.mode);
    }
    this.#put(cluster, { origins, emptied });
  }

  forget(cluster: ClusterName): void {
    this.#put(cluster, nothing);
    this.#shares.delete(cluster);
  }

  /** Undefined: it has not departed. */
  of(cluster: ClusterName, app: HeldApp): Departure | undefined {
    const departs = this.#fleet.departure(cluster, app);
    if (departs?.mode !== "delete") return departs;
    if (this.#emptied.has(app.app)) return { ...departs, cause: "E_SELECTOR_EMPTIED" };
    return this.#isShrunk(originOf(app)) ? { ...departs, cause: "E_SHRINK" } : departs;
  }

  isDeclared(app: AppKey): boolean {
    return this.#fleet.isDeclared(app);
  }

  /** False when an App that is not there may only be unreadable. */
  isSure(cluster: ClusterName, app: AppKey): boolean {
    return !this.#fleet.isUnsure(cluster, app, null);
  }

  /** The causes of the fleet as a whole, which hold back what departs anywhere: `E_SHRINK` by origin, `E_SELECTOR_EMPTIED` by App. */
  causes(): { readonly shrunk: ReadonlySet<string>; readonly emptied: ReadonlySet<AppKey> } {
    return {
      shrunk: new Set([...this.#origins.keys()].filter((origin) => this.#isShrunk(origin))),
      emptied: new Set(this.#emptied.keys()),
    };
  }

  get problems(): readonly Problem[] {
    return [...this.#emptied]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([app, held]) => this.#fleet.emptiedProblem(app, held.size, [...held.values()].includes("delete")));
  }

  get #fleet(): Known {
    if (this.#known === undefined) throw new TypeError("departures are asked for before a resolution was declared");
    return this.#known;
  }

  #isShrunk(origin: string): boolean {
    const { held, going } = this.#origins.get(origin) ?? { held: 0, going: 0 };
    return going > Math.max(guardLimits.clusterMin, guardLimits.clusterShare * held);
  }

  #put(cluster: ClusterName, share: Share): void {
    const was = this.#shares.get(cluster) ?? nothing;
    this.#add(was, -1);
    this.#add(share, 1);
    for (const app of was.emptied.keys()) {
      const held = this.#emptied.get(app);
      held?.delete(cluster);
      if (held?.size === 0) this.#emptied.delete(app);
    }
    for (const [app, mode] of share.emptied) this.#emptied.set(app, (this.#emptied.get(app) ?? new Map()).set(cluster, mode));
    this.#shares.set(cluster, share);
  }

  #add({ origins }: Share, sign: 1 | -1): void {
    for (const [name, { held, going }] of origins) {
      const origin = this.#origins.get(name) ?? { held: 0, going: 0 };
      origin.held += sign * held;
      origin.going += sign * going;
      if (origin.held === 0) this.#origins.delete(name);
      else this.#origins.set(name, origin);
    }
  }
}

class Known {
  readonly #declared: Declared;
  readonly #delays: RemovalDelays;
  readonly #apps: ReadonlyMap<AppKey, Declared["apps"][number]>;

  constructor(declared: Declared, delays: RemovalDelays, before: Known | undefined) {
    this.#declared = declared;
    this.#delays = delays;
    const same = before !== undefined && before.#declared.apps === declared.apps;
    this.#apps = same ? before.#apps : new Map(declared.apps.map((app) => [app.key, app]));
  }

  isDeclared(app: AppKey): boolean {
    return this.#apps.has(app);
  }

  /** Declared, and on no cluster. */
  isEmptied(app: AppKey): boolean {
    return this.#apps.has(app) && this.#declared.placements.of(app).length === 0;
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

  emptiedProblem(app: AppKey, held: number, deletes: boolean): Problem {
    const place = this.#apps.get(app)?.place;
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
