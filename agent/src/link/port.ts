// The link as the agent sees it, whatever carries it. Always opened from here; the hub never calls.

import type { Digest } from "@muster/proto/model/digest";
import type { Envelope } from "@muster/proto/model/envelope";
import type { FromAgent, FromHub } from "@muster/proto/model/session";

export type AgentSession = {
  send(message: FromAgent): void;
  /** What the hub says; ends when the session is over. Throws OperationError when it was lost or refused. */
  readonly messages: AsyncIterable<FromHub>;
  close(): void;
};

export type HubLink = {
  /** Opens a session. The certificate of the identity that it was made with is what the hub sees. */
  session(signal: AbortSignal): AgentSession;
  /** The bytes of a Release's transfer; a cut one goes on at its offset. Throws OperationError ("notFound" when the hub will not give it). */
  fetchRelease(release: Digest, base: Digest | null, signal: AbortSignal): Promise<Uint8Array>;
  /** Says what a command asked to see. Throws OperationError ("notFound" when nobody waits for it any more, "limit" when it is too large). */
  answer(commandId: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  renew(csr: Uint8Array): Promise<readonly Uint8Array[]>;
  close(): void;
};

export type LinkCredentials = {
  readonly key: string;
  readonly certificate: string;
  /** PEM of all CAs that the hub's certificate may come from. */ readonly authorities: string;
};

export type Enrolled = {
  readonly certificates: readonly Uint8Array[];
  readonly cluster: string;
  readonly fleet: string;
  readonly keyManifests: readonly Envelope[];
  /** PEM */ readonly authority: string;
};

export const linkLimits = {
  messageBytes: 1024 * 1024,
  transferBytes: 64 * 1024 * 1024,
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  greetingMs: 15_000,
  fetchTries: 5,
} as const;
