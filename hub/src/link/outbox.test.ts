import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { FromHub } from "@muster/proto/model/session";
import { Outbox } from "./outbox.ts";

const bundle = (n: number): FromHub => ({
  kind: "bundle",
  envelope: { payloadType: `${n}`, payload: new Uint8Array(), signatures: [] },
});
const ack = (seq: number): FromHub => ({ kind: "statusAck", seq });
const current: FromHub = { kind: "current", digest: "d" };
const drain: FromHub = { kind: "drain", withinMs: 1 };

function after(messages: readonly FromHub[], limit = 64): FromHub[] {
  const outbox = new Outbox(limit);
  for (const message of messages) assert.equal(outbox.put(message), true);
  const left: FromHub[] = [];
  for (let next = outbox.take(); next !== undefined; next = outbox.take()) left.push(next);
  return left;
}

test("of bundles and acknowledgements only the newest waits", () => {
  assert.deepEqual(after([bundle(1), ack(1), bundle(2), ack(2), bundle(3)]), [ack(2), bundle(3)]);
});

test("a bundle and the word that the last one is current take each other's place", () => {
  assert.deepEqual(after([bundle(1), current]), [current]);
  assert.deepEqual(after([current, bundle(1)]), [bundle(1)]);
});

test("what is asked for adds up, and a question for everything stays one", () => {
  const need = (...apps: string[]): FromHub => ({ kind: "need", apps: apps as AppKey[] });
  assert.deepEqual(after([need("a"), ack(1), need("b", "a")]), [ack(1), need("a", "b")]);
  assert.deepEqual(after([need(), need("a")]), [need()]);
  assert.deepEqual(after([need("a"), need()]), [need()]);
});

test("of what is to be observed only the newest list waits", () => {
  const apps = [{ app: "a" as AppKey, pin: digestOf("pin"), healthyForMs: 1 }];
  assert.deepEqual(after([{ kind: "observe", apps }, ack(1), { kind: "observe", apps: [] }]), [ack(1), { kind: "observe", apps: [] }]);
});

test("what is no news of the same thing waits in its order", () => {
  assert.deepEqual(after([drain, ack(1), drain]), [drain, ack(1), drain]);
});

test("I8 what waits is bounded, and the newest of its kind has room in a full outbox", () => {
  const outbox = new Outbox(2);
  assert.deepEqual(
    [drain, ack(1), drain].map((message) => outbox.put(message)),
    [true, true, false],
  );
  assert.equal(outbox.put(ack(2)), true);
  assert.equal(outbox.size, 2);
});
