// What an agent says about one App on its cluster.

import type { Digest } from "./digest.ts";
import type { AppKey, ObjectIdentity } from "./identity.ts";
import type { ReasonCode } from "./reasons.ts";

export type Health = "healthy" | "progressing" | "degraded" | "suspended" | "missing" | "unknown";
export type Outcome = "created" | "configured" | "unchanged" | "pruned" | "skipped" | "failed";

/** One object that needs a person's eye: a refused write, or bad health. Never carries values of Secrets. */
export type ObjectProblem = {
  readonly identity: ObjectIdentity;
  readonly reason: ReasonCode;
  readonly health: Health;
  readonly message: string;
  /** RFC 3339, UTC. */
  readonly since: string;
};

/** A change that somebody else made to a declared object. */
export type DriftRecord = {
  readonly identity: ObjectIdentity;
  readonly kind: "changed" | "deleted";
  /** JSON pointers of the changed fields, at most 20. */
  readonly fields: readonly string[];
  readonly manager: string;
  /** `Update`, `Apply`, `Delete` or `unknown`. */
  readonly operation: string;
  /** When the manager did it, as the API server recorded it; and when we saw it. RFC 3339, UTC. */
  readonly changedAt: string | null;
  readonly seenAt: string;
  readonly healedAt: string | null;
  readonly contested: boolean;
};

export type ObjectCounts = { readonly total: number; readonly applied: number; readonly failed: number; readonly healthy: number };

/** Pods of the newest template of an App's workloads, since the App is observed. */
export type SoakPods = {
  /** How many were looked at, of how many there are. */
  readonly sampled: number;
  readonly total: number;
  /** Container restarts. */
  readonly restarted: number;
  /** Pods that crash again and again. */
  readonly crashLoops: number;
  readonly oomKills: number;
};

/** For how long an App has been well, as far as its agent watched it. It changes by itself, so no digest is ever made over it. */
export type Soak = {
  /** Unbroken, by the agent's monotonic clock, with this very pin. What the agent did not watch does not count. */
  readonly healthyForMs: number;
  /** Null: not looked at yet, or the App has no pods. */
  readonly pods: SoakPods | null;
};

export type AppStatus = {
  readonly app: AppKey;
  /** Digest of the pin and its Release that this status is about. */
  readonly pin: Digest;
  readonly release: Digest;
  readonly generation: number;
  readonly reason: ReasonCode;
  readonly message: string;
  readonly since: string;
  readonly health: Health;
  readonly counts: ObjectCounts;
  readonly problems: readonly ObjectProblem[];
  /** Newest first, at most 20. */
  readonly drift: readonly DriftRecord[];
  /** True when nothing of the App is left in the inventory: what a tombstone waits for. */
  readonly inventoryEmpty: boolean;
  /** Deletes that wait for a person: what an approval has to name (see evidence.ts). */
  readonly held: Digest | null;
  /** Null where nobody observes the App with this pin, and in everything that is stored: it is true only when it is said. */
  readonly soak: Soak | null;
};

/** What the agent reports of the cluster itself: usable in values, never in selectors. */
export type ClusterFacts = {
  readonly kubernetesVersion: string;
  readonly apiVersions: readonly string[];
  readonly agentVersion: string;
};

/** Why an agent refused a bundle. */
export const refusals = {
  E_BAD_SIG: "the signature is missing, malformed or not by a key that this agent trusts",
  E_AUDIENCE: "it is for another cluster or fleet",
  E_EPOCH: "it comes from an older epoch",
  E_ROLLBACK: "its generation is lower than the accepted one",
  E_EQUIVOCATION: "the same generation has other content, or the epoch has another signer",
  E_UNSUPPORTED: "its schema or a critical feature is unknown",
  E_LIMIT: "it is larger than allowed",
  E_MALFORMED: "it cannot be read",
  E_DIGEST: "its content is not what its digest promises",
} as const;

export type RefusalCode = keyof typeof refusals;
