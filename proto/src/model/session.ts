// What hub and agent say to each other in a session, whatever carries it.

import type { CommandKind } from "./command.ts";
import type { Digest } from "./digest.ts";
import type { Envelope } from "./envelope.ts";
import type { AppKey } from "./identity.ts";
import type { AppStatus, ClusterFacts, RefusalCode } from "./status.ts";

export const protocolVersion = 1;

/** In a welcome's features: this hub answers each beat, so that an agent may take silence for a stream that is dead. */
export const answersBeats = "answers-beats";

/** In a hello's features: this agent obeys commands of the kind. An agent that does not say so would drop them in silence. */
export const commandFeatures = { inspect: "answers-inspect", redeliver: "obeys-redeliver" } as const satisfies Record<CommandKind, string>;

/** In a hello's features: this agent takes `observe`. In a welcome's: this hub says it, so that a list from another hub does not last. */
export const observes = "observes";

/** An App that a rollout watches: its agent says how long it has been well with this pin, at once when that is `healthyForMs`. */
export type ObservedApp = { readonly app: AppKey; readonly pin: Digest; readonly healthyForMs: number };

/** In one message, so that it fits into one whatever the Apps are called. */
export const observedMax = 1_000;

/** The newest bundle that an agent verified and keeps. */
export type AcceptedBundle = { readonly epoch: number; readonly signer: string; readonly generation: number; readonly digest: Digest };

export type Hello = {
  readonly kind: "hello";
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly features: readonly string[];
  readonly agentVersion: string;
  readonly clusterUid: string;
  readonly instance: string;
  readonly accepted: AcceptedBundle | null;
  readonly statusRoot: string;
  readonly trustVersion: number;
  readonly facts: ClusterFacts | null;
};

export type Ack = {
  readonly kind: "ack";
  readonly epoch: number;
  readonly generation: number;
  readonly digest: string;
  readonly refusal: RefusalCode | null;
  readonly message: string;
};

export type StatusReport = {
  readonly kind: "status";
  readonly seq: number;
  readonly apps: readonly AppStatus[];
  readonly forgotten: readonly AppKey[];
  /** These are all Apps of the cluster: what the hub knows beside them is gone. */
  readonly complete: boolean;
  /** In the last part of a full report that needs several: all Apps of the cluster; what the hub knows beside them is gone. */
  readonly all: readonly AppKey[] | null;
  /** How many statuses could not be read, and are left out. Not sent: found by whoever reads. */
  readonly malformed?: number;
  readonly facts: ClusterFacts | null;
};

/** What became of a command that asks for no answer, or why there is none. `code` is a public one, "" where it went well. */
export type CommandResult = {
  readonly kind: "commandResult";
  readonly id: string;
  readonly ok: boolean;
  readonly message: string;
  readonly code: string;
};

export type FromAgent = Hello | Ack | StatusReport | { readonly kind: "root"; readonly statusRoot: string } | CommandResult;

export type Rejection = "quarantined" | "revoked" | "version" | "replaced" | "unknown";

export type FromHub =
  | {
      readonly kind: "welcome";
      readonly protocol: number;
      readonly features: readonly string[];
      readonly beatMs: number;
      readonly reconnectWindowMs: number;
      readonly keyManifests: readonly Envelope[];
    }
  | { readonly kind: "bundle"; readonly envelope: Envelope }
  | { readonly kind: "current"; readonly digest: string }
  | { readonly kind: "statusAck"; readonly seq: number }
  | { readonly kind: "need"; readonly apps: readonly AppKey[] }
  | { readonly kind: "observe"; readonly apps: readonly ObservedApp[] }
  | { readonly kind: "command"; readonly envelope: Envelope }
  | { readonly kind: "throttle"; readonly statusIntervalMs: number }
  | { readonly kind: "drain"; readonly withinMs: number }
  | { readonly kind: "rejected"; readonly reason: Rejection; readonly message: string; readonly retryAfterMs: number };
