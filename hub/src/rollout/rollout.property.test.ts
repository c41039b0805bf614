// Rollouts under random commits, failures, silences, vetoes, joins, leaves, doubled and late reports, and restarts. What always has to hold
// is checked after every event; when the faults stop and people answer, everything comes to its end.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ClusterName } from "@muster/proto/model/identity";
import type { Gate } from "../fleet/fleet.ts";
import { LiveGroup, type Member } from "./rollout.ts";
import { count, Fleet, healthyFor, hours, minutes, ops, percent, pin, policy, wave, type Behaviour } from "./testdata/fleet.ts";

const seeds = Number(process.env["MUSTER_SEEDS"] ?? "60");
const first = Number(process.env["MUSTER_SEED"] ?? "1");

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function story(seed: number): void {
  const random = randomOf(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  const gates: Gate[] = [healthyFor(pick([0, minutes, 5 * minutes]))];
  const size = 4 + below(25);
  const fleet = new Fleet(size, {
    policy: policy({
      gates,
      waves: [
        wave(count(1 + below(3))),
        wave(percent(10 + below(50)), { maxUnavailable: percent(10 + below(90)) }),
        wave(percent(100), { maxAbsent: percent(100) }),
      ],
      onFailure: pick(["hold", "rollback"]),
      onClusterFailure: pick(["keep", "rollback"]),
      supersede: pick(["latest", "finish"]),
      progressDeadlineMs: 10 * minutes,
    }),
  });
  fleet.settleAt("v0");
  const bad = new Set<string>();
  fleet.behaviour = (cluster, held): Behaviour => (bad.has(`${cluster} ${held}`) ? pick(["crash", "degraded", "stuck"]) : "healthy");
  const names = (): readonly string[] => [...fleet.sites.keys()];
  let version = 0;
  const steps: Record<string, () => void> = {
    commit: () => {
      version += 1;
      const commit = `v${version}`;
      if (random() < 0.4) for (const name of names()) if (random() < 0.3) bad.add(`${name} ${pin(commit)}`);
      fleet.commit(commit);
    },
    revert: () => fleet.commit(`back to ${version}`, () => pin(`v${Math.max(0, version - 1 - below(2))}`)),
    silence: () => fleet.silence(pick(names())),
    wake: () => fleet.wake(pick(names())),
    veto: () => fleet.hinder(pick(names()), "SiteVeto", random() < 0.5),
    relabel: () => fleet.tell({ kind: "relabelled", cluster: pick(names()) as ClusterName, labels: {}, matches: [0, 1, 2] }),
    leave: () => fleet.leave(pick(names())),
    double: () => replay(fleet, random),
    restart: () => restart(fleet),
    pause: () => void fleet.tryTell({ kind: "pause", actor: ops }),
    resume: () => void fleet.tryTell({ kind: "resume", actor: ops }),
    retry: () => void fleet.tryTell({ kind: "retry", actor: ops }),
    abort: () => void fleet.tryTell({ kind: "abort", actor: ops }),
    rollback: () => void fleet.tryTell({ kind: "rollback", target: null, actor: ops }),
  };
  const likely = [
    "commit",
    "silence",
    "wake",
    "veto",
    "double",
    "restart",
    "leave",
    "relabel",
    "revert",
    "pause",
    "resume",
    "retry",
    "abort",
    "rollback",
  ];
  for (let times = 0; times < 40; times += 1) {
    steps[pick(likely)]?.();
    watch(fleet, below(12) * minutes);
  }
  settle(fleet, bad, version);
}

/** R1, R5, R6, R7: after every beat. */
function watch(fleet: Fleet, ms: number): void {
  const generations = new Map([...fleet.sites].map(([name, { signed }]) => [name, signed.generation]));
  fleet.run(ms, () => {
    const head = fleet.group.rollout;
    for (const [name, { signed }] of fleet.sites) {
      assert.ok(signed.generation >= (generations.get(name) ?? 0), "R8 generations rise");
      generations.set(name, signed.generation);
    }
    if (head === null) return false;
    for (const { state, generation } of fleet.group.members.values())
      if (state === "passed") assert.ok(generation !== null, "R3 passed implies a signed bundle");
    const firsts = head.waves.filter(({ drawn }) => drawn > 0)[0];
    if (firsts?.state === "open" && head.current < head.waves.length - 1 && head.kind !== "rollback") {
      const released = [...fleet.group.members.values()].filter(
        ({ wave: index, state, straggler }) => index === head.current && !straggler && state !== "waiting" && state !== "gone",
      ).length;
      assert.ok(released <= Math.max(1, firsts.drawn), "R6 no more than the first wave");
    }
    return false;
  });
}

/** R13: what was said once may be said again, and late. */
function replay(fleet: Fleet, random: () => number): void {
  const reports = fleet.told.filter(({ kind }) => kind === "report" || kind === "signed" || kind === "delivered");
  for (let times = 0; times < 5; times += 1) {
    const event = reports[Math.floor(random() * reports.length)];
    if (event !== undefined) fleet.tell(event);
  }
}

/** What was written is what a new hub finds. */
function restart(fleet: Fleet): void {
  const { head, rollout, members, passed } = fleet.group;
  const copy = JSON.parse(
    JSON.stringify({ head, rollout, members: [...members.values()], passed: [...passed].map(([name, each]) => [name, [...each]]) }),
  ) as {
    head: typeof head;
    rollout: typeof rollout;
    members: Member[];
    passed: [ClusterName, [never, never][]][];
  };
  fleet.group = new LiveGroup(
    copy.head,
    copy.rollout,
    copy.members,
    copy.passed.map(([name, each]) => [name, new Map(each)] as const),
  );
}

/** R15: no faults, people answer: it ends, and then nothing more is wanted. */
function settle(fleet: Fleet, bad: Set<string>, version: number): void {
  bad.clear();
  fleet.wake(...fleet.sites.keys());
  for (const name of fleet.sites.keys()) fleet.hinder(name, "SiteVeto", false);
  fleet.commit(`last ${version}`, () => pin("last"));
  for (let times = 0; times < 40 && !isAtRest(fleet); times += 1) {
    fleet.tryTell({ kind: "resume", actor: ops });
    if (fleet.group.rollout?.phase.kind === "held") fleet.tryTell({ kind: "retry", actor: ops });
    fleet.run(hours, () => isAtRest(fleet));
    fleet.retarget();
  }
  assert.ok(isAtRest(fleet), `it comes to its end: ${fleet.group.rollout === null ? "none" : fleet.phase}`);
  const joined = [...fleet.sites.values()].filter((site) => site.joined);
  assert.deepEqual(
    joined.filter(({ signed }) => ![...signed.pins.values()].includes(pin("last"))).map(({ name }) => name),
    [],
    "everybody is there",
  );
  const effects = fleet.effects.filter(({ kind }) => kind === "release").length;
  fleet.run(hours);
  assert.equal(fleet.effects.filter(({ kind }) => kind === "release").length, effects, "nothing more is released");
}

const isAtRest = (fleet: Fleet): boolean =>
  [...fleet.sites.values()].every(({ joined, signed }) => !joined || [...signed.pins.values()].includes(pin("last"))) &&
  (fleet.group.rollout === null || fleet.phase === "ended completed");

describe("rollouts under everything at once", () => {
  for (let seed = first; seed < first + seeds; seed += 1)
    it(`R1 to R19, R15: seed ${seed}`, () => {
      story(seed);
    });
});
