// Who is served, and with what: on a real database, with real certificates.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeTransfer } from "@muster/proto/codec/transfer";
import { encodeEnvelope } from "@muster/proto/codec/envelope";
import { digestOf } from "@muster/proto/model/digest";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { observedMax, observes, type FromAgent, type ObservedApp } from "@muster/proto/model/session";
import { agentUri, type AgentIdentity } from "../enroll/enroll.ts";
import type { Write } from "../store/store.ts";
import { memoryOf, rootOf } from "./memory.ts";
import { rebuiltKey, Sessions } from "./sessions.ts";
import {
  app,
  berlin,
  enrol,
  hello,
  keepRelease,
  keptSession,
  kinds,
  makeCsr,
  makeToken,
  noCommands,
  openWorld,
  quiet,
  releasedRow,
  releaseOf,
  serialOf,
  statusOf,
  type World,
} from "./testdata/world.ts";

const fails = (code: string) => (error: unknown) => error instanceof OperationError && error.code === code;
const certificateOf = ({ keys }: World, { cluster, uid, serial }: AgentIdentity) => ({
  alternativeNames: `URI:${agentUri(keys.fleet, cluster, uid)}`,
  serial,
});

function bundle({ keys }: World, generation: number, releases: readonly ReturnType<typeof releaseOf>[], uid = "u1"): Write {
  return {
    kind: "bundle",
    row: {
      cluster: berlin,
      uid,
      generation,
      epoch: 1,
      digest: digestOf(`bundle ${generation}`),
      content: digestOf(`content ${generation}`),
      envelope: encodeEnvelope(keys.signer.sign("t", `bundle ${generation}`)),
      releases: releases.map(({ digest }) => digest),
      approvals: [],
    },
    released: { put: releases.map(({ digest }, index) => releasedRow(`app${index}`, digest)), drop: [] },
    tombstones: [],
  };
}

async function greeted(world: World, identity: AgentIdentity, change: Parameters<typeof hello>[1] = {}) {
  const session = keptSession();
  const events = world.sessions.session(identity, session);
  await events.message(hello(identity.uid, change));
  return { session, events };
}

test("S33 F28 a certificate that was revoked, has expired, or is of another cluster or UID is nobody's", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const identify = (identity: AgentIdentity) => world.sessions.identify(certificateOf(world, identity));
  assert.deepEqual(identify(own), own);
  assert.equal(identify({ ...own, cluster: "paris" as typeof berlin }), undefined);
  assert.equal(identify({ ...own, uid: "u2" }), undefined);
  assert.equal(world.sessions.identify({ alternativeNames: "DNS:berlin", serial: own.serial }), undefined);
  const { notAfter } = world.record.memory.certificates.get(own.serial) ?? assert.fail("not kept");
  world.clock.now = notAfter + 1;
  assert.equal(identify(own), undefined);
  world.clock.now = notAfter - 1;
  assert.deepEqual(identify(own), own);
  await world.record.commit([{ kind: "revoke", cluster: berlin, exceptUid: null, at: 1 }]);
  assert.equal(identify(own), undefined);
});

test("F09 F10 a certificate that the record does not know counts for the UID that holds the name, and for a free name only after the record was lost", async (t) => {
  const world = await openWorld(t);
  const known = await enrol(world, "berlin", "u1");
  const identify = (identity: AgentIdentity) => world.sessions.identify(certificateOf(world, identity));
  const lost: AgentIdentity = { ...known, serial: "aa" };
  const free: AgentIdentity = { cluster: "paris" as typeof berlin, uid: "u7", serial: "bb" };
  // Given out after the copy that this hub was restored from.
  assert.deepEqual([identify(lost), identify(free)], [lost, undefined]);
  await world.record.commit([{ kind: "meta", key: rebuiltKey, value: "1" }]);
  assert.deepEqual([identify(lost), identify(free)], [lost, free]);
  assert.equal(identify({ ...lost, uid: "u2" }), undefined);
  const { session } = await greeted(world, free);
  assert.deepEqual(kinds(session), ["welcome"]);
  assert.equal(world.record.memory.members.get(free.cluster)?.row.uid, "u7");
  assert.equal(identify({ ...free, uid: "u8", serial: "cc" }), undefined, "the name is taken now");
});

test("an agent of another protocol is told which one is spoken, and is not there", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  for (const range of [
    { protocolMin: 2, protocolMax: 3 },
    { protocolMin: 0, protocolMax: 0 },
  ]) {
    const { session } = await greeted(world, own, range);
    const last = session.last();
    assert.ok(last?.kind === "rejected" && last.reason === "version" && /protocol 1/.test(last.message));
    assert.deepEqual([session.sent, world.sessions.live(berlin)], [[], undefined]);
  }
});

test("F63 I11 an identity that speaks from another cluster is quarantined, and the one it belongs to goes on", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const right = await greeted(world, own);
  const copy = keptSession();
  const events = world.sessions.session(own, copy);
  await events.message(hello("u2"));
  const last = copy.last();
  assert.ok(last?.kind === "rejected" && last.reason === "quarantined");
  assert.deepEqual(copy.sent, []);
  assert.deepEqual(world.sessions.quarantined(berlin), { uid: "u2", at: world.clock.now });
  assert.equal(world.sessions.live(berlin)?.session, right.session);
  assert.equal(right.session.last(), null);
  await assert.rejects(events.message({ kind: "root", statusRoot: "" }), fails("invalid"));
});

test("a session begins with one hello", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const events = world.sessions.session(own, keptSession());
  const root: FromAgent = { kind: "root", statusRoot: digestOf("") };
  await assert.rejects(events.message(root), /before hello/);
  await events.message(hello("u1"));
  await assert.rejects(events.message(hello("u1")), /second hello/);
});

test("a newer session takes the place of the older one, whose words count no more", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const older = await greeted(world, own);
  const newer = await greeted(world, own);
  const last = older.session.last();
  assert.ok(last?.kind === "rejected" && last.reason === "replaced");
  await older.events.message({ kind: "ack", epoch: 1, generation: 99, digest: "", refusal: null, message: "" });
  assert.equal(world.record.memory.members.get(berlin)?.row.ackedGeneration, 0);
  older.events.closed();
  assert.equal(world.sessions.live(berlin)?.session, newer.session);
  newer.events.closed();
  assert.equal(world.sessions.live(berlin), undefined);
});

test("I4 a Release is given only to a cluster whose newest or previous bundle names it", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const other = await enrol(world, "paris", "u2");
  const [a, b, c, foreign] = [releaseOf("a"), releaseOf("b"), releaseOf("c"), releaseOf("d")];
  await world.record.commit([keepRelease(a), keepRelease(b), keepRelease(c), keepRelease(foreign)]);
  await world.record.commit([bundle(world, 1, [a]), bundle(world, 2, [b]), bundle(world, 3, [c])]);
  const gets = async (identity: AgentIdentity, { digest }: typeof a): Promise<boolean> =>
    (await world.sessions.release(identity, digest, null)) !== undefined;
  assert.deepEqual([await gets(own, c), await gets(own, b), await gets(own, a), await gets(own, foreign)], [true, true, false, false]);
  assert.equal(await gets(other, c), false);
});

test("I4 a base counts only where this cluster was given it: a guess tells nothing of another cluster's Release", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const [target, base, foreign] = [releaseOf("a", "b"), releaseOf("a"), releaseOf("b")];
  await world.record.commit([keepRelease(target), keepRelease(base), keepRelease(foreign)]);
  await world.record.commit([bundle(world, 1, [base]), bundle(world, 2, [target])]);
  const fetched = async (from: typeof base) => (await world.sessions.release(own, target.digest, from.digest)) ?? assert.fail("not given");
  const delta = decodeTransfer(await fetched(base), target.digest, base.manifest);
  assert.equal(delta.objects.size, 1);
  const whole = decodeTransfer(await fetched(foreign), target.digest, null);
  assert.equal(whole.objects.size, 2);
});

test("I6 a status is acknowledged when it is on disk, and not before", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const release = releaseOf("a");
  await world.record.commit([bundle(world, 1, [release])]);
  const atAck: number[] = [];
  const session = keptSession(({ kind }) => kind === "statusAck" && atAck.push(world.store.load().statuses.length));
  const events = world.sessions.session(own, session);
  await events.message(hello("u1"));
  await events.message({ kind: "status", seq: 7, apps: [statusOf("app0")], forgotten: [], all: null, complete: false, facts: null });
  assert.deepEqual(atAck, [1]);
  assert.deepEqual(session.sent.at(-1), { kind: "statusAck", seq: 7 });
});

test("B59 of Apps that no bundle names only so many are remembered; a complete report forgets what it does not name", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  await world.record.commit([bundle(world, 1, [releaseOf("a"), releaseOf("b")])]);
  const { events } = await greeted(world, own);
  const report = (apps: readonly string[], complete: boolean): FromAgent => ({
    kind: "status",
    seq: 1,
    apps: apps.map((name) => statusOf(name)),
    forgotten: [],
    all: null,
    complete,
    facts: null,
  });
  const known = (): string[] => [...(world.record.memory.members.get(berlin)?.statuses.keys() ?? [])].toSorted();
  const strangers = Array.from({ length: 300 }, (_, i) => `stranger${i}`);
  await events.message(report(["app0", "app1", ...strangers], false));
  assert.equal(known().length, 2 + 200);
  await events.message(
    report(
      strangers.map((name) => `${name}-more`),
      false,
    ),
  );
  assert.equal(known().length, 2 + 200);
  await events.message(report(["app0", "app1"], true));
  assert.deepEqual(known(), [app("app0"), app("app1")]);
  await events.message(report(["app1"], false));
  assert.deepEqual(known(), [app("app0"), app("app1")]);
  await events.message(report(["app1"], true));
  assert.deepEqual(known(), [app("app1")]);
  assert.deepEqual(
    world.store.load().statuses.map(({ status }) => status.app),
    [app("app1")],
  );
});

test("a bundle is offered only to the UID that it was signed for", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  await world.record.commit([bundle(world, 1, [releaseOf("a")], "u0")]);
  const { session } = await greeted(world, own);
  world.sessions.offer(berlin);
  assert.deepEqual(kinds(session), ["welcome"]);
  await world.record.commit([bundle(world, 2, [releaseOf("a")], "u1")]);
  world.sessions.offer(berlin);
  assert.deepEqual(kinds(session), ["welcome", "bundle"]);
});

const greetings: readonly [string, Parameters<typeof hello>[1], readonly string[]][] = [
  ["nothing", {}, ["welcome", "bundle"]],
  ["the newest bundle", { accepted: { epoch: 1, signer: "k", generation: 2, digest: digestOf("bundle 2") } }, ["welcome", "current"]],
  ["an older bundle", { accepted: { epoch: 1, signer: "k", generation: 1, digest: digestOf("bundle 1") } }, ["welcome", "bundle"]],
  [
    "F09 a bundle that this hub has forgotten",
    { accepted: { epoch: 1, signer: "k", generation: 9, digest: digestOf("bundle 9") } },
    ["welcome"],
  ],
  ["other statuses than the hub", { statusRoot: digestOf("other") }, ["welcome", "need", "bundle"]],
];
for (const [what, change, expected] of greetings) {
  test(`an agent that says it holds ${what} is answered with ${expected.join(", ")}`, async (t) => {
    const world = await openWorld(t);
    const own = await enrol(world, "berlin", "u1");
    await world.record.commit([bundle(world, 1, [releaseOf("a")]), bundle(world, 2, [releaseOf("a")])]);
    const { session } = await greeted(world, own, change);
    assert.deepEqual(kinds(session), expected);
  });
}

test("what a rollout watches is told at once, once, and again at each hello before the bundle", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  await world.record.commit([bundle(world, 1, [releaseOf("a")])]);
  const web: ObservedApp = { app: app("web"), pin: digestOf("pin"), healthyForMs: 600_000 };
  const api: ObservedApp = { ...web, app: app("api") };
  const first = await greeted(world, own, { features: [observes] });
  assert.deepEqual(kinds(first.session), ["welcome", "bundle"], "nothing was said of this cluster yet: the agent keeps its list");
  world.sessions.observe(berlin, [web, api]);
  world.sessions.observe(berlin, [api, web]);
  assert.deepEqual(first.session.sent.slice(2), [{ kind: "observe", apps: [api, web] }]);
  for (const change of [{ pin: digestOf("other") }, { healthyForMs: 1 }]) {
    world.sessions.observe(berlin, [api, { ...web, ...change }]);
    assert.deepEqual(first.session.sent.at(-1), { kind: "observe", apps: [api, { ...web, ...change }] });
  }
  world.sessions.observe(berlin, []);
  assert.deepEqual(first.session.sent.at(-1), { kind: "observe", apps: [] });
  first.events.closed();
  world.sessions.observe(berlin, [web]);
  const second = await greeted(world, own, { features: [observes] });
  assert.deepEqual(kinds(second.session), ["welcome", "observe", "bundle"]);
  assert.deepEqual(second.session.sent[1], { kind: "observe", apps: [web] });
});

test("an agent that does not take lists is told none, and the hub says that it has them", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  world.sessions.observe(berlin, [{ app: app("web"), pin: digestOf("pin"), healthyForMs: 1 }]);
  const { session } = await greeted(world, own);
  world.sessions.observe(berlin, []);
  assert.deepEqual(kinds(session), ["welcome"]);
  assert.ok(session.sent[0]?.kind === "welcome" && session.sent[0].features.includes(observes));
});

test("I8 an agent is told of so many Apps as fit into a message, first those that were named first", async (t) => {
  const world = await openWorld(t);
  const { session } = await greeted(world, await enrol(world, "berlin", "u1"), { features: [observes] });
  const many = Array.from({ length: observedMax + 1 }, (_, i) => ({ app: app(`a${i}`), pin: digestOf("pin"), healthyForMs: 1 }));
  world.sessions.observe(berlin, many);
  const told = session.sent.at(-1);
  assert.ok(told?.kind === "observe" && told.apps.length === observedMax);
  assert.ok(told.apps.every(({ app: name }) => name !== app(`a${observedMax}`)));
});

test("a soak is there as long as it is said: no digest is over it, and the disk does not keep it", async (t) => {
  const world = await openWorld(t);
  const { session, events } = await greeted(world, await enrol(world, "berlin", "u1"));
  const soak = { healthyForMs: 5_000, pods: null };
  const plain = statusOf("web");
  const report: FromAgent = {
    kind: "status",
    seq: 1,
    apps: [{ ...plain, soak }],
    forgotten: [],
    complete: false,
    all: null,
    facts: null,
  };
  await events.message(report);
  const member = world.record.memory.members.get(berlin) ?? assert.fail("not enrolled");
  assert.deepEqual(member.statuses.get(app("web"))?.status.soak, soak);
  assert.deepEqual(world.store.load().statuses[0]?.status, plain);
  assert.equal(rootOf(member), rootOf(memoryOf(world.store.load()).members.get(berlin) ?? assert.fail("not kept")));
  world.sessions.ask(berlin, [app("web")]);
  assert.deepEqual(session.sent.at(-1), { kind: "need", apps: [app("web")] });
  const before = session.sent.length;
  world.sessions.ask(berlin, []);
  assert.equal(session.sent.length, before, "no App is not all Apps");
});

test("the root in a beat is compared: a difference asks for everything, equality is answered with what is acknowledged", async (t) => {
  const world = await openWorld(t);
  const { session, events } = await greeted(world, await enrol(world, "berlin", "u1"));
  const member = world.record.memory.members.get(berlin) ?? assert.fail("not enrolled");
  await events.message({ kind: "root", statusRoot: rootOf(member) });
  assert.deepEqual([kinds(session).at(-1), session.sent.at(-1)], ["statusAck", { kind: "statusAck", seq: 0 }]);
  await events.message({ kind: "root", statusRoot: digestOf("other") });
  assert.deepEqual(session.sent.at(-1), { kind: "need", apps: [] });
});

test("a refused bundle is remembered with its reason, and does not count as acknowledged", async (t) => {
  const world = await openWorld(t);
  const { events } = await greeted(world, await enrol(world, "berlin", "u1"));
  await events.message({ kind: "ack", epoch: 1, generation: 4, digest: digestOf("x"), refusal: null, message: "" });
  await events.message({ kind: "ack", epoch: 1, generation: 5, digest: digestOf("y"), refusal: "E_AUDIENCE", message: "why" });
  const row = world.store.load().clusters[0];
  assert.deepEqual([row?.ackedGeneration, row?.ackedDigest, row?.refusal, row?.refusalMessage], [4, digestOf("x"), "E_AUDIENCE", "why"]);
});

test("B44 a token is used up by what it let in; F63 a name is not given twice", async (t) => {
  const world = await openWorld(t);
  const token = await makeToken(world, { labels: { env: "prod" } });
  const call = { token, csr: await makeCsr(), clusterUid: "u1", proposedName: "berlin", remote: "test" };
  const answer = await world.sessions.enroll(call);
  assert.deepEqual([answer.cluster, world.store.load().clusters[0]?.labels], ["berlin", { env: "prod" }]);
  assert.equal(world.store.load().certificates[0]?.serial, serialOf(answer.certificates[0]));
  await assert.rejects(world.sessions.enroll({ ...call, csr: await makeCsr() }), fails("unauthenticated"));
  const second = { ...call, token: await makeToken(world), clusterUid: "u2" };
  await assert.rejects(world.sessions.enroll(second), fails("conflict"));
  assert.equal(world.record.memory.tokens.size, 2);
});

test("B44 a token for one use admits one, however many come at once", async (t) => {
  const world = await openWorld(t);
  const token = await makeToken(world);
  const calls = ["u1", "u2", "u3"].map(async (clusterUid) =>
    world.sessions.enroll({ token, csr: await makeCsr(), clusterUid, proposedName: `c-${clusterUid}`, remote: "test" }),
  );
  const answers = await Promise.allSettled(calls);
  assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
  const { clusters, certificates, tokens } = world.store.load();
  assert.deepEqual([clusters.length, certificates.length, tokens[0]?.usesLeft], [1, 1, 0]);
});

test("S26 who knows a cluster's UID and has an open token does not become that cluster", async (t) => {
  const world = await openWorld(t);
  await enrol(world, "berlin", "u1");
  const call = { csr: await makeCsr(), clusterUid: "u1", proposedName: "berlin", remote: "test" };
  await assert.rejects(
    world.sessions.enroll({ ...call, token: await makeToken(world) }),
    (error) => fails("conflict")(error) && /--cluster berlin/.test(String(error)),
  );
  await world.sessions.enroll({ ...call, token: await makeToken(world, { cluster: berlin }) });
});

test("S33 a replaced identity is nobody, also with a certificate that was renewed at the last moment", async (t) => {
  const world = await openWorld(t);
  const old = await enrol(world, "berlin", "u1");
  const renewing = Promise.allSettled(Array.from({ length: 5 }, async () => world.sessions.renew(old, await makeCsr())));
  await enrol(world, "berlin", "u2", { cluster: berlin, replace: true });
  const renewed = (await renewing).flatMap((answer) => (answer.status === "fulfilled" ? answer.value.certificates : []));
  for (const serial of [old.serial, ...renewed.map(serialOf)])
    assert.equal(world.sessions.identify(certificateOf(world, { ...old, serial })), undefined);
  assert.equal(world.store.load().clusters[0]?.uid, "u2");
});

test("S51 an agent that claims numbers which no hub gave out is refused", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  for (const change of [{ epoch: 2 ** 52 }, { generation: Number.MAX_SAFE_INTEGER }]) {
    const { session } = await greeted(world, own, {
      accepted: { epoch: 1, signer: "k", generation: 1, digest: "0".repeat(64) as Digest, ...change },
    });
    assert.equal(session.last()?.kind, "rejected");
    assert.equal(world.sessions.live(berlin), undefined);
  }
});

test("S33 an identity that is replaced while its certificate is renewed gets none", async (t) => {
  const world = await openWorld(t);
  const old = await enrol(world, "berlin", "u1");
  const { keys, record } = world;
  const issueAgent: typeof keys.authority.issueAgent = async (...args) => {
    const issued = await keys.authority.issueAgent(...args);
    await enrol(world, "berlin", "u2", { cluster: berlin, replace: true });
    return issued;
  };
  const sessions = new Sessions({
    record,
    keys: { ...keys, authority: { ...keys.authority, issueAgent } },
    now: () => world.clock.now,
    log: quiet,
    onChange: () => undefined,
    onRevoked: () => undefined,
    commands: noCommands,
  });
  await assert.rejects(sessions.renew(old, await makeCsr()), fails("unauthenticated"));
  const valid = world.store.load().certificates.filter(({ revokedAt }) => revokedAt === null);
  assert.deepEqual(
    valid.map(({ uid }) => uid),
    ["u2"],
  );
});

test("of two sessions that begin at once one stays, and the other is told", async (t) => {
  const world = await openWorld(t);
  const own = await enrol(world, "berlin", "u1");
  const both = [keptSession(), keptSession()];
  await Promise.all(both.map((session) => world.sessions.session(own, session).message(hello("u1"))));
  const left = both.filter((session) => session.last() === null);
  assert.deepEqual([left.length, world.sessions.live(berlin)?.session], [1, left[0]]);
});

test("an API token enrols nobody", async (t) => {
  const world = await openWorld(t);
  const token = await makeToken(world, { kind: "api", role: "admin" });
  const call = { token, csr: await makeCsr(), clusterUid: "u1", proposedName: "berlin", remote: "test" };
  await assert.rejects(world.sessions.enroll(call), fails("unauthenticated"));
});

test("--replace: the old identity is revoked and cut, what it said is forgotten, its labels go", async (t) => {
  const world = await openWorld(t);
  const old = await enrol(world, "berlin", "u1", { labels: { env: "dev" } });
  await world.record.commit([bundle(world, 1, [releaseOf("a")])]);
  const { events } = await greeted(world, old);
  await events.message({ kind: "ack", epoch: 1, generation: 1, digest: digestOf("bundle 1"), refusal: null, message: "" });
  await events.message({ kind: "status", seq: 1, apps: [statusOf("app0")], forgotten: [], all: null, complete: false, facts: null });
  const fresh = await enrol(world, "berlin", "u2", { cluster: berlin, replace: true, labels: { env: "prod" } });
  assert.deepEqual(world.revoked, [old.serial]);
  assert.equal(world.sessions.identify(certificateOf(world, old)), undefined);
  assert.deepEqual(world.sessions.identify(certificateOf(world, fresh)), fresh);
  const state = world.store.load();
  assert.deepEqual(
    [state.statuses, state.clusters[0]?.uid, state.clusters[0]?.labels, state.clusters[0]?.ackedGeneration],
    [[], "u2", { env: "prod" }, 0],
  );
});

test("F24 an enrolment whose answer was lost gets the same certificate again, and nobody else gets anything for the used-up token", async (t) => {
  const world = await openWorld(t);
  const token = await makeToken(world);
  const csr = await makeCsr();
  const call = { token, csr, clusterUid: "u1", proposedName: "berlin", remote: "test" };
  const first = await world.sessions.enroll(call);
  assert.deepEqual(await world.sessions.enroll(call), first);
  // Once over: the token's expiry does not matter to an answer that was given in time.
  world.clock.now += 2 * 3_600_000;
  assert.deepEqual(await world.sessions.enroll(call), first);
  assert.equal(world.record.memory.certificates.size, 1);
  await assert.rejects(world.sessions.enroll({ ...call, csr: await makeCsr() }), fails("unauthenticated"));
  await assert.rejects(world.sessions.enroll({ ...call, clusterUid: "u2" }), fails("unauthenticated"));
  await assert.rejects(world.sessions.enroll({ ...call, token: await makeToken(world, { expiresAt: 0 }) }), fails("unauthenticated"));
});

test("S33 a lost answer is not given again when its cluster was replaced or its certificate was revoked", async (t) => {
  const world = await openWorld(t);
  const call = { token: await makeToken(world), csr: await makeCsr(), clusterUid: "u1", proposedName: "berlin", remote: "test" };
  await world.sessions.enroll(call);
  await enrol(world, "berlin", "u2", { cluster: berlin, replace: true });
  await assert.rejects(world.sessions.enroll(call), fails("unauthenticated"));
  const other = { ...call, token: await makeToken(world), csr: await makeCsr(), clusterUid: "u3", proposedName: "paris" };
  await world.sessions.enroll(other);
  await world.record.commit([{ kind: "revoke", cluster: "paris" as typeof berlin, exceptUid: null, at: 1 }]);
  await assert.rejects(world.sessions.enroll(other), fails("unauthenticated"));
});

test("I10 a lost answer is given again after a restart of the hub", async (t) => {
  const world = await openWorld(t);
  const call = { token: await makeToken(world), csr: await makeCsr(), clusterUid: "u1", proposedName: "berlin", remote: "test" };
  const first = await world.sessions.enroll(call);
  const { record, keys, clock } = world;
  const again = new Sessions({
    record: { ...record, memory: memoryOf(world.store.load()) },
    keys,
    now: () => clock.now,
    log: quiet,
    onChange: () => undefined,
    onRevoked: () => undefined,
    commands: noCommands,
  });
  const answer = await again.enroll(call);
  assert.deepEqual(
    answer.certificates.map((der) => Buffer.from(der)),
    first.certificates.map((der) => Buffer.from(der)),
  );
});
