// Places where a rollout could lose its way without anybody noticing.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ClusterName } from "@muster/proto/model/identity";
import { revertOf } from "./rollout.ts";
import { count, Fleet, gate, healthyFor, hours, minutes, ops, percent, pin, policy, seconds, wave } from "./testdata/fleet.ts";

const quick = policy({ gates: [healthyFor(minutes)] });
const crashing =
  (commit: string) =>
  (_: string, held: unknown): "crash" | "healthy" =>
    held === pin(commit) ? "crash" : "healthy";

describe("corners of a rollout", () => {
  it("R3 a commit that changes nothing more leaves the soak of the last wave as it is", () => {
    const fleet = new Fleet(5, { policy: policy({ waves: [wave(percent(100))] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v2")), 5);
    fleet.commit("unrelated", () => pin("v2"));
    assert.equal(fleet.phase, "running");
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.group.head.completed[0]?.target, fleet.rollout.target);
  });

  it("a completed target is not begun again for those that follow", () => {
    const fleet = new Fleet(10, {
      policy: policy({ waves: [wave(percent(100), { maxAbsent: percent(100) })], gates: [healthyFor(minutes)] }),
    });
    fleet.settleAt("v1");
    fleet.silence("c000");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    const { number } = fleet.rollout;
    fleet.commit("unrelated", () => pin("v2"));
    assert.equal(fleet.rollout.number, number);
    fleet.wake("c000");
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v2")), 10);
  });

  it("T51 what was taken back by hand stays so until Git yields something else", () => {
    const fleet = new Fleet(10, { policy: quick });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    const yielded = { id: fleet.rollout.target, commit: "v2" };
    fleet.tell({ kind: "rollback", actor: ops, target: { ...fleet.targetTo("v1"), from: yielded } });
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v1")), 10);
    fleet.commit("unrelated", () => pin("v2"));
    fleet.run(hours);
    assert.equal(fleet.on(pin("v1")), 10, "nobody goes forward again by itself");
    assert.equal(fleet.group.head.heldBack?.target, yielded.id);
    fleet.commit("v3");
    fleet.run(hours, () => fleet.on(pin("v3")) === 10);
    assert.equal(fleet.on(pin("v3")), 10);
  });

  it("R11 whoever waits keeps what its bundle held, also where nothing was ever passed", () => {
    const fleet = new Fleet(10, { policy: quick });
    fleet.behaviour = crashing("v1");
    fleet.commit("v1");
    fleet.run(hours, () => fleet.phase.startsWith("held"));
    const [canary] = [...fleet.sites.values()].filter(({ signed }) => [...signed.pins.values()].includes(pin("v1")));
    assert.ok(canary);
    fleet.commit("v2");
    fleet.hinder(canary.name, "SiteVeto");
    assert.equal(fleet.pinOf(canary.name), pin("v1"));
  });

  it("R10 a failed return that is accepted stays where it is", () => {
    const fleet = new Fleet(10, { policy: policy({ ...quick, onFailure: "rollback" }) });
    fleet.settleAt("v1");
    fleet.behaviour = crashing("v2");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "rollingBack");
    fleet.behaviour = () => "crash";
    fleet.run(hours, () => fleet.phase.startsWith("held"));
    const failed = [...fleet.group.members.values()].filter(({ state }) => state === "failed").map(({ cluster }) => cluster);
    assert.equal(fleet.tryTell({ kind: "emergency", actor: ops })?.code, "E_ROLLOUT_STATE", "nothing goes forward from there");
    fleet.tell({ kind: "accept", clusters: failed, actor: ops });
    for (const cluster of failed) assert.equal(fleet.pinOf(cluster), pin("v1"));
  });

  it("a window counts when the wave passes, not when it was first looked at", () => {
    const window = gate({
      kind: "window",
      window: { tz: "UTC", days: ["mon"], fromMinute: 12 * 60, toMinute: 16 * 60, minRemainingMs: 0, except: [] },
    });
    const soak = gate({ kind: "soak", ms: 5 * hours });
    const fleet = new Fleet(10, {
      policy: policy({ waves: [wave(count(1)), wave(percent(100))], gates: [healthyFor(minutes), soak, window] }),
    });
    fleet.settleAt("v1");
    fleet.wallMs = Date.UTC(2026, 10, 2, 12);
    fleet.commit("v2");
    fleet.run(8 * hours);
    assert.equal(fleet.on(pin("v2")), 1);
  });

  it("R2 a canary that leaves proves nothing: another one goes first", () => {
    const fleet = new Fleet(20, { policy: policy({ waves: [wave(count(1)), wave(percent(100))] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(2 * minutes);
    const canary = [...fleet.group.members.values()].find(({ wave: index }) => index === 0);
    assert.ok(canary);
    fleet.leave(canary.cluster);
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v2")), 2, "the one that left, and its successor");
  });

  it("T20 what was given up on and recovers has all its time again", () => {
    const fleet = new Fleet(10, { policy: policy({ waves: [wave(percent(100), { maxAbsent: percent(20) })] }) });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster) => (cluster === "c003" ? "degraded" : "healthy");
    fleet.unwell("c003");
    fleet.commit("v2");
    fleet.run(hours);
    assert.equal(fleet.member("c003").state, "unjudged");
    fleet.behaviour = () => "healthy";
    fleet.tellAll("c003");
    fleet.run(5 * minutes);
    assert.equal(fleet.member("c003").state, "soaking");
    fleet.run(10 * minutes);
    assert.equal(fleet.member("c003").state, "passed");
  });

  it("T16 what became healthy under a veto is judged from its end on", () => {
    const fleet = new Fleet(10, { policy: policy({ gates: [healthyFor(10 * minutes)] }) });
    fleet.settleAt("v1");
    fleet.behaviour = (_, held) => (held === pin("v2") ? "stuck" : "healthy");
    fleet.commit("v2");
    fleet.run(minutes);
    const canary = [...fleet.group.members.values()].find(({ state }) => state === "applying")?.cluster ?? "";
    fleet.hinder(canary, "SiteVeto");
    fleet.run(50 * minutes);
    fleet.behaviour = () => "healthy";
    fleet.run(2 * hours);
    fleet.hinder(canary, "SiteVeto", false);
    fleet.run(5 * minutes);
    assert.equal(fleet.member(canary).state, "soaking");
    fleet.run(6 * minutes);
    assert.equal(fleet.member(canary).state, "passed");
  });

  it("R15 a gate that was taken back is asked again when it goes on", () => {
    const webhook = gate({ kind: "webhook", url: "https://gate.example", secretRef: "gate", timeoutMs: 10 * seconds });
    const fleet = new Fleet(20, { policy: policy({ gates: [healthyFor(minutes), webhook] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(5 * minutes);
    const canary = [...fleet.group.members.values()].find(({ state }) => state === "passed")?.cluster as ClusterName;
    fleet.behaviour = crashing("v2");
    fleet.run(minutes);
    assert.equal(fleet.phase, "held MaxFailures");
    const asked = fleet.asked().length;
    fleet.behaviour = () => "healthy";
    fleet.tell({ kind: "accept", clusters: [canary], actor: ops });
    fleet.run(minutes);
    assert.equal(fleet.asked().length, asked + 1);
  });

  it("T32 what waits for a rollout to finish begins when that is held", () => {
    const fleet = new Fleet(20, { policy: policy({ ...quick, supersede: "finish" }) });
    fleet.settleAt("v1");
    fleet.behaviour = crashing("v2");
    fleet.commit("v2");
    fleet.commit("v3");
    assert.equal(fleet.group.head.queued, "v3");
    fleet.run(2 * hours, () => fleet.on(pin("v3")) === 20);
    assert.equal(fleet.on(pin("v3")), 20);
  });

  it("R14 a rollout that ended holds no slots", () => {
    const fleet = new Fleet(20, { policy: quick });
    fleet.settleAt("v1");
    fleet.behaviour = crashing("v2");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase.startsWith("held"));
    assert.equal(fleet.group.queues.disrupted.size, 1);
    fleet.tell({ kind: "abort", actor: ops });
    assert.equal(fleet.group.queues.disrupted.size, 0);
  });

  it("the set to go back to is the newest that was complete for everybody, and not in quarantine", () => {
    const fleet = new Fleet(6, { policy: quick });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(revertOf(fleet.group, fleet.targetTo("v1").participants)?.commit, "v1");
    assert.equal(revertOf(fleet.group, fleet.targetTo("v7").participants), undefined);
  });
});
