// The words of admitting: what a cluster holds, and what may become of it.

import type { AgentPolicy, Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { GuardName } from "@muster/proto/model/evidence";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { ReasonCode } from "@muster/proto/model/reasons";
import type { Manifest } from "@muster/proto/model/release";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement } from "../resolve/resolve.ts";

/** An App of a cluster's newest bundle. */
export type HeldApp = {
  readonly app: AppKey;
  readonly release: Digest;
  readonly policy: AgentPolicy;
  readonly dependsOn: readonly AppKey[];
  readonly parent: AppKey | null;
  /** From the root down to its parent, where there are several. */
  readonly ancestors?: readonly AppKey[];
  readonly onLeave: "orphan" | "delete";
  /** APIs that its render was told of when it was released; absent: it did not ask. */
  readonly apis?: readonly string[];
  /** Placement.withParent of when it was released. Absent: delete. */
  readonly withParent?: "delete" | "orphan";
};

export type HeldCluster = {
  readonly cluster: ClusterName;
  readonly apps: readonly HeldApp[];
  /** Of the newest bundle, without those whose end the agent has reported. */
  readonly tombstones: readonly Tombstone[];
  /** Of the newest bundle. */
  readonly approvals: readonly Digest[];
  /** True when the agent has reported that all of the newest bundle is done: then its approvals have served. */
  readonly settled: boolean;
  /** What its agent reports; null: nothing was reported. */
  readonly apis?: readonly string[] | null;
};

/** The manifest of a Release; undefined when it is not known, which is never read as empty. */
export type ManifestOf = (release: Digest) => Manifest | undefined;

export type AppVerdict =
  /** May be released. `deletes`: what goes with it. */
  | {
      readonly kind: "admit";
      readonly app: AppKey;
      readonly placement: Placement;
      readonly release: Digest;
      readonly deletes: readonly ObjectIdentity[];
    }
  /** Waits for an approval of `digest`; what is held stays. `removal`: it is the App itself that goes. */
  | {
      readonly kind: "hold";
      readonly app: AppKey;
      readonly reason: "GuardHeld" | "CapabilityShrunk";
      /** APIs that are gone from the cluster's report, and with them what is deleted. */
      readonly vanished: readonly string[];
      readonly guards: readonly GuardName[];
      readonly cause: "E_SHRINK" | "E_SELECTOR_EMPTIED" | null;
      readonly deletes: readonly ObjectIdentity[];
      readonly digest: Digest;
      readonly removal: boolean;
      readonly held: HeldApp;
    }
  /** Cannot be decided; what is held stays. Null: nothing was. */
  | { readonly kind: "keep"; readonly app: AppKey; readonly reason: ReasonCode; readonly held: HeldApp | null };

export type ClusterVerdict = {
  readonly cluster: ClusterName;
  /** Sorted by key: every App that is wanted or held and not under a tombstone. */
  readonly apps: readonly AppVerdict[];
  /** The whole list for the next bundle, sorted by App. */
  readonly tombstones: readonly Tombstone[];
  /** For the next bundle, sorted. */
  readonly approvals: readonly Digest[];
  readonly problems: readonly Problem[];
  /** When time alone changes it: milliseconds since 1970. Null: never. */
  readonly wakeAt: number | null;
};
