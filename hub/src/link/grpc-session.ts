// One session stream on the hub: messages in order, one at a time; writes through the outbox; a peer that stops reading is cut.

import { status, type ServerDuplexStream } from "@grpc/grpc-js";

import { fromWireRequest, toWireResponse } from "@muster/proto/codec/session";
import type { SessionRequest, SessionResponse } from "@muster/proto/gen/muster/v1/link";
import type { FromHub } from "@muster/proto/model/session";
import { statusError } from "./grpc-status.ts";
import { linkLimits, type HubSession, type SessionEvents } from "./port.ts";
import { Outbox } from "./outbox.ts";

type Call = ServerDuplexStream<SessionRequest, SessionResponse>;

/**
 * Serves a stream until it ends; `accept` is told of the session and says what to do with its messages. `cut` destroys the peer's
 * connection: a status waits behind what was written before it, so a peer that does not read never gets one.
 */
export function serveSession(
  call: Call,
  accept: (session: HubSession) => SessionEvents,
  { cut, onError }: { readonly cut: () => void; readonly onError: (where: string, error: unknown) => void },
): void {
  const outbox = new Outbox(linkLimits.queuedMessages);
  const timers = new Timers();
  let ended = false;
  const finish = (how: () => void): void => {
    if (ended) return;
    ended = true;
    timers.stop("stalled");
    timers.stop("silent");
    timers.start("linger", linkLimits.lingerMs, cut);
    how();
  };
  const refuse = (details: string): void => finish(() => void call.emit("error", statusError(status.RESOURCE_EXHAUSTED, details)));
  const flush = (): void => {
    if (timers.runs("stalled") || ended) return;
    for (let next = outbox.take(); next !== undefined; next = outbox.take()) {
      if (call.write(toWireResponse(next))) continue;
      timers.start("stalled", linkLimits.stalledMs, () => refuse("the agent does not read"));
      return;
    }
  };
  const session: HubSession = {
    remote: call.getPeer(),
    send(message: FromHub) {
      if (ended) return;
      if (outbox.put(message)) flush();
      else refuse("the agent is too far behind");
    },
    end: (last) =>
      finish(() => {
        if (last !== undefined) call.write(toWireResponse(last));
        call.end();
      }),
  };
  const listen = (): void => {
    if (!ended) timers.start("silent", linkLimits.silentMs, () => session.end(rejected("nothing was heard for too long")));
  };
  const events = accept(session);
  listen();
  call.on("drain", () => {
    timers.stop("stalled");
    flush();
  });
  let turn: Promise<void> = Promise.resolve();
  call.on("data", (request: SessionRequest) => {
    call.pause();
    // While we are at work the peer cannot be heard.
    timers.stop("silent");
    turn = turn
      .then(() => events.message(fromWireRequest(request)))
      .then(
        () => {
          listen();
          call.resume();
        },
        (error: unknown) => {
          onError("session", error);
          session.end(rejected("the message could not be handled"));
        },
      );
  });
  call.on("error", (error) => onError("session", error));
  call.on("end", () => session.end());
  let gone = false;
  const leave = (): void => {
    if (gone) return;
    gone = true;
    ended = true;
    timers.stopAll();
    void turn.finally(() => events.closed());
  };
  call.once("cancelled", leave);
  call.once("close", leave);
}

const rejected = (message: string): FromHub => ({ kind: "rejected", reason: "unknown", message, retryAfterMs: 5_000 });

/** A session's timers by name; starting one that runs starts it anew. */
class Timers {
  readonly #running = new Map<string, NodeJS.Timeout>();

  runs(name: string): boolean {
    return this.#running.has(name);
  }

  start(name: string, ms: number, act: () => void): void {
    this.stop(name);
    this.#running.set(name, setTimeout(act, ms));
  }

  stop(name: string): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  stopAll(): void {
    for (const name of this.#running.keys()) this.stop(name);
  }
}
