// The JSON of the hub's HTTP API, version 1: what api/ answers and what the command line and the dashboard read. Plain types only.
// Fields are only ever added. Times are RFC 3339, UTC. Lists are sorted by name.

import type { Digest } from "@muster/proto/model/digest";
import type { GuardName } from "@muster/proto/model/evidence";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { PlacementState, ReasonCode } from "@muster/proto/model/reasons";
import type { DriftRecord, Health, ObjectCounts, ObjectProblem } from "@muster/proto/model/status";

/** Where in a Source something stands. Lines and columns count from 1. */
export type Place = { readonly source: string; readonly path: string; readonly line?: number; readonly column?: number };

/** A fault or a warning that a person can do something about. */
export type Problem = {
  readonly severity: "error" | "warning";
  /** `E_YAML`, `E_UNKNOWN_KEY`, `W_NO_CLUSTERS`, ... */
  readonly code: string;
  /** What was tried, on what, and why it failed. */
  readonly message: string;
  readonly remedy?: string;
  readonly place?: Place;
  /** `App default//guestbook`, `Cluster berlin`. */
  readonly subject?: string;
  /** Where it is about one Placement only. */
  readonly cluster?: ClusterName;
};

/** Why a Source cannot be read now; its last Snapshot stays. */
export type SourceError = { readonly code: string; readonly message: string; readonly remedy: string; readonly place?: Place };

export type SourceRow = {
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  /** What is followed; null is the remote's HEAD branch. */
  readonly revision: string | null;
  /** null before the first fetch. */
  readonly commit: string | null;
  readonly fetchedAt: string | null;
  readonly stale: boolean;
  readonly error: SourceError | null;
  readonly problems: readonly Problem[];
};

export type ClusterRow = {
  readonly name: ClusterName;
  readonly labels: { readonly [key: string]: string };
  /** Enrolled, but no document in Git names it. */
  readonly provisional: boolean;
  readonly connected: boolean;
  /** null: never seen. */
  readonly lastSeen: string | null;
  /** The worst of its Apps, with that App's reason, message and since. */
  readonly state: PlacementState;
  readonly reason: ReasonCode;
  readonly message: string;
  readonly since: string;
  readonly apps: { readonly total: number; readonly synced: number };
  readonly generation: { readonly signed: number; readonly acked: number };
  /** The root Source's commit that the acknowledged bundle was resolved from; null before the first acknowledgement. */
  readonly commit: string | null;
  readonly kubernetesVersion: string | null;
  readonly agentVersion: string | null;
};

/** Which layer of an App's definition won somewhere: the document's path, and what the layer is (`app`, `target 2`). */
export type LayerRow = { readonly layer: string; readonly place: Place };

/** One App on one Cluster. */
export type AppRow = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly state: PlacementState;
  readonly reason: ReasonCode;
  readonly message: string;
  readonly since: string;
  readonly health: Health;
  /** What is released to the cluster now; null before the first release. */
  readonly release: Digest | null;
  readonly pin: Digest | null;
  readonly commit: string | null;
  readonly counts: ObjectCounts;
  readonly problems: readonly ObjectProblem[];
  readonly layers: readonly LayerRow[];
  /** True where its chart asks what the cluster has and the cluster has reported nothing yet: it is rendered with Helm's defaults. */
  readonly provisional?: boolean;
};

export type DriftRow = DriftRecord & { readonly app: AppKey; readonly cluster: ClusterName };

/** Placements or clusters by state; a state without any may be absent. */
export type StateCounts = { readonly [state in PlacementState]?: number };

export type Rollups = {
  readonly clusters: { readonly total: number; readonly connected: number; readonly states: StateCounts };
  readonly placements: { readonly total: number; readonly states: StateCounts };
};

/** `GET /api/v1/status` */
export type StatusAnswer = {
  readonly fleet: string;
  readonly asOf: string;
  readonly sources: readonly SourceRow[];
  /** What Apps take from elsewhere and cannot be fetched now. */
  readonly contents: readonly SourceRow[];
  readonly clusters: readonly ClusterRow[];
  readonly rollups: Rollups;
  /** Of the fleet as a whole: those of one Source are with it. */
  readonly problems: readonly Problem[];
};

/** A list answer. `next`: the cursor of the next page (`?after=`), null at the end; `total` counts all pages. */
export type Page<Row> = { readonly items: readonly Row[]; readonly next: string | null; readonly total: number; readonly asOf: string };

/** `GET /api/v1/clusters` */
export type ClustersAnswer = Page<ClusterRow>;
/** `GET /api/v1/apps?cluster=&app=` */
export type AppsAnswer = Page<AppRow>;
/** `GET /api/v1/drift?cluster=&app=` */
export type DriftAnswer = Page<DriftRow>;
/** `GET /api/v1/held` */
export type HeldAnswer = Page<HeldRow>;

/** A change that deletes more than the guards allow. Equal changes on several clusters are one row, approved together. */
export type HeldRow = {
  /** Short name of the digest, as `muster approve` takes it. */
  readonly id: string;
  /** null: it is a Snapshot of `source` that holds none of its documents any more. */
  readonly app: AppKey | null;
  readonly source?: string;
  readonly clusters: readonly ClusterName[];
  readonly guards: readonly GuardName[];
  /** Empty where an agent holds them by its own count, and of a Source: then `message` says how many. */
  readonly deletes: readonly ObjectIdentity[];
  readonly message: string;
  /** SHA-256 of the App and the sorted identities, or of Source, commit and documents: what an approval names. */
  readonly digest: Digest;
  readonly since: string;
};

/** `POST /api/v1/held/:id/approve` */
export type ApproveRequest = { readonly reason: string };
export type ApproveAnswer = { readonly id: string; readonly digest: Digest; readonly clusters: readonly ClusterName[] };

export const roles = ["viewer", "operator", "approver", "admin"] as const;
export type Role = (typeof roles)[number];

/** `POST /api/v1/tokens` */
export type TokenRequest =
  | {
      readonly kind: "join";
      readonly name?: string;
      /** The cluster's name is fixed to this one; without it the agent proposes one. */
      readonly cluster?: ClusterName;
      readonly labels?: { readonly [key: string]: string };
      readonly uses?: number;
      readonly ttlSeconds?: number;
      /** The rebuilt cluster that takes this name again; the old identity is revoked. */
      readonly replace?: ClusterName;
    }
  | { readonly kind: "api"; readonly name?: string; readonly role: Role; readonly ttlSeconds?: number };

/** The token is shown once. `command` is what to run with it on the other side. */
export type TokenAnswer = { readonly id: string; readonly token: string; readonly expiresAt: string; readonly command: string };

/** RFC 9457 (`application/problem+json`) with our code and remedy. */
export type ErrorAnswer = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly remedy: string;
};
