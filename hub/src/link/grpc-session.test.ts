// A session's stream against a peer that stops reading, and one that goes while it is being answered.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test, type TestContext } from "node:test";

import { toWireRequest } from "@muster/proto/codec/session";
import { SessionRequest, type SessionResponse } from "@muster/proto/gen/muster/v1/link";
import type { FromAgent } from "@muster/proto/model/session";
import { serveSession } from "./grpc-session.ts";
import { linkLimits, type HubSession } from "./port.ts";

/** The stream as gRPC gives it: `room` is how many messages the peer's window takes. */
class Stream extends EventEmitter {
  readonly written: (string | undefined)[] = [];
  room: number;
  ended = false;
  paused = false;

  constructor(room: number) {
    super();
    this.room = room;
  }

  getPeer(): string {
    return "test";
  }

  write(message: SessionResponse): boolean {
    this.written.push(message.body?.$case);
    this.room -= 1;
    return this.room > 0;
  }

  end(): void {
    this.ended = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  says(message: FromAgent): void {
    this.emit("data", SessionRequest.decode(SessionRequest.encode(toWireRequest(message)).finish()));
  }
}

function served(t: TestContext, room: number, answer: (message: FromAgent) => Promise<void> = async () => undefined) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stream = new Stream(room);
  const kept: { session?: HubSession; closed: number; cuts: number; failures: string[] } = { closed: 0, cuts: 0, failures: [] };
  serveSession(
    stream as unknown as Parameters<typeof serveSession>[0],
    (session) => {
      kept.session = session;
      return { message: answer, closed: () => void (kept.closed += 1) };
    },
    { cut: () => void (kept.cuts += 1), onError: (where) => void kept.failures.push(where) },
  );
  const session = kept.session ?? assert.fail("no session");
  return { stream, session, kept };
}

const beat: FromAgent = { kind: "root", statusRoot: "r" };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a peer that reads nothing for its time is told so, and cut when it does not hear that either", (t) => {
  const { stream, session, kept } = served(t, 1);
  session.send({ kind: "drain", withinMs: 1 });
  t.mock.timers.tick(linkLimits.stalledMs - 1);
  stream.room = 2;
  stream.emit("drain");
  t.mock.timers.tick(linkLimits.stalledMs);
  assert.deepEqual([kept.failures, kept.cuts], [[], 0], "it read in time");
  session.send({ kind: "drain", withinMs: 1 });
  session.send({ kind: "drain", withinMs: 1 });
  t.mock.timers.tick(linkLimits.stalledMs);
  assert.deepEqual([kept.failures, kept.cuts], [["session"], 0]);
  t.mock.timers.tick(linkLimits.lingerMs);
  assert.equal(kept.cuts, 1);
});

test("a peer that says nothing for its time is told so and cut; one that beats is not", async (t) => {
  const { stream, kept } = served(t, 9);
  t.mock.timers.tick(linkLimits.silentMs - 1);
  stream.says(beat);
  await turn();
  t.mock.timers.tick(linkLimits.silentMs - 1);
  assert.deepEqual([stream.written, stream.ended], [[], false]);
  t.mock.timers.tick(1);
  assert.deepEqual([stream.written, stream.ended, kept.cuts], [["rejected"], true, 0]);
  t.mock.timers.tick(linkLimits.lingerMs);
  assert.equal(kept.cuts, 1);
});

test("I8 what a stalled peer is not sent is bounded: past that the session is over at once", (t) => {
  const { stream, session, kept } = served(t, 1);
  for (let i = 0; i <= linkLimits.queuedMessages; i += 1) session.send({ kind: "drain", withinMs: i });
  assert.deepEqual(kept.failures, []);
  session.send({ kind: "drain", withinMs: 0 });
  assert.deepEqual([kept.failures, stream.written.length], [["session"], 1]);
  t.mock.timers.tick(linkLimits.lingerMs);
  assert.equal(kept.cuts, 1);
});

test("a stalled peer gets the newest bundle when it reads again, not all of them", (t) => {
  const { stream, session } = served(t, 1);
  session.send({ kind: "drain", withinMs: 1 });
  for (const seq of [1, 2, 3]) session.send({ kind: "statusAck", seq });
  stream.room = 9;
  stream.emit("drain");
  assert.deepEqual(stream.written, ["drain", "statusAck"]);
});

test("messages are handled one after the other; the stream rests meanwhile", async (t) => {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const { stream } = served(t, 9, async (message) => {
    log.push(`begin ${message.kind}`);
    await new Promise<void>((resolve) => waiting.push(resolve));
    log.push(`end ${message.kind}`);
  });
  stream.says(beat);
  stream.says({ kind: "commandResult", id: "c", ok: true, message: "", code: "" });
  await turn();
  assert.deepEqual([log, stream.paused], [["begin root"], true]);
  waiting[0]?.();
  await turn();
  waiting[1]?.();
  await turn();
  assert.deepEqual([log, stream.paused], [["begin root", "end root", "begin commandResult", "end commandResult"], false]);
});

test("a session is over once, after the message that is being handled; nothing is sent after its end", async (t) => {
  let finish = (): void => undefined;
  const { stream, session, kept } = served(t, 9, () => new Promise<void>((resolve) => (finish = resolve)));
  stream.says(beat);
  await turn();
  stream.emit("cancelled");
  stream.emit("close");
  await turn();
  assert.equal(kept.closed, 0);
  finish();
  await turn();
  assert.equal(kept.closed, 1);
  session.send({ kind: "drain", withinMs: 1 });
  assert.deepEqual(stream.written, []);
});

test("a message that breaks the rules ends the session with a word", async (t) => {
  const { stream, kept } = served(t, 9);
  stream.emit("data", SessionRequest.decode(new Uint8Array()));
  await turn();
  assert.deepEqual([stream.written, stream.ended, kept.failures], [["rejected"], true, ["session"]]);
});
