// From an admission to the next bundle's rows: what moves, what stays, and why.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pinDigest } from "@muster/proto/model/bundle";
import { digestOf } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import { statusDigest } from "@muster/proto/model/root";
import type { AppStatus } from "@muster/proto/model/status";
import type { Pause } from "../acts/acts.ts";
import type { AppVerdict, ClusterVerdict } from "../admit/admit.ts";
import type { Placement } from "../resolve/resolve.ts";
import type { ReleasedRow } from "../store/store.ts";
import { decide, heldBy, undecidedCluster, type DecideInput } from "./decide.ts";
import type { Member } from "./memory.ts";
import { app, berlin, policy, releasedRow, start, statusOf } from "./testdata/world.ts";

const a = app("a");
const later = start + 60_000;

function memberOf(rows: readonly ReleasedRow[], change: Partial<Member> = {}): Member {
  const row = {
    name: berlin,
    uid: "u1",
    enrolledAt: start,
    labels: {},
    facts: null,
    ackedGeneration: 1,
    ackedDigest: digestOf("bundle"),
    refusal: null,
    refusalMessage: "",
    lastSeen: start,
  };
  const bundle = {
    cluster: berlin,
    uid: "u1",
    generation: 1,
    epoch: 1,
    digest: digestOf("bundle"),
    content: digestOf("content"),
    envelope: new Uint8Array(),
    releases: [],
    approvals: [],
  };
  const released = new Map(rows.map((each) => [each.app, each]));
  return { row, bundles: [bundle], released, tombstones: new Map(), approvals: [], statuses: new Map(), ...change };
}

function placement(release: string, change: Partial<Placement> = {}): Placement {
  return {
    app: a,
    cluster: berlin,
    request: digestOf("request"),
    release: digestOf(release),
    policy,
    dependsOn: [],
    layers: [],
    auto: true,
    parent: null,
    ancestors: [],
    source: "root",
    onLeave: "orphan",
    withParent: "delete",
    rollout: null,
    ...change,
  };
}

const admits = (release: string, change: Partial<Placement> = {}): AppVerdict => ({
  kind: "admit",
  app: a,
  placement: placement(release, change),
  release: digestOf(release),
  deletes: [],
});
const holds = (held: ReleasedRow): AppVerdict => ({
  kind: "hold",
  app: a,
  reason: "GuardHeld",
  vanished: [],
  guards: ["appShare"],
  cause: null,
  deletes: [{ group: "", kind: "ConfigMap", namespace: "shop", name: "x" }],
  digest: digestOf("deletes"),
  removal: false,
  held,
});
const keeps = (held: ReleasedRow | null): AppVerdict => ({ kind: "keep", app: a, reason: "RenderFailed", held });

function decided(member: Member | undefined, apps: readonly AppVerdict[] | undefined, change: Partial<DecideInput> = {}) {
  const cluster = undecidedCluster(berlin, memberOf([])).cluster;
  const verdict: ClusterVerdict | undefined = apps && { cluster: berlin, apps, tombstones: [], approvals: [], problems: [], wakeAt: null };
  const placements = apps?.flatMap((each) => (each.kind === "admit" ? [each.placement] : [])) ?? [placement("1")];
  return decide({
    cluster,
    member,
    placements,
    verdict,
    problems: [],
    before: undefined,
    approvals: new Set(),
    commitOf: () => "c2",
    pauses: [],
    now: later,
    ...change,
  });
}

const held = releasedRow("a", digestOf("1"));
const row = (answer: ReturnType<typeof decide>, key: AppKey = a): ReleasedRow | undefined => answer.released.get(key);

test("a new pin is released with its commit and its time", () => {
  const moved = row(decided(memberOf([held]), [admits("2")]));
  assert.deepEqual([moved?.release, moved?.commit, moved?.since], [digestOf("2"), "c2", later]);
  assert.equal(row(decided(memberOf([]), [admits("1")]))?.commit, "c2");
});

test("an unchanged pin keeps its commit and its time, and takes over what only the hub acts on", () => {
  const same = row(decided(memberOf([held]), [admits("1", { onLeave: "delete", parent: app("root") })]));
  assert.deepEqual(same, { ...held, onLeave: "delete", parent: app("root") });
});

test("a change of the policy alone is a change of the pin", () => {
  const moved = row(decided(memberOf([held]), [admits("1", { policy: { ...policy, prune: false } })]));
  assert.deepEqual([moved?.policy.prune, moved?.since], [false, later]);
});

test("D01 what the guards hold keeps its released row, and waits for exactly that approval", () => {
  const answer = decided(memberOf([held]), [holds(held)]);
  assert.deepEqual(row(answer), held);
  assert.deepEqual(answer.waits.get(a)?.reason, "GuardHeld");
  assert.match(answer.waits.get(a)?.message ?? "", new RegExp(`muster approve ${digestOf("deletes").slice(0, 12)}`));
  assert.deepEqual(
    answer.held.map(({ app: key, digest, guards }) => [key, digest, guards]),
    [[a, digestOf("deletes"), ["appShare"]]],
  );
});

test("I2 an App that cannot be decided keeps what it has, with the reason; one that had nothing gets nothing", () => {
  const problem = { code: "E_YAML", severity: "error", message: "bad", subject: `App ${a}` } as const;
  const answer = decided(memberOf([held]), [keeps(held)], { problems: [problem] });
  assert.deepEqual(row(answer), held);
  assert.deepEqual([answer.waits.get(a)?.reason, answer.waits.get(a)?.message], ["RenderFailed", "E_YAML: bad"]);
  assert.equal(row(decided(memberOf([]), [keeps(null)])), undefined);
});

test("without sync.auto a change waits for a hand, and what runs goes on", () => {
  const answer = decided(memberOf([held]), [admits("2", { auto: false })]);
  assert.deepEqual([row(answer), answer.waits.get(a)?.reason], [held, "WaitingForHand"]);
  const first = decided(memberOf([]), [admits("2", { auto: false })]);
  assert.deepEqual([row(first), first.waits.get(a)?.reason], [undefined, "WaitingForHand"]);
});

test("the same reason goes on since it began; another one begins anew", () => {
  const before = decided(memberOf([held]), [holds(held)]);
  assert.equal(before.waits.get(a)?.since, later);
  const again = decided(memberOf([held]), [holds(held)], { before, now: later + 1_000 });
  assert.equal(again.waits.get(a)?.since, later);
  assert.equal(decided(memberOf([held]), [keeps(held)], { before, now: later + 1_000 }).waits.get(a)?.since, later + 1_000);
});

test("a cluster that has not enrolled gets nothing and says so", () => {
  const answer = decided(undefined, undefined);
  assert.deepEqual([answer.released.size, answer.waits.get(a)?.reason], [0, "NotEnrolled"]);
});

test("I2 a cluster of which the resolution does not speak keeps everything, with the content that was signed", () => {
  const grave = { app: app("gone"), mode: "delete", notBefore: "2026-11-21T08:30:00Z" } as const;
  const member = memberOf([held], { tombstones: new Map([[grave.app, grave]]), approvals: [digestOf("x")] });
  const answer = undecidedCluster(berlin, member);
  assert.deepEqual(
    [[...answer.released.values()], answer.tombstones, answer.approvals, answer.content],
    [[held], [grave], [digestOf("x")], digestOf("content")],
  );
});

function withStatus(change: Partial<AppStatus>, more: Partial<Member> = {}): Member {
  const status = statusOf("a", { pin: pinDigest(held), ...change });
  return memberOf([held], { statuses: new Map([[a, { status, digest: statusDigest(status) }]]), ...more });
}

const settled: readonly [string, Member, boolean][] = [
  ["all is synced at the newest bundle", withStatus({}), true],
  ["an App is synced at another pin", withStatus({ pin: digestOf("old") }), false],
  ["an App is not synced", withStatus({ reason: "Applying" }), false],
  ["an App has not been heard of", memberOf([held]), false],
  ["the newest bundle was not acknowledged", withStatus({}, { row: { ...memberOf([]).row, ackedDigest: "" } }), false],
];
for (const [what, member, expected] of settled)
  test(`I1 approvals have${expected ? "" : " not"} served when ${what}`, () => assert.equal(heldBy(member).settled, expected));

test("D01 what an agent holds by its own count passes when a person approved just that", () => {
  const member = withStatus({ reason: "GuardHeld", held: digestOf("mine") });
  const approvals = (...names: readonly string[]) =>
    decided(member, [admits("1")], { approvals: new Set(names.map((name) => digestOf(name))) }).approvals;
  assert.deepEqual(approvals("another"), []);
  assert.deepEqual(approvals("another", "mine"), [digestOf("mine")]);
});

test("a tombstone stays until the agent says that nothing is left", () => {
  const grave = { app: a, mode: "delete", notBefore: "2026-11-21T08:30:00Z" } as const;
  const graves = { tombstones: new Map([[a, grave]]) };
  assert.deepEqual(heldBy(withStatus({ inventoryEmpty: false }, graves)).tombstones, [grave]);
  assert.deepEqual(heldBy(memberOf([], graves)).tombstones, [grave]);
  assert.deepEqual(heldBy(withStatus({ inventoryEmpty: true }, graves)).tombstones, []);
});

const night: Pause = { kind: "pause", id: "p", app: null, cluster: berlin, by: "bert", reason: "night", at: start, until: null };

test("while it is paused nothing of an App moves: no pin, no setting, no first release; it says who paused it and why", () => {
  const answer = decided(memberOf([held]), [admits("2", { auto: false, dependsOn: [app("b")] })], { pauses: [night] });
  assert.deepEqual([row(answer), answer.waits.get(a)], [held, { reason: "Paused", message: "paused by bert: night", since: later }]);
  const first = decided(memberOf([]), [admits("2", { auto: false })], { pauses: [night] });
  assert.deepEqual([row(first), first.waits.get(a)?.reason], [undefined, "Paused"]);
  assert.equal(decided(memberOf([held]), [admits("1")], { pauses: [night] }).waits.get(a)?.reason, "Paused");
  assert.equal(decided(memberOf([held]), [keeps(held)], { pauses: [night] }).waits.get(a)?.reason, "RenderFailed");
  assert.equal(decided(memberOf([held]), [holds(held)], { pauses: [night] }).held.length, 1);
});

test("I1 while it is paused an App that leaves stays released, and one that is leaving already stays longer", () => {
  const grave = { app: a, mode: "delete", notBefore: "2026-11-21T08:30:00.000Z" } as const;
  const verdict: ClusterVerdict = { cluster: berlin, apps: [], tombstones: [grave], approvals: [], problems: [], wakeAt: null };
  const leaving = decided(memberOf([held]), [], { verdict, pauses: [night] });
  assert.deepEqual([row(leaving), leaving.tombstones], [held, []]);
  assert.match(leaving.waits.get(a)?.message ?? "", /its removal waits: paused by bert/);
  const [left] = decided(memberOf([], { tombstones: new Map([[a, grave]]) }), [], { verdict, pauses: [night] }).tombstones;
  assert.deepEqual([left?.due, (left?.notBefore ?? "") > "9999"], [grave.notBefore, true]);
  const resumed: ClusterVerdict = { ...verdict, tombstones: left === undefined ? [] : [left] };
  assert.deepEqual(decided(memberOf([]), [], { verdict: resumed }).tombstones, [grave]);
});

test("what waits for a hand says which pin it is", () => {
  const waits = decided(memberOf([held]), [admits("2", { auto: false })]).waits.get(a);
  assert.deepEqual([waits?.reason, waits?.pin], ["WaitingForHand", pinDigest({ release: digestOf("2"), policy })]);
});
