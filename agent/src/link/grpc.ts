// The link over gRPC: one channel per attempt, retries off: the loop decides when to try again.

import * as grpc from "@grpc/grpc-js";

import { fromWireResponse, toWireRequest } from "@muster/proto/codec/session";
import { EnrollmentServiceClient, type RenewResponse } from "@muster/proto/gen/muster/v1/enrollment";
import { LinkServiceClient, type SessionResponse } from "@muster/proto/gen/muster/v1/link";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { FromHub } from "@muster/proto/model/session";
import { sendAnswer } from "./grpc-answer.ts";
import { toFailure } from "./grpc-failure.ts";
import { linkLimits, type AgentSession, type HubLink, type LinkCredentials } from "./port.ts";

/**
 * A hub that is reached by an address has no name to ask TLS for: then its certificate is asked for by the name that every hub's
 * certificate holds. Only the hub's own CA issues it, so that the name proves as much as an address would.
 */
const hubName = "muster-hub";

export function channelOptions(address: string): grpc.ChannelOptions {
  const host = address.replace(/:\d+$/, "");
  const byAddress = /^[0-9.]+$/.test(host) || host.startsWith("[");
  return byAddress ? { ...fixedOptions, "grpc.ssl_target_name_override": hubName } : fixedOptions;
}

const fixedOptions: grpc.ChannelOptions = {
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": 40 * 1024 * 1024,
  "grpc.keepalive_time_ms": linkLimits.keepaliveMs,
  "grpc.keepalive_timeout_ms": linkLimits.keepaliveTimeoutMs,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc-node.flow_control_window": 1024 * 1024,
};

/** A link to `address` (host:port). Nothing is connected before the first call. */
export function dialGrpc(address: string, credentials: LinkCredentials): HubLink {
  const channel = grpc.credentials.createSsl(
    Buffer.from(credentials.authorities),
    Buffer.from(credentials.key),
    Buffer.from(credentials.certificate),
  );
  const link = new LinkServiceClient(address, channel, channelOptions(address));
  const enrollment = new EnrollmentServiceClient(address, channel, { ...channelOptions(address), channelOverride: link.getChannel() });
  return {
    session: (signal) => openSession(link, address, signal),
    fetchRelease: (release, base, signal) => fetchRelease(link, address, release, base, signal),
    answer: (commandId, bytes, signal) => sendAnswer(link, address, { commandId, bytes }, signal),
    renew: (csr) =>
      new Promise((resolve, reject) => {
        enrollment.renew({ csr: Buffer.from(csr) }, (error: grpc.ServiceError | null, answer: RenewResponse) =>
          error === null ? resolve(answer.certificates) : reject(toFailure(error, address)),
        );
      }),
    close: () => link.close(),
  };
}

function openSession(client: LinkServiceClient, address: string, signal: AbortSignal): AgentSession {
  const call = client.session();
  const abort = (): void => call.cancel();
  signal.addEventListener("abort", abort, { once: true });
  let failure: OperationError | undefined;
  call.on("error", (error: grpc.ServiceError) => {
    failure = toFailure(error, address);
  });
  return {
    send: (message) => void call.write(toWireRequest(message)),
    messages: (async function* (): AsyncGenerator<FromHub> {
      try {
        for await (const response of call as AsyncIterable<SessionResponse>) {
          const message = fromWireResponse(response);
          if (message !== null) yield message;
        }
      } catch (error) {
        throw failure ?? toFailure(error, address);
      } finally {
        signal.removeEventListener("abort", abort);
      }
    })(),
    close: () => call.end(),
  };
}

/** Collects the chunks; goes on at the offset after a cut, as long as the hub promises the same total. */
async function fetchRelease(
  client: LinkServiceClient,
  address: string,
  release: Digest,
  base: Digest | null,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  const request = { release: Buffer.from(release, "hex"), base: Buffer.from(base ?? "", "hex") };
  let received = 0;
  let total = -1;
  for (let tries = 1; ; tries += 1) {
    const call = client.fetchRelease({ ...request, offset: BigInt(received) });
    const abort = (): void => call.cancel();
    signal.addEventListener("abort", abort, { once: true });
    try {
      for await (const { totalBytes, chunk } of call) {
        const promised = Number(totalBytes);
        if (promised > linkLimits.transferBytes)
          throw new OperationError("limit", release, `release ${release} is larger than ${linkLimits.transferBytes} bytes`);
        if (total !== -1 && promised !== total)
          throw new OperationError("corrupt", release, `the transfer of release ${release} changed its size`);
        total = promised;
        received += chunk.length;
        if (received > total) throw new OperationError("corrupt", release, `the transfer of release ${release} is longer than promised`);
        chunks.push(chunk);
      }
      if (received === total) return Buffer.concat(chunks);
      throw new OperationError("unavailable", release, `the transfer of release ${release} ended early`);
    } catch (error) {
      const failure = error instanceof OperationError ? error : toFailure(error, address);
      if (signal.aborted || failure.code !== "unavailable" || tries >= linkLimits.fetchTries) throw failure;
    } finally {
      signal.removeEventListener("abort", abort);
      call.cancel();
    }
  }
}
