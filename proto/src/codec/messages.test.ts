// What the two ends read of each other's messages: everything comes back as it was meant, and what breaks the rules is refused.

import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf, type Digest } from "../model/digest.ts";
import type { AppKey } from "../model/identity.ts";
import type { FromAgent, FromHub, Hello } from "../model/session.ts";
import type { AppStatus } from "../model/status.ts";
import { SessionRequest, SessionResponse, type AppStatus as WireStatus } from "../gen/muster/v1/link.ts";
import { fromWireRequest, fromWireResponse, toWireRequest, toWireResponse } from "./session.ts";
import { fromWireStatus, statusLimits, toWireStatus } from "./status.ts";

const at = "2026-11-21T08:00:00Z";
const identity = { group: "", kind: "ConfigMap", namespace: "shop", name: "c" };
const status: AppStatus = {
  app: "default//shop" as AppKey,
  pin: digestOf("pin"),
  release: digestOf("release"),
  generation: 7,
  reason: "Synced",
  message: "all well",
  since: at,
  health: "healthy",
  counts: { total: 3, applied: 2, failed: 1, healthy: 2 },
  problems: [{ identity, reason: "ApplyFailed", health: "degraded", message: "why", since: at }],
  drift: [
    {
      identity,
      kind: "changed",
      fields: ["/data/a"],
      manager: "kubectl-edit",
      operation: "Update",
      changedAt: at,
      seenAt: at,
      healedAt: null,
      contested: true,
    },
  ],
  inventoryEmpty: false,
  held: digestOf("held"),
  soak: { healthyForMs: 604_800_000, pods: { sampled: 500, total: 800, restarted: 4, crashLoops: 3, oomKills: 2 } },
};

const hello: Hello = {
  kind: "hello",
  protocolMin: 1,
  protocolMax: 2,
  features: ["f"],
  agentVersion: "0.1.0",
  clusterUid: "u",
  instance: "i",
  accepted: { epoch: 1, signer: "k", generation: 4, digest: digestOf("b") },
  statusRoot: digestOf(""),
  trustVersion: 3,
  facts: { kubernetesVersion: "v1.36.3", apiVersions: ["v1"], agentVersion: "0.1.0" },
};
const fromAgent: readonly FromAgent[] = [
  hello,
  { ...hello, accepted: null, facts: null },
  { kind: "ack", epoch: 1, generation: 2, digest: digestOf("b"), refusal: null, message: "" },
  { kind: "ack", epoch: 1, generation: 2, digest: "", refusal: "E_ROLLBACK", message: "older" },
  { kind: "root", statusRoot: digestOf("r") },
  { kind: "commandResult", id: "c", ok: false, message: "no", code: "E_NO" },
];
const envelope = {
  payloadType: "t",
  payload: Buffer.from("p"),
  signatures: [{ keyid: "k", signature: Buffer.from("s") }],
};
const fromHub: readonly FromHub[] = [
  { kind: "welcome", protocol: 1, features: ["f"], beatMs: 1, reconnectWindowMs: 2, keyManifests: [envelope] },
  { kind: "bundle", envelope },
  { kind: "current", digest: digestOf("b") },
  { kind: "statusAck", seq: 9 },
  { kind: "need", apps: [status.app] },
  { kind: "observe", apps: [] },
  { kind: "observe", apps: [{ app: status.app, pin: digestOf("pin"), healthyForMs: 2_592_000_000 }] },
  { kind: "command", envelope },
  { kind: "throttle", statusIntervalMs: 5 },
  { kind: "drain", withinMs: 5 },
  { kind: "rejected", reason: "quarantined", message: "m", retryAfterMs: 5 },
];

test("what an agent says arrives as it was meant", () => {
  for (const message of fromAgent)
    assert.deepEqual(fromWireRequest(SessionRequest.decode(SessionRequest.encode(toWireRequest(message)).finish())), message);
});

test("what the hub says arrives as it was meant; what only a newer hub says is passed over", () => {
  for (const message of fromHub)
    assert.deepEqual(fromWireResponse(SessionResponse.decode(SessionResponse.encode(toWireResponse(message)).finish())), message);
  assert.equal(fromWireResponse(SessionResponse.decode(new Uint8Array())), null);
});

test("a status arrives as it was meant", () => {
  assert.deepEqual(fromWireStatus(toWireStatus(status)), status);
  for (const change of [{ held: null }, { soak: null }, { soak: { healthyForMs: 0, pods: null } }])
    assert.deepEqual(fromWireStatus(toWireStatus({ ...status, ...change })), { ...status, ...change });
});

const long = "x".repeat(statusLimits.nameChars + 1);
const [problem] = toWireStatus(status).problems;
const [drift] = toWireStatus(status).drift;
assert.ok(problem && drift);
const faulty: readonly [string, Partial<WireStatus>][] = [
  ["a reason that nobody knows", { reason: "Fine" }],
  ["a reason that every object has", { reason: "constructor" }],
  ["a health that nobody knows", { health: "well" }],
  ["a pin that is no digest", { pin: "00" }],
  ["a release that is no digest", { release: digestOf("x").toUpperCase() }],
  ["a held digest that is none", { held: "x" }],
  ["a name that is too long", { app: long }],
  ["a generation that is not exact", { generation: 2n ** 60n }],
  ["a soak that is not exact", { soak: { healthyForMs: 2n ** 60n, pods: undefined } }],
  ["no time", { since: "soon" }],
  ["a time of another millennium", { since: "3026-11-21T08:00:00Z" }],
  ["a time before there was Muster", { since: "1970-01-01T00:00:00Z" }],
  ["a problem with an unknown reason", { problems: [{ ...problem, reason: "Fine" }] }],
  ["a problem with an unknown health", { problems: [{ ...problem, health: "well" }] }],
  ["a problem without an object", { problems: [{ ...problem, identity: undefined }] }],
  ["a problem with too long a name", { problems: [{ ...problem, identity: { ...identity, name: long } }] }],
  ["drift of an unknown kind", { drift: [{ ...drift, kind: "moved" }] }],
  ["drift seen at no time", { drift: [{ ...drift, seenAt: "" }] }],
];
for (const [what, change] of faulty)
  test(`B59 a status with ${what} is refused`, () =>
    assert.throws(() => fromWireStatus({ ...toWireStatus(status), ...change }), TypeError));

test("B59 I8 a status is kept within its bounds", () => {
  const wide = toWireStatus(status);
  const read = fromWireStatus({
    ...wide,
    message: "m".repeat(10_000),
    problems: Array.from({ length: 1_000 }, () => ({ ...problem, message: "m".repeat(10_000) })),
    drift: Array.from({ length: 1_000 }, () => ({ ...drift, fields: Array.from({ length: 1_000 }, () => "/a".repeat(5_000)) })),
  });
  assert.deepEqual([read.problems.length, read.drift.length, read.drift[0]?.fields.length], [50, 20, 20]);
  for (const text of [read.message, read.problems[0]?.message, read.drift[0]?.fields[0]])
    assert.equal(text?.length, statusLimits.messageChars);
});

const refused: readonly [string, SessionRequest][] = [
  ["nothing", {} as SessionRequest],
  [
    "an accepted bundle without a digest",
    toWireRequest({ ...hello, accepted: { epoch: 1, signer: "k", generation: 1, digest: "x" as Digest } }),
  ],
  [
    "a refusal that nobody knows",
    toWireRequest({ kind: "ack", epoch: 1, generation: 1, digest: "", refusal: "E_MOOD" as never, message: "" }),
  ],
  [
    "a refusal that every object has",
    toWireRequest({ kind: "ack", epoch: 1, generation: 1, digest: "", refusal: "toString" as never, message: "" }),
  ],
];
for (const [what, request] of refused)
  test(`B59 a message with ${what} is refused`, () => assert.throws(() => fromWireRequest(request), TypeError));
