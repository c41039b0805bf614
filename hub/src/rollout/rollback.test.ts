import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { count, days, Fleet, healthyFor, hours, minutes, ops, percent, pin, policy, wave, type Behaviour } from "./testdata/fleet.ts";

const goesBack = policy({ onFailure: "rollback", gates: [healthyFor(minutes)] });
const bad =
  (commit: string, how: Behaviour = "crash") =>
  (_: string, held: unknown): Behaviour =>
    held === pin(commit) ? how : "healthy";

/** A hundred clusters at v1, and a canary that failed with v2. */
function failed(options: { clusters?: number; how?: Behaviour } = {}): Fleet {
  const fleet = new Fleet(options.clusters ?? 30, { policy: goesBack });
  fleet.settleAt("v1");
  fleet.behaviour = bad("v2", options.how);
  fleet.commit("v2");
  fleet.run(hours, () => fleet.phase.startsWith("ended") || fleet.phase.startsWith("held"));
  return fleet;
}

describe("going back", () => {
  it("T3 R8 a failed canary goes back to its base in a higher generation, and the commit is held back", () => {
    const fleet = failed();
    assert.equal(fleet.phase, "ended rolledBack");
    assert.equal(fleet.on(pin("v2")), 0);
    assert.equal(fleet.on(pin("v1")), 30);
    assert.equal(Math.max(...[...fleet.sites.values()].map(({ signed }) => signed.generation)), 3);
    assert.match(fleet.group.head.heldBack?.cause ?? "", /1 of 1 clusters of wave 1\/3 failed/);
    assert.equal(fleet.group.head.quarantined[0]?.pin, pin("v2"));
    assert.equal(fleet.reason("c005").code, "HeldBack");
  });

  it("T33 R9 while Git yields it, it is not begun again: an unrelated commit changes nothing, retry does", () => {
    const fleet = failed();
    fleet.commit("unrelated", () => pin("v2"));
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v2")), 0);
    fleet.behaviour = () => "healthy";
    fleet.tell({ kind: "retry", actor: ops });
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v2")), 30);
  });

  it("T50 a remedy for one Variant takes the others with it, unless their own pin failed", () => {
    const labels = (index: number) => ({ region: index % 2 === 0 ? "eu" : "us" });
    const fleet = new Fleet(10, {
      labels,
      policy: policy({ onFailure: "rollback", gates: [healthyFor(minutes)], waves: [wave(percent(100))] }),
    });
    fleet.settleAt("v1");
    fleet.behaviour = bad("v2-eu");
    fleet.commit("v2", (site) => pin(`v2-${site.labels["region"]}`));
    fleet.run(hours, () => fleet.phase === "ended rolledBack");
    assert.equal(fleet.phase, "ended rolledBack");
    fleet.commit("v3", (site) => pin(site.labels["region"] === "eu" ? "v3-eu" : "v2-us"));
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v3-eu")), 5);
    assert.equal(fleet.on(pin("v2-us")), 5);
  });

  it("T36 R10 a return that fails is held, and not taken back again", () => {
    const fleet = new Fleet(30, { policy: goesBack });
    fleet.settleAt("v1");
    fleet.behaviour = (_, held) => (held === pin("v2") ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "rollingBack");
    fleet.behaviour = () => "refused";
    fleet.run(hours, () => fleet.phase.startsWith("held"));
    assert.equal(fleet.phase, "held ReturnFailed");
    assert.equal(fleet.on(pin("v2")), 0, "it stays with its base");
    fleet.behaviour = () => "healthy";
    fleet.tell({ kind: "retry", actor: ops });
    fleet.run(hours, () => fleet.phase === "ended rolledBack");
    assert.equal(fleet.phase, "ended rolledBack");
  });

  it("T37 a first install that fails is held, and keeps what it has", () => {
    const fleet = new Fleet(10, { policy: goesBack });
    fleet.behaviour = bad("v1");
    fleet.commit("v1");
    fleet.run(hours, () => fleet.phase.startsWith("held"));
    assert.equal(fleet.rollout.kind, "install");
    assert.equal(fleet.phase, "held MaxFailures");
    assert.equal(fleet.on(pin("v1")), 1);
    fleet.tell({ kind: "rollback", target: null, actor: ops });
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v1")), 1, "nothing is uninstalled");
    const stays = [...fleet.group.members.values()].find(({ state }) => state === "failed");
    assert.equal(stays === undefined ? "" : fleet.reason(stays.cluster).code, "NothingToRollBackTo");
  });

  it("T51 a revert days after goes back at once, without waves and gates", () => {
    const fleet = new Fleet(40, { policy: goesBack });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    fleet.watchedMs += 3 * days;
    fleet.wallMs += 3 * days;
    fleet.commit("v1 again", () => pin("v1"));
    assert.equal(fleet.rollout.kind, "rollback");
    fleet.run(2 * minutes);
    assert.equal(fleet.on(pin("v1")), 40);
    assert.equal(fleet.phase, "ended completed");
  });

  it("T34 a revert in the middle takes back those that have it, at once", () => {
    const fleet = new Fleet(40, { policy: goesBack });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.on(pin("v2")) === 4);
    assert.equal(fleet.on(pin("v2")), 4);
    fleet.commit("v1 again", () => pin("v1"));
    assert.equal(fleet.rollout.kind, "rollback");
    assert.equal(fleet.rollout.participants, 4);
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v1")), 40);
  });

  it("T35 a revert while it goes back: one way back, and nothing is held back", () => {
    const fleet = new Fleet(40, { policy: policy({ ...goesBack, waves: [wave(percent(50)), wave(percent(100))] }) });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster, held) => (held === pin("v2") && cluster === "c001" ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.group.rollout?.phase.kind === "rollingBack" || fleet.phase.startsWith("ended"));
    fleet.commit("v1 again", () => pin("v1"));
    fleet.run(hours);
    assert.equal(fleet.on(pin("v1")), 40);
    assert.equal(fleet.group.head.heldBack, null);
    const most = Math.max(...[...fleet.sites.values()].map(({ signed }) => signed.generation));
    assert.ok(most <= 3, `nobody was moved twice: generation ${most}`);
  });

  it("T52 a revert after an abort brings everybody back to the base", () => {
    const fleet = new Fleet(40, { policy: goesBack });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.on(pin("v2")) === 4);
    fleet.tell({ kind: "abort", actor: ops });
    assert.equal(fleet.on(pin("v2")), 4, "an abort moves nobody");
    fleet.commit("v1 again", () => pin("v1"));
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v1")), 40);
  });

  it("T30 R10 a freeze does not stop the way back", () => {
    const fleet = new Fleet(30, { policy: goesBack });
    fleet.settleAt("v1");
    fleet.behaviour = bad("v2");
    fleet.commit("v2");
    fleet.grant();
    for (const name of fleet.sites.keys()) fleet.hinder(name, "Frozen");
    fleet.run(hours, () => fleet.phase.startsWith("ended"));
    assert.equal(fleet.on(pin("v1")), 30);
  });

  it("T13 a Release that cuts the network: the silent keep their slots, and it is held", () => {
    const fleet = new Fleet(30, { policy: policy({ waves: [wave(percent(20), { maxUnavailable: count(2) }), wave(percent(100))] }) });
    fleet.settleAt("v1");
    fleet.behaviour = bad("v2", "cut");
    fleet.commit("v2");
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v2")), 2);
    assert.equal(fleet.states()["lost"], 2);
    fleet.run(30 * minutes, () => fleet.phase.startsWith("held"));
    assert.equal(fleet.phase, "held MaxFailures");
    assert.equal(fleet.on(pin("v2")), 2);
  });

  it("T14 a region that goes dark, released or not, is nobody's failure", () => {
    const fleet = new Fleet(40, {
      policy: policy({
        onFailure: "rollback",
        waves: [wave(percent(25), { maxAbsent: percent(50) }), wave(percent(100), { maxAbsent: percent(100) })],
      }),
    });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(30_000);
    const released = [...fleet.group.members.values()].filter(({ state }) => state !== "waiting").map(({ cluster }) => cluster);
    const others = [...fleet.sites.keys()].filter((name) => !released.includes(name));
    fleet.silence(...released.slice(0, 3), ...others.slice(0, 15));
    fleet.run(hours);
    assert.ok(["running", "ended completed"].includes(fleet.phase), fleet.phase);
    assert.equal(fleet.states()["failed"] ?? 0, 0);
  });

  it("T49 a straggler that fails stops those behind it", () => {
    const fleet = new Fleet(20, {
      policy: policy({
        waves: [wave(percent(100), { maxAbsent: percent(100), minPassed: percent(10), maxUnavailable: count(20) })],
        gates: [healthyFor(minutes)],
      }),
    });
    fleet.settleAt("v1");
    const away = ["c000", "c001", "c002", "c003"];
    fleet.silence(...away);
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    fleet.behaviour = (cluster) => (away.includes(cluster) ? "crash" : "healthy");
    fleet.limits = { maxDisrupted: Number.POSITIVE_INFINITY, releases: 1 };
    fleet.wake(...away);
    fleet.run(10 * minutes);
    assert.ok(fleet.notices().includes("StragglerFailed"));
    assert.ok(fleet.on(pin("v2")) < 20, "not all of them followed");
  });

  it("one failed cluster within the budget goes back by itself where that is the policy, the others go on", () => {
    const fleet = new Fleet(20, {
      policy: policy({
        onClusterFailure: "rollback",
        gates: [healthyFor(minutes)],
        waves: [wave(percent(100), { maxFailures: count(2), maxUnavailable: count(5) })],
      }),
    });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster, held) => (cluster === "c007" && held === pin("v2") ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.phase, "ended completed");
    assert.equal(fleet.on(pin("v2")), 19);
    assert.equal(fleet.member("c007").state, "returned");
  });
});
