// Commands and hands on a real database with real keys: what is signed for whom, whose answers count, what survives a restart.

import assert from "node:assert/strict";
import { verify } from "node:crypto";
import { test, type TestContext } from "node:test";
import { zstdCompressSync } from "node:zlib";

import { preAuthEncoding } from "@muster/proto/model/envelope";
import { readCommand, type Command, type InspectArgs } from "@muster/proto/model/command";
import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Inspection } from "@muster/proto/model/inspection";
import { commandFeatures, type CommandResult } from "@muster/proto/model/session";
import { undecidedCluster } from "../decide.ts";
import { nothingDecided, type Decided, type FleetState, type Waiting } from "../fleet-state.ts";
import { memoryOf } from "../memory.ts";
import { openRecord, type HubRecord } from "../record.ts";
import { Sessions } from "../sessions.ts";
import {
  app,
  berlin,
  enrol,
  hello,
  keepRelease,
  keptSession,
  openWorld,
  quiet,
  releasedRow,
  releaseOf,
  start,
  type KeptSession,
  type World,
} from "../testdata/world.ts";
import { openCommanding, type Commanding } from "./commanding.ts";
import { redeliveryLifeMs } from "./redeliveries.ts";

const paris = "paris" as ClusterName;
const a = app("a");
const anna = { name: "anna", role: "operator" } as const;
const never = new AbortController().signal;
const query = { app: "a", cluster: berlin, part: "tree", object: null, managedFields: false } as const;
const answer: Inspection = { app: a, takenAt: "2026-11-21T08:00:00Z", release: null, pin: null, objects: [], events: [], notes: [] };
const packed = (value: unknown): Uint8Array => zstdCompressSync(JSON.stringify(value));
const features = Object.values(commandFeatures);

type Site = World & { readonly commanding: Commanding; readonly state: { now: FleetState }; readonly looked: () => number };

async function opened(t: TestContext, lookMs = 60_000, record?: HubRecord): Promise<Site> {
  const world = await openWorld(t);
  return on(world, lookMs, record ?? world.record);
}

function on(world: World, lookMs: number, record: HubRecord): Site {
  const state = { now: nothingDecided };
  let looked = 0;
  const commanding = openCommanding({
    record,
    keys: world.keys,
    live: (cluster) => sessions.live(cluster),
    state: () => state.now,
    now: () => world.clock.now,
    log: quiet,
    onChange: () => (looked += 1),
    lookMs,
  });
  const sessions: Sessions = new Sessions({
    record,
    keys: world.keys,
    now: () => world.clock.now,
    log: quiet,
    onChange: () => undefined,
    onRevoked: () => undefined,
    commands: commanding.port,
  });
  return { ...world, record, sessions, commanding, state, looked: () => looked };
}

/** An enrolled cluster that runs App `a`, and its session. */
async function cluster(site: Site, name = "berlin", known: readonly string[] = features) {
  const uid = `uid-${name}`;
  const identity = await enrol(site, name, uid);
  const release = releaseOf(name);
  const row = releasedRow("a", release.digest);
  await site.record.commit([keepRelease(release), { kind: "released", cluster: identity.cluster, released: { put: [row], drop: [] } }]);
  return { identity, row, ...(await session(site, identity, known)) };
}

async function session(
  site: Site,
  identity: { readonly cluster: ClusterName; readonly uid: string; readonly serial: string },
  known = features as readonly string[],
) {
  const kept = keptSession();
  const events = site.sessions.session(identity, kept);
  await events.message(hello(identity.uid, { features: known }));
  return { kept, events };
}

/** What an agent was told to do, as it reads it. */
function commandsOf(kept: KeptSession): Command[] {
  return kept.sent.flatMap((message) => {
    if (message.kind !== "command") return [];
    const read = readCommand(new TextDecoder().decode(message.envelope.payload));
    return read.kind === "command" ? [read.command] : assert.fail(read.message);
  });
}

const fails = (fault: string) => (error: unknown) => error instanceof OperationError && error.fault?.code === fault;
const said = (id: string, change: Partial<CommandResult> = {}): CommandResult => ({
  kind: "commandResult",
  id,
  ok: true,
  message: "",
  code: "",
  ...change,
});

test("a look is a command for one cluster, signed, short-lived and in somebody's name; its answer is what comes back", async (t) => {
  const site = await opened(t);
  const { identity, kept } = await cluster(site);
  const looking = site.commanding.live.look(query, anna, never);
  const [command] = commandsOf(kept);
  assert.ok(command?.kind === "inspect");
  const { id, args, ...head } = command;
  assert.deepEqual(head, {
    fleet: site.keys.fleet,
    cluster: berlin,
    clusterUid: "uid-berlin",
    epoch: 0,
    notBefore: null,
    expiresAt: new Date(start + 660_000).toISOString(),
    actor: "anna",
    kind: "inspect",
  });
  assert.deepEqual(args, { app: a, parts: ["tree"], object: null, managedFields: false } satisfies InspectArgs);
  const [sent] = kept.sent.flatMap((message) => (message.kind === "command" ? [message.envelope] : []));
  const [signature] = sent?.signatures ?? [];
  assert.ok(sent !== undefined && signature !== undefined && signature.keyid === site.keys.signer.keyid);
  assert.ok(verify(null, preAuthEncoding(sent.payloadType, sent.payload), site.keys.signer.publicKey, signature.signature));
  assert.equal(site.sessions.awaits(identity, id), true);
  await site.sessions.answered(identity, id, packed(answer));
  assert.deepEqual(await looking, { ...answer, cluster: berlin });
  assert.equal(site.sessions.awaits(identity, id), false);
});

test("I4 no cluster answers for another, and an answer to what was never asked is nobody's", async (t) => {
  const site = await opened(t);
  const { kept, identity, events } = await cluster(site);
  const other = await cluster(site, "paris");
  const looking = site.commanding.live.look(query, anna, never);
  const [{ id } = assert.fail("no command")] = commandsOf(kept);
  assert.equal(site.sessions.awaits(other.identity, id), false);
  await assert.rejects(site.sessions.answered(other.identity, id, packed(answer)), /nobody waits/);
  await other.events.message(said(id, { ok: false, code: "E_NOT_HERE", message: "a lie" }));
  await assert.rejects(site.sessions.answered(identity, "another-id", packed(answer)), /nobody waits/);
  await events.message(said("another-id", { ok: false, code: "E_NOT_HERE" }));
  await site.sessions.answered(identity, id, packed(answer));
  assert.equal((await looking).app, a);
});

test("B59 an answer that is none, or too large when unpacked, is an error for who asked, and no other look's", async (t) => {
  const site = await opened(t);
  const { kept, identity } = await cluster(site);
  for (const bytes of [
    new Uint8Array(9),
    packed({ ...answer, events: 1 }),
    packed([]),
    zstdCompressSync(Buffer.alloc(65 * 1024 * 1024, 32)),
  ]) {
    const looking = assert.rejects(site.commanding.live.look(query, anna, never), fails("E_ANSWER"));
    const { id } = commandsOf(kept).at(-1) ?? assert.fail("no command");
    await assert.rejects(site.sessions.answered(identity, id, bytes), fails("E_ANSWER"));
    await looking;
  }
});

test("what an agent says no to is told with its code", async (t) => {
  const site = await opened(t);
  const { kept, events } = await cluster(site);
  for (const [code, expected] of [
    ["E_NOT_HERE", "notFound"],
    ["E_ANSWER_TOO_LARGE", "limit"],
    ["", "conflict"],
  ] as const) {
    const looking = site.commanding.live.look(query, anna, never);
    const { id } = commandsOf(kept).at(-1) ?? assert.fail("no command");
    await events.message(said(id, { ok: false, code, message: "no" }));
    await assert.rejects(
      looking,
      (error) => error instanceof OperationError && error.code === expected && /the agent of cluster berlin says: no/.test(error.message),
    );
  }
});

test("a look ends when nobody answers in time, when the agent goes, and when nobody wants it any more", async (t) => {
  const site = await opened(t, 1);
  const { events } = await cluster(site);
  await assert.rejects(site.commanding.live.look(query, anna, never), fails("E_TIMEOUT"));
  const patient = on(site, 60_000, site.record);
  const gone = await session(patient, { cluster: berlin, uid: "uid-berlin", serial: "s" });
  const looking = patient.commanding.live.look(query, anna, never);
  gone.events.closed();
  await assert.rejects(looking, fails("E_AGENT_OFFLINE"));
  await session(patient, { cluster: berlin, uid: "uid-berlin", serial: "s" });
  const left = new AbortController();
  const unwanted = patient.commanding.live.look(query, anna, left.signal);
  left.abort();
  await assert.rejects(unwanted, /nobody waits/);
  events.closed();
});

test("an agent that is away, was never there, or does not know looks is told as what it is", async (t) => {
  const site = await opened(t);
  const { events } = await cluster(site, "berlin", []);
  await assert.rejects(site.commanding.live.look(query, anna, never), fails("E_AGENT_TOO_OLD"));
  events.closed();
  await assert.rejects(
    site.commanding.live.look(query, anna, never),
    (error) => fails("E_AGENT_OFFLINE")(error) && /last seen at 2026-11-21T08/.test(String(error)),
  );
  await assert.rejects(site.commanding.live.look({ ...query, cluster: "nowhere" }, anna, never), fails("E_NO_CLUSTER"));
  await assert.rejects(site.commanding.live.look({ ...query, app: "nope" }, anna, never), fails("E_NO_APP"));
});

test("I8 only so many looks are under way at one cluster", async (t) => {
  const site = await opened(t);
  const { events } = await cluster(site);
  const looks = [1, 2, 3, 4].map(() => assert.rejects(site.commanding.live.look(query, anna, never), fails("E_AGENT_OFFLINE")));
  await assert.rejects(site.commanding.live.look(query, anna, never), fails("E_BUSY"));
  events.closed();
  await Promise.all(looks);
});

test("an order to deliver again is given once, and told to an agent that comes back, also after a restart of the hub", async (t) => {
  const site = await opened(t);
  const { identity, kept, events } = await cluster(site);
  const order = () => site.commanding.live.sync({ app: "a", redeliver: true, reason: "again" }, anna);
  assert.deepEqual(
    (await order()).items.map(({ state }) => state),
    ["ordered"],
  );
  await order();
  const [command, ...more] = commandsOf(kept);
  assert.deepEqual([command?.kind, command?.args, more], ["redeliver", { app: a }, []]);
  events.closed();
  const restarted = on(site, 60_000, openRecord(site.store));
  const back = await session(restarted, identity);
  assert.deepEqual(
    commandsOf(back.kept).map(({ id }) => id),
    [command?.id],
  );
  await back.events.message(said(command?.id ?? "", { message: "2 objects are applied again" }));
  const [told] = restarted.commanding.live.acts().redeliveries;
  assert.deepEqual([told?.state, told?.message, told?.by, told?.reason], ["done", "2 objects are applied again", "anna", "again"]);
  const third = await session(restarted, identity);
  assert.deepEqual(commandsOf(third.kept), []);
});

test("another cluster's word settles no order; one that expired is not told any more; an old agent refuses it", async (t) => {
  const site = await opened(t);
  const { identity, kept, events } = await cluster(site);
  const other = await cluster(site, "paris");
  await site.commanding.live.sync({ app: "a", cluster: berlin, redeliver: true }, anna);
  const [{ id } = assert.fail("no command")] = commandsOf(kept);
  await other.events.message(said(id));
  assert.equal(site.commanding.live.acts().redeliveries[0]?.state, "waiting");
  events.closed();
  site.clock.now += redeliveryLifeMs;
  assert.deepEqual(commandsOf((await session(site, identity)).kept), []);
  assert.equal(site.commanding.live.acts().redeliveries[0]?.state, "expired");
  await session(site, identity, []);
  assert.equal((await site.commanding.live.sync({ app: "a", cluster: berlin, redeliver: true }, anna)).items[0]?.state, "refused");
});

const waiting: Waiting = { reason: "WaitingForHand", message: "sync.auto is false", since: start, pin: digestOf("pin") };
/** The fleet loop's last decision: on these clusters App `a` waits. */
function decided(site: Site, waits: ReadonlyMap<ClusterName, Waiting>): void {
  const clusters = new Map(
    [...site.record.memory.members].map(([name, member]): [ClusterName, Decided] => {
      const wait = waits.get(name);
      return [name, { ...undecidedCluster(name, member), waits: new Map(wait === undefined ? [] : [[a, wait]]) }];
    }),
  );
  site.state.now = { ...nothingDecided, clusters };
}

test("sync writes whose word it is and for which pin, where something waits, and says where nothing does", async (t) => {
  const site = await opened(t);
  await cluster(site);
  await cluster(site, "paris");
  decided(site, new Map([[berlin, waiting]]));
  const { items } = await site.commanding.live.sync({ app: "default//a", reason: "checked" }, anna);
  assert.deepEqual(
    items.map(({ cluster: at, state, pin }) => [at, state, pin]),
    [
      [berlin, "asked", waiting.pin],
      [paris, "notWaiting", null],
    ],
  );
  assert.equal(site.looked(), 1);
  const kept = memoryOf(site.store.load()).acts;
  assert.deepEqual(
    [...kept.values()].map(({ body }) => body),
    [{ kind: "sync", id: `sync berlin ${a}`, app: a, cluster: berlin, pin: waiting.pin, by: "anna", reason: "checked", at: start }],
  );
});

test("a pause is durable, replaced by the next one of the same scope, and ends when its time comes", async (t) => {
  const site = await opened(t);
  await cluster(site);
  const { live } = site.commanding;
  await live.pause({ app: "a", reason: "first" }, anna);
  const second = await live.pause({ app: "a", reason: "second", forSeconds: 1 }, anna);
  assert.deepEqual(second, {
    app: a,
    cluster: null,
    by: "anna",
    reason: "second",
    at: new Date(start).toISOString(),
    until: new Date(start + 1_000).toISOString(),
  });
  assert.equal(memoryOf(site.store.load()).acts.size, 1);
  await assert.rejects(live.sync({ app: "nope" }, anna), fails("E_NO_APP"));
  assert.equal((await live.sync({ app: "a" }, anna)).items[0]?.state, "paused");
  const stop = new AbortController();
  site.clock.now += 1_000;
  assert.deepEqual(live.acts().pauses, []);
  const running = site.commanding.run(stop.signal);
  while (site.record.memory.acts.size > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(site.looked(), 3, "whoever decides was told of both pauses and of the end");
  stop.abort();
  await running;
});

test("resume ends just the pause that is meant, and says which one holds when that is another", async (t) => {
  const site = await opened(t);
  await cluster(site);
  const { live } = site.commanding;
  await assert.rejects(live.resume({ fleet: true }, anna), fails("E_NOT_PAUSED"));
  await live.pause({ fleet: true, reason: "night" }, anna);
  await assert.rejects(live.resume({ app: "a" }, anna), (error) => fails("E_PAUSED_WIDER")(error) && /anna: night/.test(String(error)));
  assert.equal((await live.resume({ fleet: true }, anna)).ended.reason, "night");
  await live.pause({ app: "a", cluster: berlin, reason: "one" }, anna);
  await assert.rejects(live.resume({ app: "a" }, anna), (error) => fails("E_NOT_PAUSED")(error) && /a part of it/.test(String(error)));
  await assert.rejects(live.pause({ fleet: true, cluster: berlin, reason: "r" }, anna), fails("E_SCOPE"));
  await assert.rejects(live.pause({ reason: "r" }, anna), fails("E_SCOPE"));
  await live.resume({ app: "a", cluster: berlin }, anna);
  const member = site.record.memory.members.get(berlin) ?? assert.fail("not enrolled");
  const { cluster: resolved, ...rest } = undecidedCluster(berlin, member);
  const inGit = {
    ...rest,
    cluster: { ...resolved, paused: true, place: { source: "root", path: "clusters/berlin.yaml", line: 7, column: 1 } },
  };
  site.state.now = { ...nothingDecided, clusters: new Map([[berlin, inGit]]) };
  await assert.rejects(
    live.resume({ cluster: berlin }, anna),
    (error) => fails("E_PAUSED_IN_GIT")(error) && /clusters\/berlin\.yaml:7/.test(String(error)),
  );
});

test("a name that two Apps share has to be given in full", async (t) => {
  const site = await opened(t);
  const { row } = await cluster(site);
  const twin = { ...row, app: "team//a" as AppKey };
  await site.record.commit([{ kind: "released", cluster: berlin, released: { put: [twin], drop: [] } }]);
  await assert.rejects(site.commanding.live.look(query, anna, never), fails("E_AMBIGUOUS"));
  assert.equal((await site.commanding.live.pause({ app: "team//a", reason: "r" }, anna)).app, "team//a");
});
