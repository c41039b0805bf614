// An answer of an agent, read by whoever does not believe it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differs, parseInspection, type InspectedObject, type Inspection } from "./inspection.ts";
import type { AppKey } from "./identity.ts";

const identity = { group: "apps", kind: "Deployment", namespace: "shop", name: "web" };
const object: InspectedObject = {
  identity,
  uid: "u1",
  owner: null,
  declared: true,
  health: "healthy",
  message: "",
  since: "2026-11-21T08:00:00.000Z",
  body: null,
  diff: { state: "same", message: "", ours: [{ path: "/spec/replicas", released: 1, live: 2, manager: "kubectl" }], others: [] },
};
const whole: Inspection = {
  app: "default//a" as AppKey,
  takenAt: "2026-11-21T08:00:00.000Z",
  release: null,
  pin: null,
  objects: [object],
  events: [
    { object: identity, type: "Normal", reason: "r", message: "m", by: "b", count: 1, firstSeen: null, lastSeen: "2026-11-21T08:00:00Z" },
  ],
  notes: ["n"],
};

test("an answer reads back as it was written", () => {
  assert.deepEqual(parseInspection(JSON.stringify(whole)), whole);
});

const changed = (change: object): object => ({ ...whole, objects: [{ ...object, ...change }] });
const lies: readonly [string, object][] = [
  ["no object", [] as object],
  ["no list of events", { ...whole, events: {} }],
  ["an object without identity", changed({ identity: { kind: "x" } })],
  ["a health that is none", changed({ health: "fine" })],
  ["a time that is none", changed({ since: "<b>" })],
  ["a body that is text", changed({ body: "x" })],
  ["a difference in a state that is none", changed({ diff: { state: "x", message: "", ours: [], others: [] } })],
  ["a field without manager", changed({ diff: { state: "same", message: "", ours: [{ path: "/a" }], others: [] } })],
  [
    "a manager whose fields are numbers",
    changed({ diff: { ...object.diff, others: [{ manager: "m", operation: "", time: null, fields: [1] }] } }),
  ],
  ["an event that was never seen", { ...whole, events: [{ ...whole.events[0], lastSeen: "" }] }],
  ["a note that is none", { ...whole, notes: [{}] }],
];
for (const [what, lie] of lies)
  test(`B59 an answer with ${what} is refused`, () => assert.throws(() => parseInspection(JSON.stringify(lie)), TypeError));

test("something differs when one object is not the same", () => {
  assert.equal(differs(whole), false);
  const missing = { ...object, diff: { state: "missing", message: "", ours: [], others: [] } } as const;
  assert.equal(differs({ ...whole, objects: [object, missing] }), true);
});
