// What admitting is asked, and what it answers.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import type { Resolution } from "../resolve/resolve.ts";
import type { RemovalDelays } from "./departures.ts";
import type { ClusterVerdict, HeldCluster, ManifestOf } from "./verdict.ts";

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
