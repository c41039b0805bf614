// What resolving answers.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { ClusterGroup, Place, Problem } from "../fleet/fleet.ts";
import type { ResolvedCluster } from "./clusters.ts";
import type { Placements } from "./placements.ts";
import type { RenderRequest } from "./request.ts";

export type ResolvedApp = {
  readonly key: AppKey;
  readonly place: Place;
  readonly parent: AppKey | null;
  readonly ancestors: readonly AppKey[];
  /** Sorted. */
  readonly children: readonly AppKey[];
  readonly source: string;
  /** False: an App that only renders other Apps. */
  readonly targeted: boolean;
  /** The App's own word; a Placement may have another. */
  readonly onLeave: "orphan" | "delete";
};

/** What a Resolution tells; from `settled` of a Resolver it stays true, whatever the Resolver is called with later. */
export type Settled = Omit<Resolution, "requests"> & {
  readonly requests: { readonly get: (key: Digest) => RenderRequest | undefined };
};

/** Valid until the next call of the Resolver that answered it. What says the same as in the call before is the same object. */
export type Resolution = {
  readonly placements: Placements;
  /** Requests without an answer, sorted by key: render them, and call again. */
  readonly needs: readonly RenderRequest[];
  /** What is asked for now, answered or not. Always the same map: it is changed in place. */
  readonly requests: ReadonlyMap<Digest, RenderRequest>;
  /** Sorted by name. */
  readonly clusters: readonly ResolvedCluster[];
  /** By name. */
  readonly groups: ReadonlyMap<string, ClusterGroup>;
  /** Sorted by key. */
  readonly apps: readonly ResolvedApp[];
  readonly problems: readonly Problem[];
  /** Apps whose children are not all known, whose Placements could not all be resolved, or that are there and cannot be read: nothing of theirs may be taken away. */
  readonly incomplete: ReadonlySet<AppKey>;
  /** Clusters whose document is in dispute or cannot be read: nothing there may change. */
  readonly undecided: ReadonlySet<ClusterName>;
  /** Sources that may hold more than is known: Apps of theirs that are not declared may not be taken away. */
  readonly unreadable: ReadonlySet<string>;
  /** To be kept, and given to the next run. */
  readonly incumbents: ReadonlyMap<string, string>;
  /** Clusters of which a Placement, or what is told of them here, differs from the call before; that came, left or became undecided. */
  readonly touched: ReadonlySet<ClusterName> | "all";
  /** Apps of which a Placement, or what is told of them here, differs from the call before; that came, left, or are known better or worse. */
  readonly touchedApps: ReadonlySet<AppKey> | "all";
};
