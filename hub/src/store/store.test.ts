import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import Database from "better-sqlite3";

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { makeRelease } from "@muster/proto/model/release";
import { lockStore, openStore, type ClusterRow, type Write } from "./store.ts";
import { damageManifests } from "./testdata/damage.ts";

const root = await mkdtemp(join(tmpdir(), "muster-store-"));
after(() => rm(root, { recursive: true, force: true }));
const key = new Uint8Array(32).fill(7);
const canary = "CANARY-7f3a91";
const release = makeRelease([
  {
    identity: { group: "", kind: "Secret", namespace: "shop", name: "s" },
    object: { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "shop" }, data: { x: canary } },
  },
]);
const cluster = (name: string): ClusterRow => ({
  name: name as ClusterName,
  uid: "u",
  enrolledAt: 1,
  labels: { env: "prod" },
  facts: null,
  ackedGeneration: 0,
  ackedDigest: "",
  refusal: null,
  refusalMessage: "",
  lastSeen: 0,
});
const bundle = (generation: number): Write => ({
  kind: "bundle",
  row: {
    cluster: "berlin" as ClusterName,
    uid: "u",
    generation,
    epoch: 1,
    digest: digestOf(`${generation}`),
    content: digestOf("c"),
    envelope: new Uint8Array([1]),
    releases: [release.digest],
    approvals: [],
  },
  released: { put: [], drop: [] },
  tombstones: [],
});

test("what was committed is there after the next start", async () => {
  const file = join(root, "a.db");
  {
    await using store = await openStore(file, key);
    await store.commit([
      { kind: "cluster", row: cluster("berlin") },
      { kind: "meta", key: "epoch", value: "3" },
      { kind: "release", ...release },
    ]);
    await Promise.all([bundle(1), bundle(2), bundle(3)].map((write) => store.commit([write])));
  }
  await using store = await openStore(file, key);
  const state = store.load();
  assert.deepEqual(state.clusters, [cluster("berlin")]);
  assert.equal(state.meta.get("epoch"), "3");
  assert.deepEqual(
    state.bundles.map((row) => row.generation),
    [3, 2],
  );
  assert.deepEqual(store.manifest(release.digest), release.manifest);
  assert.equal(store.objectText(release.manifest[0]?.digest ?? digestOf("")), [...release.objects.values()][0]);
});

test("S24 I9 what a Release holds is not readable in the database's files", async () => {
  const file = join(root, "b.db");
  await using store = await openStore(file, key);
  await store.commit([{ kind: "release", ...release }]);
  for (const name of [file, `${file}-wal`]) {
    const bytes = await readFile(name);
    assert.ok(!bytes.includes(canary) && !bytes.includes(Buffer.from(canary).toString("base64")), name);
  }
});

test("a batch that fails takes nothing with it, and its neighbours are kept", async () => {
  await using store = await openStore(join(root, "c.db"), key);
  const bad: Write[] = [{ kind: "meta", key: "half", value: "written" }, bundle(1), bundle(1)];
  const [good, failed] = await Promise.allSettled([
    store.commit([{ kind: "meta", key: "good", value: "1" }]),
    store.commit(bad),
    store.commit([{ kind: "meta", key: "after", value: "1" }]),
  ]);
  assert.equal(good.status, "fulfilled");
  assert.ok(failed.status === "rejected" && failed.reason instanceof OperationError && failed.reason.code === "unavailable");
  assert.deepEqual([...store.load().meta.keys()], ["after", "good"]);
});

test("F11 a hub in another process is refused for as long as the first one lives, and not when that was killed", async () => {
  const file = join(root, "d.db");
  const script = `import(${JSON.stringify(new URL("./store.ts", import.meta.url).href)})
    .then(({ openStore }) => openStore(${JSON.stringify(file)}, new Uint8Array(32).fill(7)))
    .then(() => (console.log("open"), setInterval(() => undefined, 1_000)));`;
  const other = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(other, "exit");
  try {
    assert.equal(String((await Promise.race([once(other.stdout, "data"), gone]))[0]), "open\n");
    await assert.rejects(
      openStore(file, key),
      (error) => error instanceof OperationError && error.code === "conflict" && /another hub .*stop it first/.test(error.message),
    );
  } finally {
    other.kill("SIGKILL");
    await gone;
  }
  await using store = await openStore(file, key);
  await store.commit([{ kind: "meta", key: "a", value: "1" }]);
});

test("F08 after the file turned out to be damaged nothing more is tried, and the store says why", async () => {
  const file = join(root, "e.db");
  await using store = await openStore(file, key);
  await store.commit([{ kind: "meta", key: "a", value: "1" }]);
  assert.ok(!store.failed);
  const undo = await damagePages(file);
  const unavailable = (error: unknown): boolean => error instanceof OperationError && error.code === "unavailable";
  const write = (name: string): Promise<void> => store.commit([{ kind: "meta", key: name, value: "2" }]);
  const both = await Promise.allSettled([write("b"), write("c")]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.match((await store.died).message, /SQLITE_(CORRUPT|NOTADB)/);
  assert.match(String(store.failed), /SQLITE_(CORRUPT|NOTADB)/);
  await undo();
  await assert.rejects(write("d"), unavailable);
});

/** Damages every page but the first under an open store; gives what puts them right again. */
async function damagePages(file: string): Promise<() => Promise<void>> {
  const db = new Database(file);
  // A change by somebody else, so that the store reads the pages again.
  db.prepare("INSERT INTO meta (key, value) VALUES ('other', '1')").run();
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
  const whole = await readFile(file);
  await writeFile(file, Buffer.concat([whole.subarray(0, 4_096), Buffer.alloc(whole.length - 4_096, 0xff)]), { flag: "r+" });
  return () => writeFile(file, whole, { flag: "r+" });
}

test("S25 a damaged blob is healed by writing it again; a damaged render is a miss", async () => {
  const file = join(root, "heal.db");
  await using store = await openStore(file, key);
  const [line] = release.manifest;
  assert.ok(line);
  const render: Write = { kind: "render", variant: digestOf("v"), release: release.digest, body: { a: 1 }, at: 1 };
  await store.commit([{ kind: "release", ...release }, render]);
  const db = new Database(file);
  for (const table of ["manifest", "object", "render"]) db.prepare(`UPDATE ${table} SET body = zeroblob(40)`).run();
  db.close();
  assert.deepEqual([store.manifest(release.digest), store.objectText(line.digest)], [undefined, undefined]);
  assert.deepEqual(store.takeDamaged(), [release.digest]);
  assert.equal(store.render(digestOf("v")), undefined);
  await store.commit([{ kind: "release", ...release }, render]);
  assert.deepEqual(store.manifest(release.digest), release.manifest);
  assert.equal(store.objectText(line.digest), release.objects.get(line.digest));
  assert.deepEqual(store.render(digestOf("v")), { a: 1 });
});

test("S24 what people wrote in Git is sealed under its key, and reads back", async () => {
  const file = join(root, "documents.db");
  await using store = await openStore(file, key);
  const row = (name: string, text: string) => ({ key: name, source: "root", path: "a.yaml", body: { values: { password: text } } });
  const rows = [row("App/a", canary), row("App/b", "other")];
  await store.commit([{ kind: "documents", put: rows, drop: [] }]);
  assert.deepEqual(store.load().documents, rows);
  for (const name of [file, `${file}-wal`]) assert.ok(!(await readFile(name)).includes(canary), name);
  const db = new Database(file);
  db.prepare("UPDATE document SET body = (SELECT body FROM document WHERE key = 'App/b') WHERE key = 'App/a'").run();
  db.close();
  assert.throws(
    () => store.load(),
    (error) => error instanceof OperationError && error.code === "corrupt",
  );
});

test("S24 the database, its WAL and its lock are for the owner's eyes only, also those that were not", async () => {
  const dir = join(root, "private");
  const file = join(dir, "hub.db");
  const names = [file, `${file}-wal`, `${file}-shm`, `${file}.lock`];
  const modes = (): Promise<number[]> => Promise.all(names.map(async (name) => (await stat(name)).mode & 0o777));
  for (let start = 1; start <= 2; start += 1) {
    await using store = await openStore(file, key);
    await store.commit([{ kind: "meta", key: "a", value: "1" }]);
    assert.deepEqual(await modes(), [0o600, 0o600, 0o600, 0o600], `start ${start}`);
    for (const name of names) await chmod(name, 0o644);
  }
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
});

test("F08 a damaged database is refused at the start and left as it is", async () => {
  const file = join(root, "f.db");
  {
    await using store = await openStore(file, key);
    for (let i = 0; i < 50; i += 1) await store.commit([{ kind: "meta", key: `k${i}`, value: "x".repeat(500) }]);
  }
  const bytes = await readFile(file);
  bytes.fill(0xff, 8_192, 12_288);
  await writeFile(file, bytes);
  await assert.rejects(openStore(file, key), (error) => error instanceof OperationError && error.code === "corrupt");
  assert.deepEqual(await readFile(file), bytes);
});

test("S25 a stored object under another name, or with another key, is not believed", async () => {
  const file = join(root, "g.db");
  {
    await using store = await openStore(file, key);
    await store.commit([{ kind: "release", ...release }]);
  }
  await using store = await openStore(file, new Uint8Array(32).fill(8));
  assert.equal(store.manifest(release.digest), undefined);
  assert.deepEqual(
    [...release.objects.keys()].map((name) => store.objectText(name)),
    [undefined],
  );
  assert.deepEqual([store.takeDamaged(), store.takeDamaged()], [[release.digest], []]);
});

test("F08 I1 a sweep that meets a damaged manifest names it and forgets no object; written again, all is well", async () => {
  const file = join(root, "damaged.db");
  await using store = await openStore(file, key);
  const stray = digestOf("stray");
  const render: Write = { kind: "render", variant: digestOf("v"), release: release.digest, body: {}, at: 100 };
  const manifest = release.manifest;
  await store.commit([{ kind: "release", ...release }, bundle(1), render]);
  await store.commit([{ kind: "release", digest: release.digest, manifest, objects: new Map([[stray, "{}"]]) }]);
  damageManifests(file);
  const sweep: Write = { kind: "sweep", used: [], before: 50, at: 200 };
  await store.commit([sweep]);
  assert.deepEqual(store.takeDamaged(), [release.digest]);
  const there = () => [...release.objects.keys(), stray].map((name) => store.objectText(name) !== undefined);
  assert.deepEqual(there(), [true, true], "what the damaged one names is not known");
  await store.commit([{ kind: "rendersGone", releases: [release.digest] }]);
  assert.equal(store.render(digestOf("v")), undefined, "nothing stands in for rendering it again");
  await store.commit([{ kind: "release", ...release }, sweep]);
  assert.deepEqual([store.manifest(release.digest), there(), store.takeDamaged()], [manifest, [true, false], []]);
});

test("F11 who holds the lock before there is a database keeps others out until it gives it back", async () => {
  const file = join(root, "first", "hub.db");
  const lock = await lockStore(file);
  await assert.rejects(lockStore(file), (error) => error instanceof OperationError && error.code === "conflict");
  await assert.rejects(openStore(file, key), (error) => error instanceof OperationError && error.code === "conflict");
  await (await openStore(file, key, lock))[Symbol.asyncDispose]();
  lock[Symbol.dispose](); // once more does no harm
  await (await openStore(file, key))[Symbol.asyncDispose]();
});

test("spent enrolments are forgotten, and others are kept", async () => {
  await using store = await openStore(join(root, "enrolments.db"), key);
  const row = (request: string) => ({ request, cluster: "berlin", serial: "1", certificate: new Uint8Array([1]), at: 1 });
  await store.commit(["a", "b"].map((request) => ({ kind: "enrolment", row: row(request) }) as const));
  await store.commit([{ kind: "enrolmentsGone", requests: ["a"] }]);
  assert.deepEqual(
    store.load().enrolments.map(({ request }) => request),
    ["b"],
  );
});

test("I8 a sweep forgets what nothing names, and keeps what a bundle or a fresh render names", async () => {
  await using store = await openStore(join(root, "h.db"), key);
  const releaseOf = (name: string) =>
    makeRelease([
      { identity: { group: "", kind: "ConfigMap", namespace: "shop", name }, object: { kind: "ConfigMap", metadata: { name } } },
    ]);
  const [bundled, fresh, old, used] = [release, releaseOf("fresh"), releaseOf("old"), releaseOf("used")];
  for (const each of [bundled, fresh, old, used]) await store.commit([{ kind: "release", ...each }]);
  const render = (name: string, digest: typeof fresh.digest, at: number): Write => ({
    kind: "render",
    variant: digestOf(name),
    release: digest,
    body: {},
    at,
  });
  await store.commit([bundle(1), render("fresh", fresh.digest, 100), render("old", old.digest, 10), render("used", used.digest, 10)]);
  await store.commit([{ kind: "sweep", used: [digestOf("used")], before: 50, at: 200 }]);
  const kept = [bundled, fresh, old, used].map((each) => [
    store.manifest(each.digest) !== undefined,
    [...each.objects.keys()].every((name) => store.objectText(name) !== undefined),
  ]);
  assert.deepEqual(kept, [
    [true, true],
    [true, true],
    [false, false],
    [true, true],
  ]);
  assert.deepEqual(
    [store.render(digestOf("fresh")) !== undefined, store.render(digestOf("old")), store.render(digestOf("used")) !== undefined],
    [true, undefined, true],
  );
});
