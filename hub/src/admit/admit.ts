// What of a resolution may reach the clusters: between what people wrote and what is released stands the question what it would
// delete. Pure; releasing, and asking people, is for others.

import type { Admission, AdmitInput } from "./admission.ts";
import { AdmitterState } from "./admitter.ts";

export type { Admission, AdmitInput } from "./admission.ts";
export { removalDelays, type RemovalDelays } from "./departures.ts";
export { admitSource, type SourceReading, type SourceVerdict } from "./source.ts";
export type { AppVerdict, ClusterVerdict, HeldApp, HeldCluster, ManifestOf } from "./verdict.ts";

/** Admits again and again, at the cost of what changed. Holds nothing but memos: what it says is what a fresh one would. */
export class Admitter {
  #state = new AdmitterState();

  /** Decides clusters. Throws a TypeError when the resolution still has needs: it would look as if Apps were gone. */
  admit(input: AdmitInput): Admission {
    const { needs } = input.resolution;
    if (needs.length > 0) throw new TypeError(`a resolution with ${needs.length} unanswered needs cannot be admitted`);
    try {
      return this.#state.turn(input);
    } catch (error) {
      this.#state = new AdmitterState(); // half a turn is no memo
      throw error;
    }
  }
}

/** Decides every cluster once. */
export function admit(input: Omit<AdmitInput, "only" | "apps">): Admission {
  return new Admitter().admit(input);
}
