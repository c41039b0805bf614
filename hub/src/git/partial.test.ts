// Partial fetches: files come when they are read, many at once.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { gatherer } from "./gather.ts";
import { codeOf, gitServer, signal, snapshotOf, text } from "./testdata/servers.ts";
import { isomorphicHttp, nativeHttp } from "./testdata/ways.ts";

const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`apps/${i}.yaml`, `number: ${i}\n`]));

test("a partial fetch leaves files out; those that are read together come in one pack, and once", async (t) => {
  const server = await gitServer(t);
  await server.createRepository("fleet", { ...files, link: { link: "apps/7.yaml" } });
  const source = await nativeHttp.open(t, server.cloneUrl("fleet"), { partial: true });
  const snapshot = await snapshotOf(source.fetch(signal));
  const packs = async () =>
    (await readdir(join(source.dir, "repository.git", "objects", "pack"))).filter((name) => name.endsWith(".idx")).length;
  const asked = () => server.requests().filter(({ method }) => method === "POST").length;
  assert.equal((await snapshot.tree.list("apps")).length, 50, "folders are all there");
  const [packsBefore, askedBefore] = [await packs(), asked()];
  const paths = Object.keys(files).slice(0, 40);
  assert.deepEqual(
    await Promise.all(paths.map((path) => text(snapshot, path))),
    paths.map((path) => files[path]),
  );
  assert.ok((await packs()) - packsBefore <= 2, "few packs for forty files");
  const askedThen = asked();
  assert.ok(askedThen > askedBefore);
  assert.equal(await text(snapshot, "link"), files["apps/7.yaml"]);
  await Promise.all(paths.map((path) => text(snapshot, path)));
  assert.ok(asked() <= askedThen + 1, "only the link is new");

  await server.commit("fleet", { "apps/1.yaml": "number: one\n" }, "second");
  const second = await source.fetch(signal);
  assert.ok(second.kind === "snapshot" && !second.forced);
  assert.equal(await text(second.snapshot, "apps/1.yaml"), "number: one\n");
  await server.stop();
  assert.equal(await codeOf(text(second.snapshot, "apps/45.yaml")), "E_SOURCE_UNREACHABLE", "an error, and no damage");
  assert.equal(await text(second.snapshot, "apps/2.yaml"), files["apps/2.yaml"], "what was read is there");
  await server.start();
  assert.equal(await text(second.snapshot, "apps/45.yaml"), files["apps/45.yaml"]);
  assert.deepEqual(source.warnings, []);

  const wanted = (await second.snapshot.tree.list("apps")).map(({ oid }) => oid);
  const askedNow = asked();
  await second.snapshot.prefetch?.(wanted);
  assert.ok(asked() > askedNow && asked() <= askedNow + 2, "one fetch for all that is not here");
  await server.stop();
  assert.equal(await text(second.snapshot, "apps/49.yaml"), files["apps/49.yaml"]);
});

test("without a git program a partial Source is fetched whole", async (t) => {
  const server = await gitServer(t);
  await server.createRepository("fleet", files);
  const source = await isomorphicHttp.open(t, server.cloneUrl("fleet"), { partial: true });
  const snapshot = await snapshotOf(source.fetch(signal));
  await server.stop();
  assert.equal(await text(snapshot, "apps/3.yaml"), files["apps/3.yaml"]);
});

test("wishes of one turn go together, those that come meanwhile with the next lot, and a failure is heard by its own lot only", async () => {
  const lots: (readonly string[])[] = [];
  const want = gatherer(async (ids) => {
    lots.push(ids);
    await Promise.resolve();
    if (ids.includes("bad")) throw new Error("bad lot");
    return true;
  });
  const first = [want("a"), want("b"), want("a")];
  await Promise.all(first);
  const failing = [want("c"), want("bad")].map((wish) => wish.then(String, (error: Error) => error.message));
  assert.deepEqual(await Promise.all(failing), ["bad lot", "bad lot"]);
  assert.equal(await want("d"), true);
  assert.deepEqual(lots, [["a", "b"], ["c", "bad"], ["d"]]);
});
