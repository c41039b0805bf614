// What pauses and words for a pin mean for Placements.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pinDigest, type AgentPolicy } from "@muster/proto/model/bundle";
import { digestOf } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { pausing, postponed, spentWords, syncId, wakeAt, withHands, type Act, type Pause, type Sync } from "./acts.ts";

const now = Date.parse("2026-11-21T08:00:00Z");
const hour = 3_600_000;
const app = "default//a" as AppKey;
const [berlin, paris] = ["berlin", "paris"] as ClusterName[] as [ClusterName, ClusterName];
const policy = { namespace: "shop" } as AgentPolicy;
const release = digestOf("release");
const pin = pinDigest({ release, policy });

const pause = (change: Partial<Pause> = {}): Pause => ({
  kind: "pause",
  id: "p",
  app: null,
  cluster: null,
  by: "anna",
  reason: "night",
  at: now,
  until: null,
  ...change,
});
const word = (change: Partial<Sync> = {}): Sync => ({
  kind: "sync",
  id: syncId(berlin, app),
  app,
  cluster: berlin,
  pin,
  by: "anna",
  reason: "",
  at: now,
  ...change,
});

const scopes: readonly [string, Partial<Pause>, boolean][] = [
  ["the fleet", {}, true],
  ["its cluster", { cluster: berlin }, true],
  ["another cluster", { cluster: paris }, false],
  ["its App everywhere", { app }, true],
  ["another App", { app: "default//b" as AppKey }, false],
  ["its App on its cluster", { app, cluster: berlin }, true],
  ["its App on another cluster", { app, cluster: paris }, false],
  ["the fleet, until a moment ago", { until: now }, false],
  ["the fleet, for a moment yet", { until: now + 1 }, true],
];
for (const [what, change, holds] of scopes)
  test(`a pause of ${what} holds${holds ? "" : " nothing of"} an App on its cluster`, () =>
    assert.equal(pausing([pause(change)], { app, cluster: berlin }, now) !== undefined, holds));

test("of several pauses the one that lasts longest is told, and the next end is when to look again", () => {
  const acts = [pause({ until: now + hour }), pause({ app, by: "bert", until: now + 2 * hour }), word()];
  assert.equal(pausing(acts, { app, cluster: berlin }, now)?.by, "bert");
  assert.equal(pausing([...acts, pause({ by: "carl" })], { app, cluster: berlin }, now)?.by, "carl");
  assert.deepEqual([wakeAt(acts, now), wakeAt(acts, now + hour), wakeAt(acts, now + 2 * hour)], [now + hour, now + 2 * hour, null]);
});

const moves = (acts: readonly Act[], change: object = {}, heldSince?: number): boolean =>
  withHands([{ app, cluster: berlin, release, policy, auto: false, ...change }], acts, () => heldSince, now)[0]?.auto ?? false;

const words: readonly [string, Act, object, number | undefined, boolean][] = [
  ["for this pin", word(), {}, undefined, true],
  ["for another Release", word(), { release: digestOf("newer") }, undefined, false],
  ["for this Release with another policy", word(), { policy: { namespace: "other" } }, undefined, false],
  ["for another cluster", word({ id: syncId(paris, app), cluster: paris }), {}, undefined, false],
  ["that was given after the last release", word(), {}, now - 1, true],
  ["that was spent by an earlier release", word(), {}, now + 1, false],
  ["for what cannot be rendered", word(), { release: null }, undefined, false],
];
for (const [what, act, change, heldSince, goes] of words)
  test(`a word ${what} ${goes ? "lets it go" : "lets nothing go"}`, () => assert.equal(moves([act], change, heldSince), goes));

const spent: readonly [string, Act, number | undefined, boolean, boolean][] = [
  ["for what still waits", word(), now - 1, true, false],
  ["for what was never released there", word(), undefined, true, false],
  ["that let something go", word(), now + 1, true, true],
  ["for an App that is not there any more", word(), undefined, false, true],
  ["that is a pause", pause(), now + 1, false, false],
];
for (const [what, act, heldSince, there, expected] of spent)
  test(`I8 a word ${what} is ${expected ? "spent" : "kept"}`, () =>
    assert.deepEqual(spentWords([act], () => heldSince, () => there), expected ? [act.id] : [])); // prettier-ignore

test("a pause is stronger than a word, and than sync.auto", () => {
  assert.equal(moves([word(), pause()]), false);
  assert.equal(moves([pause()], { auto: true }), false);
  assert.equal(moves([pause({ until: now })], { auto: true }), true);
});

test("I1 a tombstone is put off to the end of a pause, and is as it was when nothing pauses it any more", () => {
  const grave = { app, mode: "delete", notBefore: new Date(now + hour).toISOString() } as const;
  const held = postponed(grave, pause());
  assert.deepEqual([held.notBefore > "9999", held.due], [true, grave.notBefore]);
  assert.deepEqual(postponed(held, pause()), held);
  assert.deepEqual(postponed(held, undefined), grave);
  const until = now + 2 * hour;
  assert.equal(postponed(held, pause({ until })).notBefore, new Date(until).toISOString());
  assert.deepEqual(postponed(grave, pause({ until: now + 1 })), { ...grave, due: grave.notBefore });
  assert.equal(postponed(grave, undefined), grave);
});
