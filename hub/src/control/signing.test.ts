// What is signed, for whom, and when: on a real database with real keys.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { decodeEnvelope } from "@muster/proto/codec/envelope";
import { parseBundle, type Bundle } from "@muster/proto/model/bundle";
import { digestOf } from "@muster/proto/model/digest";
import type { Hello } from "@muster/proto/model/session";
import type { ReleasedRow, Write } from "../store/store.ts";
import { undecidedCluster } from "./decide.ts";
import type { Decided } from "./fleet-state.ts";
import { settleContent } from "../bundle/bundle.ts";
import { signAll } from "./signing.ts";
import { berlin, enrol, hello, keptSession, openWorld, quiet, releasedRow, type World } from "./testdata/world.ts";

const revision = { serial: 1, sources: { root: "c1" } };
const [one, two] = [releasedRow("a", digestOf("1")), releasedRow("a", digestOf("2"))];

function decided(world: World, rows: readonly ReleasedRow[], change: Partial<Decided> = {}): Decided {
  const member = world.record.memory.members.get(berlin) ?? assert.fail("not enrolled");
  const all = { ...undecidedCluster(berlin, member), released: new Map(rows.map((row) => [row.app, row])), ...change };
  const { cluster, tombstones, approvals } = all;
  return { ...all, content: settleContent({ paused: cluster.paused, apps: rows, tombstones, approvals }).digest };
}

/** Signs as the fleet loop does; `batches` are the kinds of what was written, in order. */
async function signing(t: TestContext) {
  const world = await openWorld(t);
  await enrol(world, "berlin", "u1");
  const batches: (readonly Write["kind"][])[] = [];
  const commit = async (writes: readonly Write[]): Promise<void> => {
    batches.push(writes.map(({ kind }) => kind));
    await world.record.commit(writes);
  };
  const options = { ...world, record: { ...world.record, commit }, now: () => world.clock.now, log: quiet };
  const sign = async (rows: readonly ReleasedRow[], change: Partial<Decided> = {}): Promise<boolean> =>
    (await signAll(options, [{ ...decided(world, rows, change), undecided: change.undecided ?? false }], () => revision)) === 1;
  const greet = async (uid = "u1", change: Partial<Hello> = {}) => {
    const session = keptSession();
    const serial = [...world.record.memory.certificates.values()].find((row) => row.uid === uid)?.serial ?? "";
    await world.sessions.session({ cluster: berlin, uid, serial }, session).message(hello(uid, change));
    batches.length = 0;
    return session;
  };
  const newest = (): Bundle => {
    const row = world.store.load().bundles[0] ?? assert.fail("nothing was signed");
    return parseBundle(new TextDecoder().decode(decodeEnvelope(row.envelope).payload));
  };
  return { world, sign, greet, newest, batches };
}

test("F09 nothing is signed for a cluster that has not said what it accepted", async (t) => {
  const { world, sign, greet } = await signing(t);
  assert.equal(await sign([one]), false);
  assert.deepEqual(world.store.load().bundles, []);
  await greet();
  assert.equal(await sign([one]), true);
});

test("I2 a cluster whose document cannot be read keeps its newest bundle, pause and all", async (t) => {
  const { sign, greet, newest } = await signing(t);
  await greet();
  await sign([one]);
  assert.equal(await sign([], { undecided: true }), false);
  assert.equal(newest().apps.length, 1);
});

test("I2 what has nothing and shall have nothing gets no bundle", async (t) => {
  const { world, sign, greet } = await signing(t);
  await greet();
  assert.equal(await sign([]), false);
  assert.deepEqual(world.store.load().bundles, []);
});

test("equal content is not signed again; another pause, App or release is", async (t) => {
  const { world, sign, greet, newest } = await signing(t);
  await greet();
  const numbers: number[] = [];
  const step = async (rows: readonly ReleasedRow[], change: Partial<Decided> = {}): Promise<void> => {
    await sign(rows, change);
    numbers.push(newest().generation);
  };
  await step([one]);
  await step([one]);
  await step([two]);
  await step([two, releasedRow("b", digestOf("3"))]);
  await step([releasedRow("b", digestOf("3")), two]);
  const { cluster } = decided(world, []);
  await step([two, releasedRow("b", digestOf("3"))], { cluster: { ...cluster, paused: true } });
  assert.deepEqual(numbers, [1, 1, 2, 3, 3, 4]);
});

test("what only the hub acts on is taken over without a new signature", async (t) => {
  const { world, sign, greet } = await signing(t);
  await greet();
  await sign([one]);
  assert.equal(await sign([{ ...one, onLeave: "delete" }]), false);
  const { bundles, released } = world.store.load();
  assert.deepEqual([bundles.length, released.map(({ row }) => row.onLeave)], [1, ["delete"]]);
});

test("a bundle is on disk before it leaves", async (t) => {
  const { world, sign } = await signing(t);
  const onDisk: number[] = [];
  const session = keptSession(({ kind }) => kind === "bundle" && onDisk.push(world.store.load().bundles.length));
  await world.sessions.session({ cluster: berlin, uid: "u1", serial: "" }, session).message(hello("u1"));
  await sign([one]);
  assert.deepEqual(onDisk, [1]);
});

test("I3 F09 an agent that has seen more than this hub remembers: its epoch and generation move past it", async (t) => {
  const { sign, greet, newest, batches } = await signing(t);
  await greet();
  await sign([one]);
  const session = await greet("u1", { accepted: { epoch: 3, signer: "k", generation: 40, digest: digestOf("forgotten") } });
  assert.equal(await sign([one]), true, "equal content, and all the same the agent has another one");
  assert.deepEqual(batches, [["bundle"]]);
  assert.deepEqual([newest().epoch, newest().generation], [4, 41]);
  assert.equal(session.sent.at(-1)?.kind, "bundle");
  await sign([two]);
  assert.deepEqual([newest().epoch, newest().generation], [4, 42]);
});

test("F63 a bundle names the UID that holds the cluster's name now; after a replacement it is signed anew", async (t) => {
  const { world, sign, greet, newest } = await signing(t);
  await greet();
  await sign([one]);
  assert.equal(newest().clusterUid, "u1");
  await enrol(world, "berlin", "u2", { cluster: berlin, replace: true });
  const session = await greet("u2");
  assert.equal(await sign([one]), true);
  assert.deepEqual([newest().clusterUid, newest().generation, session.sent.at(-1)?.kind], ["u2", 2, "bundle"]);
});

test("a bundle says for whom, by whom and from what it is", async (t) => {
  const { world, sign, greet, newest } = await signing(t);
  await greet();
  await sign([one]);
  const { fleet, cluster, signer, revision: from, issuedAt } = newest();
  assert.deepEqual(
    { fleet, cluster, signer, from, issuedAt },
    { fleet: world.keys.fleet, cluster: berlin, signer: world.keys.signer.keyid, from: revision, issuedAt: "2026-11-21T08:00:00.000Z" },
  );
});
