// What of a resolution may reach the clusters: between what people wrote and what is released stands the question what it would
// delete. Pure; releasing, and asking people, is for others.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { Problem } from "../fleet/fleet.ts";
import type { Resolution } from "../resolve/resolve.ts";
import { decideCluster } from "./cluster.ts";
import { findDepartures, removalDelays, type RemovalDelays } from "./departures.ts";
import { Conflicts } from "./conflicts.ts";
import { Manifests } from "./manifests.ts";
import type { ClusterVerdict, HeldCluster, ManifestOf } from "./verdict.ts";

export { removalDelays, type RemovalDelays } from "./departures.ts";
export { admitSource, type SourceReading, type SourceVerdict } from "./source.ts";
export type { AppVerdict, ClusterVerdict, HeldApp, HeldCluster, ManifestOf } from "./verdict.ts";

export type AdmitInput = {
  /** A resolution without needs. */
  readonly resolution: Resolution;
  /** Every enrolled cluster, also those that hold nothing yet. */
  readonly clusters: readonly HeldCluster[];
  readonly manifestOf: ManifestOf;
  /** Digests of deletions that people approved. */
  readonly approvals: ReadonlySet<Digest>;
  /** How long what departs stays; `removalDelays` where it is not said. */
  readonly delays?: RemovalDelays;
  /** Milliseconds since 1970. */
  readonly now: number;
};

export type Admission = {
  /** Sorted by cluster. */
  readonly clusters: readonly ClusterVerdict[];
  /** Of all clusters, and of the fleet as a whole. */
  readonly problems: readonly Problem[];
};

/** Decides every cluster. Throws a TypeError when the resolution still has needs: it would look as if Apps were gone. */
export function admit(input: AdmitInput): Admission {
  const { resolution, clusters, manifestOf, approvals, now, delays = removalDelays } = input;
  if (resolution.needs.length > 0) throw new TypeError(`a resolution with ${resolution.needs.length} unanswered needs cannot be admitted`);
  const departures = findDepartures(clusters, resolution, delays);
  const shared = { departures, conflicts: new Conflicts(), manifests: new Manifests(manifestOf), approvals, delays, now };
  const verdicts = clusters
    .toSorted((a, b) => byCodeUnits(a.cluster, b.cluster))
    .map((held) => {
      const undecided = resolution.undecided.has(held.cluster);
      return decideCluster({ ...shared, held, wanted: resolution.placements.at(held.cluster), undecided });
    });
  return { clusters: verdicts, problems: [...departures.problems, ...verdicts.flatMap(({ problems }) => problems)] };
}
