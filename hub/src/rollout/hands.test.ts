import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { count, Fleet, gate, healthyFor, hours, minutes, ops, percent, pin, policy, seconds, wave } from "./testdata/fleet.ts";

const quick = policy({ gates: [healthyFor(minutes)] });
const approval = gate({ kind: "approval", by: ["sre"], count: 1, expiresMs: 24 * hours });

function waiting(fields: Parameters<typeof policy>[0] = {}): Fleet {
  const fleet = new Fleet(20, { policy: policy({ gates: [healthyFor(minutes), approval], ...fields }) });
  fleet.settleAt("v1");
  fleet.commit("v2");
  fleet.run(10 * minutes);
  return fleet;
}

const asked = (fleet: Fleet): string => fleet.effects.flatMap((effect) => (effect.kind === "askGate" ? [effect.id] : [])).at(-1) ?? "";

describe("gates and hands", () => {
  it("an approval lets the next wave go, and is asked for anew after each", () => {
    const fleet = waiting();
    assert.equal(fleet.on(pin("v2")), 1);
    assert.equal(fleet.reason("c019").code === "WaitingForApproval" || fleet.reason("c018").code === "WaitingForApproval", true);
    const first = asked(fleet);
    fleet.tell({ kind: "approve", id: first, actor: ops });
    fleet.run(10 * minutes);
    assert.equal(fleet.on(pin("v2")), 2);
    assert.notEqual(asked(fleet), first);
  });

  it("T26 the author, a stranger to the role, and one who is too late are refused", () => {
    const fleet = waiting();
    const id = asked(fleet);
    assert.equal(fleet.tryTell({ kind: "approve", id, actor: { name: "anna", roles: ["sre"], reason: "mine" } })?.code, "E_ROLLOUT_ROLE");
    assert.equal(
      fleet.tryTell({ kind: "approve", id, actor: { name: "otto", roles: ["viewer"], reason: "please" } })?.code,
      "E_ROLLOUT_ROLE",
    );
    assert.equal(fleet.tryTell({ kind: "approve", id: `${id}x`, actor: ops })?.code, "E_ROLLOUT_GATE");
    assert.equal(fleet.on(pin("v2")), 1);
  });

  it("of an unknown author one more has to agree", () => {
    const fleet = new Fleet(20, { policy: policy({ gates: [healthyFor(minutes), approval] }) });
    fleet.settleAt("v1");
    fleet.author = null;
    fleet.commit("v2");
    fleet.run(10 * minutes);
    const id = asked(fleet);
    fleet.tell({ kind: "approve", id, actor: ops });
    fleet.tell({ kind: "approve", id, actor: ops });
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v2")), 1, "the same person twice is one");
    fleet.tell({ kind: "approve", id, actor: { ...ops, name: "paul" } });
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v2")), 2);
  });

  it("T25 an approval is for its commit, and expires", () => {
    const fleet = waiting();
    const first = asked(fleet);
    fleet.commit("v3");
    fleet.run(10 * minutes);
    assert.notEqual(asked(fleet), first);
    assert.equal(fleet.tryTell({ kind: "approve", id: first, actor: ops })?.code, "E_ROLLOUT_GATE");
    const times = fleet.effects.filter(({ kind }) => kind === "askGate").length;
    fleet.wallMs += 25 * hours;
    fleet.run(minutes);
    assert.equal(fleet.effects.filter(({ kind }) => kind === "askGate").length, times + 1, "asked again");
  });

  it("a rejected approval holds the rollout", () => {
    const fleet = waiting();
    fleet.tell({ kind: "reject", id: asked(fleet), actor: ops });
    assert.equal(fleet.phase, "held GateFailed");
  });

  const webhook = gate({ kind: "webhook", url: "https://gate.example", secretRef: "gate", timeoutMs: 10 * seconds });

  it("T23 R4 errors of a gate are tried again, five in a row hold; nothing goes back", () => {
    const fleet = waiting({ gates: [healthyFor(minutes), webhook], onFailure: "rollback" });
    for (let times = 0; times < 5; times += 1) {
      fleet.run(
        20 * minutes,
        () => fleet.rollout.waves[0]?.gates.some(({ gate: { kind }, nextAt }) => kind === "webhook" && nextAt === null) ?? false,
      );
      fleet.tell({ kind: "gateAnswer", id: asked(fleet), answer: "error", message: "500" });
    }
    assert.equal(fleet.phase, "held GateStuck");
    assert.equal(fleet.on(pin("v2")), 1);
  });

  it("T22 R4 a gate that stays inconclusive holds after an hour, and a person may promote it", () => {
    const fleet = waiting({ gates: [healthyFor(minutes), webhook], onFailure: "rollback" });
    for (let times = 0; times < 100 && fleet.phase === "running"; times += 1) {
      fleet.tell({ kind: "gateAnswer", id: asked(fleet), answer: "inconclusive", message: "no data" });
      fleet.run(minutes);
    }
    assert.equal(fleet.phase, "held GateStuck");
    fleet.tell({ kind: "promote", actor: ops });
    fleet.run(minutes);
    assert.equal(fleet.phase, "running");
    assert.equal(fleet.on(pin("v2")), 2);
  });

  it("T24 R19 an answer to an old question is dropped", () => {
    const fleet = waiting({ gates: [healthyFor(minutes), webhook] });
    const first = asked(fleet);
    fleet.commit("v3");
    fleet.run(10 * minutes);
    fleet.tell({ kind: "gateAnswer", id: first, answer: "fail", message: "" });
    assert.equal(fleet.phase, "running");
    fleet.tell({ kind: "gateAnswer", id: asked(fleet), answer: "pass", message: "" });
    fleet.run(minutes);
    assert.equal(fleet.on(pin("v3")), 2);
  });

  it("T16 a veto in the soak stops its clock", () => {
    const fleet = new Fleet(20);
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(5 * minutes);
    const canary = [...fleet.group.members.values()].find(({ state }) => state === "soaking")?.cluster ?? "";
    fleet.hinder(canary, "SiteVeto");
    fleet.run(hours);
    assert.equal(fleet.member(canary).state, "soaking");
    fleet.hinder(canary, "SiteVeto", false);
    fleet.run(4 * minutes);
    assert.equal(fleet.member(canary).state, "soaking");
    fleet.run(3 * minutes);
    assert.equal(fleet.member(canary).state, "passed");
  });

  it("T48 what restarts every four minutes never passes", () => {
    const fleet = new Fleet(20);
    fleet.settleAt("v1");
    fleet.behaviour = (_, held) => (held === pin("v2") ? { restartsEveryMs: 4 * minutes } : "healthy");
    fleet.commit("v2");
    fleet.run(2 * hours, () => fleet.phase.startsWith("held"));
    assert.equal(fleet.phase, "held MaxFailures");
    assert.equal([...fleet.group.members.values()].find(({ state }) => state === "failed")?.cause?.code, "Flapping");
  });

  it("T31 a commit in the middle supersedes, and those that failed go first", () => {
    const fleet = new Fleet(30, {
      policy: policy({ gates: [healthyFor(minutes)], waves: [wave(percent(30), { maxFailures: count(9) }), wave(percent(100))] }),
    });
    fleet.settleAt("v1");
    fleet.behaviour = (cluster, held) => (held === pin("v2") && fleet.group.members.get(cluster)?.place === 7 ? "crash" : "healthy");
    fleet.commit("v2");
    fleet.run(30 * seconds);
    const failed = [...fleet.group.members.values()].find(({ state }) => state === "failed")?.cluster;
    assert.ok(failed);
    fleet.behaviour = () => "healthy";
    fleet.commit("v3");
    assert.ok(fleet.ended.some(({ phase }) => phase.kind === "ended" && phase.end === "superseded"));
    fleet.grant();
    assert.equal(fleet.member(failed).place, 0);
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v3")), 30);
  });

  it("T32 commits without end: finish completes each, latest says that it starves", () => {
    const run = (supersede: "latest" | "finish"): Fleet => {
      const fleet = new Fleet(10, { policy: policy({ supersede, gates: [healthyFor(4 * minutes)] }) });
      fleet.settleAt("v1");
      for (let times = 0; times < 8; times += 1) {
        fleet.commit(`v${times + 2}`);
        fleet.run(5 * minutes);
      }
      return fleet;
    };
    assert.ok(run("latest").notices().includes("Starving"));
    const finishing = run("finish");
    assert.ok(!finishing.notices().includes("Starving"));
    assert.ok(finishing.notices().includes("Completed"));
  });

  it("T29 a window that closes lets go on what began, and nothing else", () => {
    const window = gate({
      kind: "window",
      window: { tz: "UTC", days: ["mon"], fromMinute: 12 * 60, toMinute: 12 * 60 + 20, minRemainingMs: 0, except: [] },
    });
    const fleet = new Fleet(20, {
      policy: policy({
        gates: [healthyFor(30 * minutes)],
        waves: [wave(count(1), { before: [window] }), wave(percent(100), { before: [window] })],
      }),
    });
    fleet.settleAt("v1");
    fleet.wallMs = Date.UTC(2026, 10, 2, 12, 5);
    fleet.commit("v2");
    fleet.run(2 * hours);
    assert.equal(fleet.on(pin("v2")), 1);
    assert.equal(fleet.rollout.waves[0]?.state, "passed");
    assert.equal(
      fleet.reason([...fleet.group.members.values()].find(({ state }) => state === "waiting")?.cluster ?? "").code,
      "WaitingForWindow",
    );
    fleet.tell({ kind: "emergency", actor: ops });
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v2")), 20);
  });

  it("pause records what happens and moves nobody; resume goes on", () => {
    const fleet = new Fleet(20, { policy: quick });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    fleet.tell({ kind: "pause", actor: ops });
    fleet.run(hours);
    assert.equal(fleet.on(pin("v2")), 1);
    assert.equal(fleet.phase, "paused");
    fleet.tell({ kind: "resume", actor: ops });
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v2")), 20);
  });

  it("accept lets named failures count as passed; retry judges them anew", () => {
    for (const kind of ["accept", "retry"] as const) {
      const fleet = new Fleet(20, { policy: quick });
      fleet.settleAt("v1");
      fleet.behaviour = (_, held) => (held === pin("v2") ? "crash" : "healthy");
      fleet.commit("v2");
      fleet.run(hours, () => fleet.phase.startsWith("held"));
      const failed = [...fleet.group.members.values()].filter(({ state }) => state === "failed").map(({ cluster }) => cluster);
      fleet.behaviour = () => "healthy";
      fleet.tell(kind === "accept" ? { kind, clusters: failed, actor: ops } : { kind, actor: ops });
      fleet.run(hours, () => fleet.phase === "ended completed");
      assert.equal(fleet.phase, "ended completed", kind);
    }
  });

  it("sync.auto false waits for a hand", () => {
    const fleet = new Fleet(20, { policy: quick });
    fleet.settleAt("v1");
    fleet.auto = false;
    fleet.commit("v2");
    fleet.run(hours);
    assert.equal(fleet.phase, "pending");
    assert.equal(fleet.on(pin("v2")), 0);
    fleet.tell({ kind: "start", actor: ops });
    fleet.run(hours, () => fleet.phase === "ended completed");
    assert.equal(fleet.on(pin("v2")), 20);
  });

  it("T43 a record from an old copy holds everything, and moves nobody", () => {
    const fleet = new Fleet(20, { policy: quick });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(3 * minutes);
    const before = fleet.on(pin("v2"));
    fleet.tell({ kind: "restored" });
    fleet.run(hours);
    assert.equal(fleet.phase, "held Restored");
    assert.equal(fleet.on(pin("v2")), before);
  });

  it("T41 T42 R17 hours in which nobody watched, and clocks that jump, judge nothing", () => {
    const fleet = new Fleet(20);
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.run(5 * minutes);
    fleet.wallMs += 3 * hours;
    fleet.beat();
    assert.equal(fleet.states()["passed"] ?? 0, 0);
    fleet.wallMs -= 24 * hours;
    fleet.beat();
    assert.equal(fleet.phase, "running");
    assert.equal(fleet.states()["soaking"], 1);
  });
});
