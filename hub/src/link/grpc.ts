// The link over gRPC on one port. Our own TLS server asks for a client certificate but does not insist, so that enrolment and sessions
// share the port; every call is judged by the certificate that its connection brought.

import { once, type EventEmitter } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import * as grpc from "@grpc/grpc-js";

import { EnrollmentServiceService, type EnrollmentServiceServer } from "@muster/proto/gen/muster/v1/enrollment";
import { LinkServiceService, type LinkServiceServer, type SessionRequest, type SessionResponse } from "@muster/proto/gen/muster/v1/link";
import { toWireEnvelope } from "@muster/proto/codec/envelope";
import { transferLimits } from "@muster/proto/codec/transfer";
import { isDigest, type Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { linkLimits, type Link, type LinkHandlers, type LinkLimits } from "./port.ts";
import { statusError, toStatus } from "./grpc-status.ts";
import { takeAnswer } from "./grpc-answer.ts";
import { serveSession } from "./grpc-session.ts";

export type GrpcOptions = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM: the hub's own key and certificate, and the root that vouches for agents. */
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
  readonly onError: (where: string, error: unknown) => void;
  /** In place of the usual ones. */
  readonly limits?: Partial<Pick<LinkLimits, "connections" | "anonymousMs" | "stalledMs" | "lingerMs">>;
};

export async function listenGrpc<Identity>(options: GrpcOptions, handlers: LinkHandlers<Identity>): Promise<Link> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": linkLimits.messageBytes,
    "grpc.max_concurrent_streams": linkLimits.streamsPerConnection,
    "grpc.keepalive_time_ms": linkLimits.keepaliveMs,
    "grpc.keepalive_timeout_ms": linkLimits.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
  });
  const limits: LinkLimits = { ...linkLimits, ...options.limits };
  const sockets = new Map<TLSSocket, string>();
  const cutPeer = (peer: string): void => {
    for (const socket of sockets.keys()) if (`${socket.remoteAddress}:${socket.remotePort}` === peer) socket.destroy();
  };
  const calls = new Calls(handlers, { onError: options.onError, limits, cutPeer });
  server.addService(EnrollmentServiceService, calls.enrollment());
  server.addService(LinkServiceService, calls.link());
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const listener = createServer(
    {
      key: options.key,
      cert: `${options.certificate}\n${options.authority}`,
      ca: options.authority,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
      handshakeTimeout: linkLimits.handshakeMs,
    },
    (socket) => {
      socket.on("error", (error) => options.onError("connection", error));
      // A certificate that was sent and did not verify is an attempt, not an anonymous caller.
      const peer = socket.getPeerCertificate();
      if (Object.keys(peer).length > 0 && !socket.authorized) return void socket.destroy();
      sockets.set(socket, socket.authorized ? peer.serialNumber.toLowerCase() : "");
      const life = socket.authorized ? undefined : setTimeout(() => socket.destroy(), limits.anonymousMs);
      socket.on("close", () => {
        clearTimeout(life);
        sockets.delete(socket);
      });
      injector.injectConnection(socket);
    },
  );
  listener.maxConnections = limits.connections;
  listener.on("drop", () => options.onError("connection", new OperationError("limit", "connection", "too many connections")));
  listener.on("tlsClientError", (error) => options.onError("handshake", error));
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(options.port, options.host, resolve);
  });
  const address = listener.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    cut(serial) {
      for (const [socket, held] of sockets) if (held === serial) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets.keys()) socket.destroy();
      injector.destroy();
      server.forceShutdown();
      await closed;
    },
  };
}

type CallOptions = Pick<GrpcOptions, "onError"> & {
  readonly limits: LinkLimits;
  /** Destroys the connection of this address and port. */
  readonly cutPeer: (peer: string) => void;
};
type FetchCall = Parameters<LinkServiceServer["fetchRelease"]>[0];
type Caller<Identity> = { readonly identity: Identity; readonly serial: string };

/** The calls of both services, translated for the handlers. */
class Calls<Identity> {
  readonly #handlers: LinkHandlers<Identity>;
  readonly #options: CallOptions;
  /** Running transfers by certificate: more connections give an agent no more of them. */
  readonly #fetches = new Map<string, number>();
  /** Certificates whose answer is coming in. */
  readonly #answering = new Set<string>();

  constructor(handlers: LinkHandlers<Identity>, options: CallOptions) {
    this.#handlers = handlers;
    this.#options = options;
  }

  enrollment(): EnrollmentServiceServer {
    return {
      enroll: (call, callback) => {
        const { token, csr, clusterUid, proposedName } = call.request;
        this.#handlers.enroll({ token, csr, clusterUid, proposedName, remote: call.getPeer() }).then(
          ({ certificates, cluster, fleet, keyManifests }) =>
            callback(null, {
              certificates: certificates.map((der) => Buffer.from(der)),
              cluster,
              fleet,
              keyManifests: keyManifests.map(toWireEnvelope),
            }),
          (error: unknown) => {
            // Refused ones too: somebody may be trying tokens.
            this.#options.onError("enrollment", error);
            callback(toStatus(error));
          },
        );
      },
      renew: (call, callback) => {
        const caller = this.#identify(call);
        if (caller === undefined) return callback(unauthenticated);
        this.#handlers.renew(caller.identity, call.request.csr).then(
          ({ certificates }) => callback(null, { certificates: certificates.map((der) => Buffer.from(der)) }),
          (error: unknown) => callback(this.#failed("renewal", error)),
        );
      },
    };
  }

  link(): LinkServiceServer {
    const { onError, cutPeer } = this.#options;
    return {
      session: (call: grpc.ServerDuplexStream<SessionRequest, SessionResponse>) => {
        const caller = this.#identify(call);
        if (caller === undefined) return void call.emit("error", unauthenticated);
        const peer = call.getPeer();
        serveSession(call, (session) => this.#handlers.session(caller.identity, session), { onError, cut: () => cutPeer(peer) });
      },
      fetchRelease: (call) => {
        const caller = this.#identify(call);
        call.on("error", () => undefined);
        if (caller === undefined) return void call.emit("error", unauthenticated);
        const { serial } = caller;
        const under = this.#fetches.get(serial) ?? 0;
        if (under >= linkLimits.fetchesPerAgent) return void call.emit("error", tooManyFetches);
        this.#fetches.set(serial, under + 1);
        this.#fetch(call, caller.identity)
          .catch((error: unknown) => call.emit("error", this.#failed("fetch", error)))
          .finally(() => {
            const left = (this.#fetches.get(serial) ?? 1) - 1;
            if (left > 0) this.#fetches.set(serial, left);
            else this.#fetches.delete(serial);
          });
      },
      answer: (call, callback) => {
        const caller = this.#identify(call);
        if (caller === undefined) return callback(unauthenticated);
        const { identity, serial } = caller;
        // One certificate's answers come one after the other: more connections give an agent no more of our memory.
        if (this.#answering.has(serial)) return callback(tooManyAnswers);
        this.#answering.add(serial);
        takeAnswer(call, this.#options.limits, (commandId) => this.#handlers.awaits(identity, commandId))
          .then(({ commandId, bytes }) => this.#handlers.answered(identity, commandId, bytes))
          .then(
            () => callback(null, {}),
            (error: unknown) => callback(this.#failed("answer", error)),
          )
          .finally(() => this.#answering.delete(serial));
      },
    };
  }

  async #fetch(call: FetchCall, identity: Identity): Promise<void> {
    const release = call.request.release.toString("hex");
    const base = call.request.base.toString("hex");
    const bytes = isDigest(release) ? await this.#handlers.release(identity, release, isDigest(base) ? (base as Digest) : null) : undefined;
    if (bytes === undefined) return void call.emit("error", { code: grpc.status.NOT_FOUND, details: "no such release" });
    const totalBytes = BigInt(bytes.length);
    for (let at = Number(call.request.offset); at < bytes.length; at += transferLimits.chunkBytes) {
      if (call.cancelled) return;
      const chunk = Buffer.from(bytes.subarray(at, at + transferLimits.chunkBytes));
      if (call.write({ totalBytes, chunk })) continue;
      if (!(await drained(call, this.#options.limits.stalledMs))) return this.#endStalled(call);
    }
    call.end();
  }

  /** As in a session: the status, and when that is not read either, the connection. */
  #endStalled(call: FetchCall): void {
    const peer = call.getPeer();
    const linger = setTimeout(() => this.#options.cutPeer(peer), this.#options.limits.lingerMs);
    call.once("cancelled", () => clearTimeout(linger));
    call.emit("error", statusError(grpc.status.RESOURCE_EXHAUSTED, "the agent does not read"));
  }

  /** The status of a failure; one that nobody foresaw is a bug of ours, and told. */
  #failed(where: string, error: unknown): ReturnType<typeof toStatus> {
    if (!(error instanceof OperationError)) this.#options.onError(where, error);
    return toStatus(error);
  }

  #identify(call: Pick<grpc.ServerUnaryCall<unknown, unknown>, "getAuthContext">): Caller<Identity> | undefined {
    const certificate = call.getAuthContext().sslPeerCertificate;
    if (certificate === undefined) return undefined;
    const serial = certificate.serialNumber.toLowerCase();
    const identity = this.#handlers.identify({ alternativeNames: certificate.subjectaltname ?? "", serial });
    return identity && { identity, serial };
  }
}

const unauthenticated = { code: grpc.status.UNAUTHENTICATED, details: "no valid certificate of this fleet; enrol with a join token" };
const tooManyAnswers = { code: grpc.status.RESOURCE_EXHAUSTED, details: "one answer at a time" };
const tooManyFetches = { code: grpc.status.RESOURCE_EXHAUSTED, details: "too many fetches at once" };

/** False when the peer took nothing for so long; true when there is room again, or nobody to write to any more. */
async function drained(call: EventEmitter, withinMs: number): Promise<boolean> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), withinMs);
  const events = ["drain", "cancelled", "close"].map((name) => once(call, name, { signal }).catch(() => undefined));
  try {
    return (await Promise.race([late.promise, ...events])) !== "late";
  } finally {
    clearTimeout(timer);
    waiting.abort();
  }
}
