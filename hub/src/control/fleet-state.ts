// What the fleet loop decided last: what every cluster shall run, and why some of it waits. In memory; made anew from Git and the record.

import type { Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { GuardName } from "@muster/proto/model/evidence";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { ReasonCode } from "@muster/proto/model/reasons";
import type { Problem } from "../fleet/fleet.ts";
import type { FleetModel, Placement, RenderAnswer, ResolvedCluster, Settled } from "../resolve/resolve.ts";
import type { ReleasedRow } from "../store/store.ts";
import type { Contents } from "./sources/fleet-sources.ts";
import type { SourceView } from "./sources/source-loop.ts";

/** Why a wanted pin is not released, or cannot be had. `since` is milliseconds since 1970. */
export type Waiting = {
  readonly reason: ReasonCode;
  readonly message: string;
  readonly since: number;
  /** The pin that waits for a hand. */
  readonly pin?: Digest;
};

/** A change that the guards hold. */
export type Held = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly guards: readonly GuardName[];
  /** APIs that are gone from the cluster's report, and with them what is deleted. */
  readonly vanished: readonly string[];
  readonly deletes: readonly ObjectIdentity[];
  readonly digest: Digest;
  readonly since: number;
};

/** A Snapshot that would take away all that its Source said. */
export type HeldSource = {
  readonly source: string;
  readonly commit: string;
  /** Keys of the documents that would go. */
  readonly documents: readonly string[];
  readonly digest: Digest;
  readonly since: number;
};

/** What one cluster shall hold from now on. */
export type Decided = {
  readonly cluster: ResolvedCluster;
  readonly placements: ReadonlyMap<AppKey, Placement>;
  /** The content of the next bundle. */
  readonly released: ReadonlyMap<AppKey, ReleasedRow>;
  readonly tombstones: readonly Tombstone[];
  readonly approvals: readonly Digest[];
  readonly waits: ReadonlyMap<AppKey, Waiting>;
  readonly held: readonly Held[];
  /** Digest of all that: a bundle with this content needs no new signature. */
  readonly content: Digest;
  /** Its document is in dispute or cannot be read: nothing there changes. */
  readonly undecided: boolean;
};

export type FleetState = {
  /** The commit that was decided on; null before the first. */
  readonly commit: string | null;
  readonly serial: number;
  readonly clusters: ReadonlyMap<ClusterName, Decided>;
  readonly problems: readonly Problem[];
  readonly heldSources?: readonly HeldSource[];
};

/** What a decision was made from: what questions about it are answered from. Nothing of it changes, whatever is decided meanwhile. */
export type Basis = {
  readonly model: FleetModel;
  readonly resolution: Settled;
  /** Of renders that hold Apps. */
  readonly answers: ReadonlyMap<Digest, RenderAnswer>;
  readonly contents: Contents;
  /** As they were read then, the root first. */
  readonly sources: readonly SourceView[];
  readonly problems: readonly Problem[];
};

export const nothingDecided: FleetState = { commit: null, serial: 0, clusters: new Map(), problems: [] };
