// From documents to Placements: who runs what, with which settings, and what has to be rendered for it. Pure, and independent of the
// order of documents. What a cluster may lose is for admit/.

import type { Digest } from "@muster/proto/model/digest";
import type { FleetModel } from "./model.ts";
import type { RenderAnswer } from "./request.ts";
import type { Resolution, Settled } from "./resolution.ts";
import { ResolverState } from "./resolver.ts";

export type { Enrolled, ResolvedCluster } from "./clusters.ts";
export { resolveLimits } from "./limits.ts";
export type { FleetModel } from "./model.ts";
export type { LayerOrigin, Placement, Placements } from "./placements.ts";
export type { AskedCapabilities, RenderAnswer, RenderRequest, RequestCapabilities } from "./request.ts";
export type { Resolution, ResolvedApp, Settled } from "./resolution.ts";
export { rolloutWarnings } from "./rollout-warnings.ts";
export { speaksOfApi, type Told } from "./told.ts";

/** Resolves a fleet again and again, at the cost of what changed. Holds nothing but memos: what it answers is what a fresh one would. */
export class Resolver {
  #state = new ResolverState();

  /**
   * Resolves the fleet as it is now. Call it again with the answers to `needs` until there are none. Documents, answers and values
   * that did not change should be the same objects as before: equal ones cost a comparison. `changed`: keys of requests whose answer
   * differs since the last call; undefined: any may.
   */
  resolve(model: FleetModel, renders: ReadonlyMap<Digest, RenderAnswer>, changed?: ReadonlySet<Digest>): Resolution {
    try {
      return this.#state.turn(model, renders, changed);
    } catch (error) {
      this.#state = new ResolverState(); // half a turn is no memo
      throw error;
    }
  }

  /** What the last call answered, for who reads it longer than until the next one. Costs what changes later, once for each cluster. */
  settled(): Settled {
    return this.#state.settled();
  }
}

/** Resolves a fleet once. Call it again with the answers to `needs` until there are none. */
export function resolve(model: FleetModel, renders: ReadonlyMap<Digest, RenderAnswer>): Resolution {
  return new Resolver().resolve(model, renders);
}
