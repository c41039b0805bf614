import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { count, Fleet, healthyFor, hours, minutes, percent, pin, policy, ring, seconds, wave } from "./testdata/fleet.ts";

const canaryRing = (index: number): Record<string, string> => ({ ring: index < 3 ? "canary" : "main" });
const two = policy({ waves: [wave(percent(100), { clusters: ring("canary") }), wave(percent(100), { maxAbsent: percent(100) })] });

describe("waves", () => {
  it("T1 by default goes to 1, 10 and 100 of a hundred healthy clusters", () => {
    const fleet = new Fleet(100);
    fleet.settleAt("v1");
    fleet.commit("v2");
    const sizes: number[] = [];
    fleet.run(2 * hours, () => {
      const now = fleet.on(pin("v2"));
      if (sizes.at(-1) !== now) sizes.push(now);
      return fleet.phase === "ended completed";
    });
    assert.deepEqual(sizes, [0, 1, 10, 100]);
    assert.equal(fleet.phase, "ended completed");
  });

  it("T2 R2 R5 a canary that degrades holds the rollout, and nobody else gets it", () => {
    const fleet = new Fleet(100);
    fleet.settleAt("v1");
    fleet.behaviour = (_, held) => (held === pin("v2") ? "degraded" : "healthy");
    fleet.commit("v2");
    fleet.run(1 * hours);
    assert.equal(fleet.phase, "held MaxFailures");
    assert.equal(fleet.on(pin("v2")), 1);
  });

  it("T4 a healthy report of the old pin proves nothing", () => {
    const fleet = new Fleet(3, { policy: policy({ gates: [healthyFor(0)] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    const [canary] = [...fleet.group.members.values()].filter(({ state }) => state === "released");
    assert.ok(canary);
    const site = fleet.sites.get(canary.cluster);
    assert.ok(site);
    const report = fleet.reportOf(site, "default//shop" as never, pin("v1"));
    fleet.tell({ ...report, pin: pin("v1") });
    assert.equal(fleet.member(canary.cluster).state, "applying", "the bundle was acknowledged, no more");
  });

  it("T5 R3 health before the acknowledgement is no pass", () => {
    const fleet = new Fleet(3, { policy: policy({ gates: [healthyFor(0)] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    const [canary] = [...fleet.group.members.values()].filter(({ state }) => state === "released");
    assert.ok(canary);
    const site = fleet.sites.get(canary.cluster);
    assert.ok(site);
    const report = fleet.reportOf(site, "default//shop" as never, pin("v2"));
    fleet.tell({ ...report, acked: report.generation - 1 });
    fleet.tell({ ...report, generation: report.generation - 1 });
    assert.notEqual(fleet.member(canary.cluster).state, "passed");
    fleet.tell(report);
    assert.equal(fleet.member(canary.cluster).state, "passed");
  });

  it("T6 ten percent of five are one cluster at a time, and no failure", () => {
    const fleet = new Fleet(5, {
      policy: policy({ waves: [wave(percent(10), { maxUnavailable: percent(10), maxFailures: percent(10) }), wave(percent(100))] }),
    });
    fleet.settleAt("v1");
    fleet.behaviour = (_, held) => (held === pin("v2") ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(1 * minutes);
    assert.equal(fleet.rollout.waves[0]?.drawn, 1);
    assert.equal(fleet.phase, "held MaxFailures");
  });

  it("T7 clusters that no wave takes form a last one", () => {
    const fleet = new Fleet(6, { labels: canaryRing, policy: policy({ waves: [wave(percent(100), { clusters: ring("canary") })] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(2 * hours, () => fleet.phase === "ended completed");
    assert.deepEqual(
      fleet.rollout.waves.map(({ name, drawn }) => [name, drawn]),
      [
        ["1/1", 3],
        ["rest", 3],
      ],
    );
  });

  it("T8 R6 when the ring of canaries is empty, one automatic canary goes before the many", () => {
    const fleet = new Fleet(20, { policy: two });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(1 * minutes);
    assert.equal(fleet.on(pin("v2")), 1);
    fleet.run(2 * hours, () => fleet.phase === "ended completed");
    assert.deepEqual(
      fleet.rollout.waves.map(({ name, state, drawn }) => [name, state, drawn]),
      [
        ["1/2", "skipped", 0],
        ["canary", "passed", 1],
        ["2/2", "passed", 19],
      ],
    );
  });

  it("T9 percentages are of the clusters for which something changes", () => {
    const labels = (index: number) => ({ region: index < 40 ? "eu" : "us" });
    const fleet = new Fleet(100, { labels });
    fleet.settleAt("v1");
    fleet.commit("v2", ({ labels: { region } }) => pin(region === "eu" ? "v2" : "v1"));
    fleet.run(2 * hours, () => fleet.phase === "ended completed");
    assert.deepEqual(
      fleet.rollout.waves.map(({ drawn }) => drawn),
      [1, 3, 36],
    );
  });

  it("T10 each target has another canary, and a retry has the same", () => {
    const first = (commit: string): string => {
      const fleet = new Fleet(100);
      fleet.settleAt("v1");
      fleet.commit(commit);
      fleet.grant();
      return [...fleet.group.members.values()].find(({ state }) => state === "released")?.cluster ?? "";
    };
    assert.equal(first("v2"), first("v2"));
    assert.ok(new Set(["v2", "v3", "v4", "v5", "v6"].map(first)).size > 2);
  });

  it("T11 R4 a ring that is offline is no evidence: it waits", () => {
    const fleet = new Fleet(10, { labels: canaryRing, policy: two });
    fleet.settleAt("v1");
    fleet.silence("c000", "c001", "c002");
    fleet.commit("v2");
    fleet.run(3 * hours);
    assert.equal(fleet.phase, "running");
    assert.equal(fleet.on(pin("v2")), 0);
    assert.equal(fleet.reason("c005").code, "WaitingForEvidence");
    fleet.wake("c000", "c001", "c002");
    fleet.run(2 * hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v2")), 10);
  });

  it("T12 those that come back take slots, and skip what lies between", () => {
    const fleet = new Fleet(40, {
      policy: policy({
        waves: [wave(percent(100), { maxUnavailable: count(5), maxAbsent: percent(100), minPassed: percent(1) })],
        gates: [healthyFor(minutes)],
      }),
    });
    fleet.settleAt("v1");
    const away = Array.from({ length: 20 }, (_, index) => `c${String(index).padStart(3, "0")}`);
    fleet.silence(...away);
    for (const commit of ["v2", "v3"]) {
      fleet.commit(commit);
      fleet.run(2 * hours, () => fleet.phase === "ended completed");
      assert.equal(fleet.phase, "ended completed");
    }
    fleet.wake(...away);
    let most = 0;
    fleet.run(2 * hours, () => {
      most = Math.max(most, fleet.group.queues.disrupted.size);
      return fleet.on(pin("v3")) === 40;
    });
    assert.equal(fleet.on(pin("v3")), 40);
    assert.ok(most <= 5, `${most} at once`);
    assert.equal(fleet.ever(pin("v2"), away), 0);
  });

  it("T15 a fifth of a wave may be absent, more may not", () => {
    for (const [away, passes] of [
      [2, true],
      [3, false],
    ] as const) {
      const fleet = new Fleet(10, { policy: policy({ waves: [wave(percent(100), { maxAbsent: percent(20) })] }) });
      fleet.settleAt("v1");
      fleet.commit("v2");
      for (let index = 0; index < away; index += 1) fleet.hinder(`c00${index}`, "SiteVeto");
      fleet.run(3 * hours);
      assert.equal(fleet.phase === "ended completed", passes, `${away} of 10 absent`);
    }
  });

  it("T17 whoever joins before its wave goes with it, and after it by a slot", () => {
    const fleet = new Fleet(20, { policy: policy({ gates: [healthyFor(minutes)] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    const early = fleet.join("early", "v2");
    assert.equal(fleet.member(early).straggler, false);
    fleet.run(10 * minutes, () => fleet.rollout.current === 2);
    fleet.run(10 * seconds);
    const late = fleet.join("late", "v2");
    assert.equal(fleet.member(late).straggler, true);
    fleet.run(1 * hours, () => fleet.on(pin("v2")) === 22);
    assert.equal(fleet.on(pin("v2")), 22);
  });

  it("T18 a cluster that is relabelled after its release stays where it is", () => {
    const fleet = new Fleet(10, { labels: canaryRing, policy: two });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    fleet.tell({ kind: "relabelled", cluster: "c000" as never, labels: { ring: "main" }, matches: [1] });
    fleet.run(2 * hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.member("c000").wave, 0);
    assert.equal(fleet.on(pin("v2")), 10);
  });

  it("T19 a failed cluster that leaves still counts", () => {
    const fleet = new Fleet(10, { policy: policy({ waves: [wave(percent(100), { maxFailures: count(0) })] }) });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster, held) => (cluster === "c004" && held === pin("v2") ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(minutes);
    assert.equal(fleet.phase, "held MaxFailures");
    fleet.leave("c004");
    assert.equal(fleet.rollout.waves[0]?.counts.failed, 1);
  });

  it("T20 what was degraded before and still is says nothing about the change", () => {
    const fleet = new Fleet(10, { policy: policy({ waves: [wave(percent(100), { maxAbsent: percent(20) })] }) });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster) => (cluster === "c003" ? "degraded" : "healthy");
    fleet.run(10 * minutes);
    fleet.unwell("c003");
    fleet.commit("v2");
    fleet.run(2 * hours);
    assert.equal(fleet.member("c003").state, "unjudged");
    assert.equal(fleet.phase, "ended completed");
  });

  it("T21 a remedy for broken clusters needs no slots, and keeps the order of waves", () => {
    const fleet = new Fleet(50, {
      policy: policy({
        waves: [wave(percent(10), { maxUnavailable: count(1) }), wave(percent(100), { maxUnavailable: count(1) })],
        gates: [healthyFor(minutes)],
      }),
    });
    fleet.settleAt("v1");
    for (const name of fleet.sites.keys()) fleet.unwell(name);
    fleet.commit("v2");
    fleet.grant();
    assert.equal(fleet.on(pin("v2")), 5);
    fleet.run(2 * minutes);
    assert.equal(fleet.on(pin("v2")), 50);
  });

  it("T54 five hundred Apps of one cluster each are one rollout with one canary", () => {
    const apps = Array.from({ length: 500 }, (_, index) => `default//shop-${index}`);
    const fleet = new Fleet(500, { apps });
    const own = ({ name }: { name: string }, app: string): boolean => Number(name.slice(1)) === Number(app.split("-").at(-1));
    fleet.only = own;
    fleet.commit("v1", () => pin("v1"));
    fleet.grant();
    assert.equal(fleet.on(pin("v1")), 1);
  });
});
