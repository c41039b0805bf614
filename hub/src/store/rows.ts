// What the store holds, as the rest of the hub sees it. Times are milliseconds since 1970.

import type { AgentPolicy, Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { Manifest } from "@muster/proto/model/release";
import type { AppStatus, ClusterFacts, RefusalCode } from "@muster/proto/model/status";
import type { ActRow, ActWrite, EnrolmentRow, EnrolmentWrite } from "./acts.ts";
import type { MoveRow } from "./history.ts";

export type { ActRow, EnrolmentRow } from "./acts.ts";
export type { MoveRow } from "./history.ts";

export type TokenRow = {
  readonly id: string;
  readonly kind: "join" | "api";
  readonly hash: Digest;
  readonly name: string;
  readonly role: string | null;
  readonly tenant: string;
  readonly cluster: ClusterName | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly usesLeft: number;
  readonly replace: boolean;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
};

export type ClusterRow = {
  readonly name: ClusterName;
  readonly uid: string;
  readonly enrolledAt: number;
  /** Of its token: what it has until a Cluster document says otherwise. */
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: ClusterFacts | null;
  readonly ackedGeneration: number;
  readonly ackedDigest: string;
  readonly refusal: RefusalCode | null;
  readonly refusalMessage: string;
  readonly lastSeen: number;
};

export type CertificateRow = {
  readonly serial: string;
  readonly cluster: ClusterName;
  readonly uid: string;
  readonly notAfter: number;
  readonly revokedAt: number | null;
};

/** One App of a cluster's newest bundle. `commit` is the Snapshot it came from, `since` when it was released. */
export type ReleasedRow = {
  readonly app: AppKey;
  readonly release: Digest;
  readonly policy: AgentPolicy;
  readonly dependsOn: readonly AppKey[];
  readonly parent: AppKey | null;
  /** From the root down to its parent, where there are several. */
  readonly ancestors?: readonly AppKey[];
  readonly onLeave: "orphan" | "delete";
  /** What becomes of it when its parent goes. */
  readonly withParent: "orphan" | "delete";
  /** APIs of the cluster that its render was told of; absent: its charts do not ask. */
  readonly apis?: readonly string[];
  readonly commit: string;
  readonly since: number;
};

export type BundleRow = {
  readonly cluster: ClusterName;
  /** The cluster's UID that it was signed for. */
  readonly uid: string;
  readonly generation: number;
  readonly epoch: number;
  readonly digest: Digest;
  readonly content: Digest;
  readonly envelope: Uint8Array;
  readonly releases: readonly Digest[];
  readonly approvals: readonly Digest[];
};

export type DocumentRow = { readonly key: string; readonly source: string; readonly path: string; readonly body: JsonValue };

export type SourceRow = { readonly name: string; readonly commit: string; readonly body: JsonValue };

export type ApprovalRow = { readonly digest: Digest; readonly actor: string; readonly reason: string; readonly at: number };

/** Everything that the loops hold in memory, read once at the start. */
export type StoredState = {
  readonly meta: ReadonlyMap<string, string>;
  readonly tokens: readonly TokenRow[];
  readonly clusters: readonly ClusterRow[];
  readonly certificates: readonly CertificateRow[];
  /** Newest first. */
  readonly bundles: readonly BundleRow[];
  readonly released: readonly { readonly cluster: ClusterName; readonly row: ReleasedRow }[];
  readonly tombstones: readonly { readonly cluster: ClusterName; readonly tombstone: Tombstone }[];
  readonly statuses: readonly { readonly cluster: ClusterName; readonly status: AppStatus }[];
  readonly documents: readonly DocumentRow[];
  readonly sources: readonly SourceRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly acts: readonly ActRow[];
  readonly enrolments: readonly EnrolmentRow[];
};

/** Rows of a cluster that are new or differ, and Apps that it holds no more. */
export type ReleasedChange = { readonly put: readonly ReleasedRow[]; readonly drop: readonly AppKey[] };

/** One change. A commit takes a list of them and makes all durable, or none. */
export type Write =
  | ActWrite
  | EnrolmentWrite
  | { readonly kind: "meta"; readonly key: string; readonly value: string }
  | { readonly kind: "token"; readonly row: TokenRow }
  | { readonly kind: "tokenUsed"; readonly id: string }
  | { readonly kind: "cluster"; readonly row: ClusterRow }
  | { readonly kind: "certificate"; readonly row: CertificateRow }
  | { readonly kind: "revoke"; readonly cluster: ClusterName; readonly exceptUid: string | null; readonly at: number }
  | {
      readonly kind: "bundle";
      readonly row: BundleRow;
      readonly released: ReleasedChange;
      readonly tombstones: readonly Tombstone[];
    }
  /** What only the hub acts on changed; the newest bundle stays. */
  | { readonly kind: "released"; readonly cluster: ClusterName; readonly released: ReleasedChange }
  | {
      readonly kind: "status";
      readonly cluster: ClusterName;
      readonly statuses: readonly AppStatus[];
      readonly forgotten: readonly AppKey[];
    }
  | { readonly kind: "release"; readonly digest: Digest; readonly manifest: Manifest; readonly objects: ReadonlyMap<Digest, string> }
  | { readonly kind: "render"; readonly variant: Digest; readonly release: Digest | null; readonly body: JsonValue; readonly at: number }
  /** These Releases have to be rendered again. */
  | { readonly kind: "rendersGone"; readonly releases: readonly Digest[] }
  | { readonly kind: "documents"; readonly put: readonly DocumentRow[]; readonly drop: readonly string[] }
  | { readonly kind: "source"; readonly row: SourceRow }
  | { readonly kind: "sourcesGone"; readonly names: readonly string[] }
  | { readonly kind: "approval"; readonly row: ApprovalRow }
  | { readonly kind: "moves"; readonly rows: readonly MoveRow[] }
  /** Forgets renders that were not used since `before`, and every Release and object that nothing names any more. `used`: Variants that were, up to now. */
  | { readonly kind: "sweep"; readonly used: readonly Digest[]; readonly before: number; readonly at: number };
