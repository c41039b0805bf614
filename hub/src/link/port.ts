// The link as the hub sees it, whatever carries it: who may call is decided by the certificate at every call; what is said is in
// model/session. The loops in control/ answer.

import type { Digest } from "@muster/proto/model/digest";
import type { Envelope } from "@muster/proto/model/envelope";
import type { FromAgent, FromHub } from "@muster/proto/model/session";

/** What the hub's own CA vouches for. */
export type PeerCertificate = { readonly alternativeNames: string; readonly serial: string };

export type EnrollCall = {
  readonly token: string;
  readonly csr: Uint8Array;
  readonly clusterUid: string;
  readonly proposedName: string;
  readonly remote: string;
};
export type EnrollAnswer = {
  readonly certificates: readonly Uint8Array[];
  readonly cluster: string;
  readonly fleet: string;
  readonly keyManifests: readonly Envelope[];
};

/** The hub's end of one session. Queues only the newest of each kind; a peer that does not read for 30 s, or says nothing for 90 s, is cut. */
export type HubSession = {
  readonly remote: string;
  send(message: FromHub): void;
  /** Says a last thing, if there is one, and ends the stream. */
  end(last?: FromHub): void;
};

export type SessionEvents = {
  /** Called one after the other, in order; the next waits until the promise settles. A rejection ends the session. */
  message(message: FromAgent): Promise<void>;
  closed(): void;
};

/** `Identity` is whatever the caller makes of a certificate. */
export type LinkHandlers<Identity> = {
  /** undefined: a certificate that is none of this fleet, revoked or unknown. Asked at every call. */
  identify(certificate: PeerCertificate): Identity | undefined;
  enroll(call: EnrollCall): Promise<EnrollAnswer>;
  renew(identity: Identity, csr: Uint8Array): Promise<{ readonly certificates: readonly Uint8Array[] }>;
  session(identity: Identity, session: HubSession): SessionEvents;
  /** The bytes of a transfer; undefined when the caller may not have the Release, or it is not kept. */
  release(identity: Identity, release: Digest, base: Digest | null): Promise<Uint8Array | undefined>;
  /** True while somebody waits for this cluster's answer to the command: nothing else is taken in. */
  awaits(identity: Identity, commandId: string): boolean;
  /** The whole of an answer, compressed, as the agent sent it. Throws OperationError when it is none. */
  answered(identity: Identity, commandId: string, bytes: Uint8Array): Promise<void>;
};

export type Link = {
  readonly port: number;
  /** Destroys every connection that came with this certificate. */
  cut(serial: string): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export const linkLimits = {
  messageBytes: 1024 * 1024,
  connections: 20_000,
  /** How long a connection without a certificate may stay: it can only enrol. */
  anonymousMs: 30_000,
  streamsPerConnection: 16,
  handshakeMs: 5_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  stalledMs: 30_000,
  /** Three beats of an agent. */
  silentMs: 90_000,
  /** What a peer has to take the last word and its status, before its connection is destroyed. */
  lingerMs: 5_000,
  queuedMessages: 64,
  fetchesPerAgent: 8,
  /** Of one answer, compressed. */
  answerBytes: 16 * 1024 * 1024,
} as const;

export type LinkLimits = { readonly [K in keyof typeof linkLimits]: number };
