// What of a resolution may reach the clusters: between what people wrote and what is released stands the question what it would
// delete. Pure; releasing, and asking people, is for others.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import type { Resolution } from "../resolve/resolve.ts";
import { AdmitterState } from "./admitter.ts";
import type { RemovalDelays } from "./departures.ts";
import type { ClusterVerdict, HeldCluster, ManifestOf } from "./verdict.ts";

export { removalDelays, type RemovalDelays } from "./departures.ts";
export { admitSource, type SourceReading, type SourceVerdict } from "./source.ts";
export type { AppVerdict, ClusterVerdict, HeldApp, HeldCluster, ManifestOf } from "./verdict.ts";

export type AdmitInput = {
  /** A resolution without needs. */
  readonly resolution: Resolution;
  /** Every enrolled cluster, also those that hold nothing yet; with `only` those of them. */
  readonly clusters: readonly HeldCluster[];
  /**
   * Clusters that changed since the last call: what they hold (another HeldCluster), or `touched` by any call of the Resolver since. One
   * that is not among `clusters` is not enrolled any more. Others are judged as well where the fleet as a whole, the time or an approval
   * changes their verdict. Undefined: all.
   */
  readonly only?: ReadonlySet<ClusterName>;
  /** With `only`: Apps touched since the last call; `resolution.touchedApps` where it is not said. */
  readonly apps?: ReadonlySet<AppKey> | "all";
  readonly manifestOf: ManifestOf;
  /** Digests of deletions that people approved. Another set when it changes. */
  readonly approvals: ReadonlySet<Digest>;
  /** How long what departs stays; `removalDelays` where it is not said. */
  readonly delays?: RemovalDelays;
  /** Milliseconds since 1970. */
  readonly now: number;
};

export type Admission = {
  /** Sorted by cluster: those that were judged. */
  readonly clusters: readonly ClusterVerdict[];
  /** Of all clusters, judged now or before, and of the fleet as a whole. */
  readonly problems: readonly Problem[];
};

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
