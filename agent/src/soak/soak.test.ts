// For how long an App was well: a table of what was seen, moment by moment, and what can be said of it then.

import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { SoakPods } from "@muster/proto/model/status";
import { begunTrack, dueMs, isProven, judged, looked, soakOf, soakTimes, type PodSight, type Track, type WorkloadSample } from "./soak.ts";

const wantedMs = 600_000;
const observed = { app: "default//shop" as AppKey, pin: digestOf("pin"), healthyForMs: wantedMs };
const every = soakTimes.everyMs;

type Fate = { readonly restarts?: number; readonly backsOff?: boolean; readonly oomKills?: readonly string[] };

function pod(name: string, { restarts = 0, backsOff = false, oomKills = [] }: Fate = {}): PodSight {
  return { uid: name, name, containers: [{ name: "web", restarts, backsOff, oomKills }] };
}

function sample(pods: readonly PodSight[], change: Partial<WorkloadSample> = {}): WorkloadSample {
  return { key: "web", template: "new", pods, total: pods.length, ...change };
}

/** Well since 0, with these pods, and looked at once. */
const wellWith = (pods: readonly PodSight[], change: Partial<WorkloadSample> = {}): Track =>
  looked(judged(begunTrack(observed, 0), true, 0), [sample(pods, change)], 0);

/** Looks at the same pods every 15 s, until then. */
function until(track: Track, pods: readonly PodSight[], endMs: number): Track {
  let next = track;
  for (let ms = track.seenMs + every; ms <= endMs; ms += every) next = looked(next, [sample(pods)], ms);
  return next;
}

const podsAfter = (track: Track): SoakPods => soakOf(track).pods ?? assert.fail("no pods");
const many = (count: number, fates: readonly Fate[] = []): PodSight[] => Array.from({ length: count }, (_, i) => pod(`p${i}`, fates[i]));

test("time is proven by looks, and complete at the look that falls on its end", () => {
  const begun = wellWith([pod("a")]);
  assert.deepEqual([soakOf(begun).healthyForMs, dueMs(begun)], [0, every]);
  const late = until(begun, [pod("a")], wantedMs - every);
  assert.deepEqual([soakOf(late).healthyForMs, isProven(late), dueMs(late)], [wantedMs - every, false, wantedMs]);
  const odd = looked(late, [sample([pod("a")])], wantedMs - 1);
  assert.deepEqual([isProven(odd), dueMs(odd)], [false, wantedMs]);
  const done = looked(odd, [sample([pod("a")])], wantedMs);
  assert.deepEqual([isProven(done), soakOf(done).healthyForMs, dueMs(done)], [true, wantedMs, wantedMs + every]);
});

test("what nobody saw does not count: a look after a long silence adds one minute", () => {
  const track = looked(until(wellWith([pod("a")]), [pod("a")], 30_000), [sample([pod("a")])], 10_000_000);
  assert.equal(soakOf(track).healthyForMs, 30_000 + soakTimes.unwatchedMaxMs);
});

test("an App that was not well for a moment begins anew", () => {
  const track = until(wellWith([pod("a")]), [pod("a")], 300_000);
  const ill = judged(track, false, 301_000);
  assert.equal(soakOf(ill).healthyForMs, 0);
  const well = looked(judged(ill, true, 302_000), [sample([pod("a")])], 315_000);
  assert.equal(soakOf(well).healthyForMs, 13_000);
});

test("an App without pods proves its time all the same, and has no pods to tell of", () => {
  const track = looked(judged(begunTrack(observed, 0), true, 0), [], every);
  assert.deepEqual(soakOf(track), { healthyForMs: every, pods: null });
});

test("restarts above 1 % of the pods begin the time anew, each time that so many more come", () => {
  const one = { restarts: 1 };
  const cases: readonly [pods: number, restarts: readonly Fate[], healthyForMs: number][] = [
    [1, [one], 0],
    [99, [one], 0],
    [100, [one], 2 * every],
    [100, [one, one], 0],
    [300, [{ restarts: 3 }], 2 * every],
    [300, [{ restarts: 4 }], 0],
  ];
  for (const [count, fates, healthyForMs] of cases) {
    const before = until(wellWith(many(count)), many(count), every);
    const after = looked(before, [sample(many(count, fates))], 2 * every);
    assert.equal(soakOf(after).healthyForMs, healthyForMs, `${count} pods, ${JSON.stringify(fates)}`);
    const next = looked(after, [sample(many(count, fates))], 3 * every);
    assert.equal(soakOf(next).healthyForMs, healthyForMs + every, "restarts count once");
  }
});

test("T48 an App whose pod restarts each four minutes is never well for ten", () => {
  let track = wellWith([pod("a")]);
  for (let ms = every; ms < 3_600_000; ms += every) {
    track = looked(track, [sample([pod("a", { restarts: Math.floor(ms / 240_000) })])], ms);
    assert.equal(isProven(track), false);
  }
});

test("what pods did before the App was observed is not the Release's doing; what new pods do is", () => {
  const track = looked(
    wellWith([pod("old", { restarts: 7, oomKills: ["k1"] })]),
    [sample([pod("old", { restarts: 7, oomKills: ["k1"] })])],
    1,
  );
  assert.deepEqual(podsAfter(track), { sampled: 1, total: 1, restarted: 0, crashLoops: 0, oomKills: 0 });
  const later = looked(track, [sample([pod("old", { restarts: 8, oomKills: ["k1"] }), pod("new", { restarts: 2, oomKills: ["k2"] })])], 2);
  assert.deepEqual(podsAfter(later), { sampled: 2, total: 2, restarted: 3, crashLoops: 0, oomKills: 1 });
});

test("with a new template all that its pods did counts, and nothing of the older pods", () => {
  const before = looked(wellWith([pod("old")], { template: "old" }), [sample([pod("old", { restarts: 2 })], { template: "old" })], 1);
  assert.equal(podsAfter(before).restarted, 2);
  const after = looked(before, [sample([pod("new", { restarts: 1 })])], 2);
  assert.equal(podsAfter(after).restarted, 1);
});

test("a workload that was not there at the first look has only new pods", () => {
  const absent = looked(begunTrack(observed, 0), [sample([], { template: null })], 0);
  assert.equal(podsAfter(looked(absent, [sample([pod("a", { restarts: 2 })])], 1)).restarted, 2);
});

test("of many pods some are looked at: who comes into view later brings no past, who leaves it leaves what was counted", () => {
  const cut = { total: 900 };
  const first = wellWith([pod("a"), pod("b")], cut);
  const second = looked(first, [sample([pod("a", { restarts: 1 }), pod("c", { restarts: 5 })], cut)], 1);
  assert.deepEqual(podsAfter(second), { sampled: 2, total: 900, restarted: 1, crashLoops: 0, oomKills: 0 });
  const third = looked(second, [sample([pod("c", { restarts: 6 }), pod("d")], cut)], 2);
  assert.equal(podsAfter(third).restarted, 2);
});

const crashes: readonly [what: string, pods: number, fate: Fate, crashes: boolean][] = [
  ["two restarts and a back-off", 1, { restarts: 2, backsOff: true }, false],
  ["three restarts and a back-off", 1, { restarts: 3, backsOff: true }, true],
  ["three restarts without a back-off", 1, { restarts: 3 }, false],
  ["one end for want of memory", 1, { restarts: 1, oomKills: ["k1"] }, false],
  ["two ends for want of memory", 1, { restarts: 2, oomKills: ["k1", "k2"] }, true],
  ["two ends for want of memory among 300 pods", 300, { restarts: 2, oomKills: ["k1", "k2"] }, false],
];
for (const [what, count, fate, isCrash] of crashes) {
  test(`the crash rule: ${what} since the release is ${isCrash ? "a" : "no"} failure`, () => {
    const track = looked(wellWith(many(count)), [sample(many(count, [fate]))], every);
    assert.equal(track.crash !== null, isCrash);
    if (isCrash) assert.equal(judged(track, true, every + 1).wellSinceMs, null, "who crashes is not well, whatever else is said");
  });
}

test("an end for want of memory that is told of twice is one", () => {
  let track = wellWith([pod("a")]);
  for (const ms of [1, 2, 3]) track = looked(track, [sample([pod("a", { restarts: 1, oomKills: ["k1"] })])], ms);
  assert.deepEqual([podsAfter(track).oomKills, track.crash], [1, null]);
  track = looked(track, [sample([pod("a", { restarts: 2, oomKills: ["k2"] })])], 4);
  assert.deepEqual([podsAfter(track).oomKills, track.crash !== null], [2, true]);
});

test("a crash lasts while a pod comes and goes, and is over when its pods were quiet for ten watched minutes", () => {
  const crashed = looked(wellWith([pod("a")]), [sample([pod("a", { restarts: 3, backsOff: true })])], every);
  const running = [pod("a", { restarts: 3 })];
  const almost = until(crashed, running, every + soakTimes.quietMs - every);
  assert.ok(almost.crash !== null);
  const again = looked(almost, [sample([pod("a", { restarts: 4 })])], almost.seenMs + every);
  assert.equal(again.crash?.quietMs, 0);
  const sleeping = looked(again, [sample([pod("a", { restarts: 4 })])], again.seenMs + 86_400_000);
  assert.ok(sleeping.crash !== null, "a day that nobody watched is no quiet day");
  const over = until(again, [pod("a", { restarts: 4 })], again.seenMs + soakTimes.quietMs);
  assert.equal(over.crash, null);
  assert.ok(looked(over, [sample([pod("a", { restarts: 5, backsOff: true })])], over.seenMs + every).crash !== null);
});
