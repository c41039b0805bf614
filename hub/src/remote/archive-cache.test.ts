import assert from "node:assert/strict";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";

import { openArchiveCache } from "./archive-cache.ts";
import { folder } from "./testdata/world.ts";

const bytesOf = (letter: string) => Buffer.alloc(100, letter);

test("what was put is there, also for the next process, under its SHA-256", async (t) => {
  const dir = await folder(t);
  const digest = await (await openArchiveCache(dir, 1_000)).put(bytesOf("a"));
  assert.equal(digest, digestOf(bytesOf("a")));
  assert.deepEqual(await (await openArchiveCache(dir, 1_000)).get(digest), bytesOf("a"));
  assert.equal(await (await openArchiveCache(dir, 1_000)).get(digestOf("other")), undefined);
});

test("damaged content is not given out, and makes room for what is fetched again", async (t) => {
  const dir = await folder(t);
  const cache = await openArchiveCache(dir, 1_000);
  const digest = await cache.put(bytesOf("a"));
  await writeFile(join(dir, digest), bytesOf("b"));
  assert.equal(await cache.get(digest), undefined);
  assert.deepEqual(await readdir(dir), []);
  assert.equal(cache.size(), 0);
  await cache.put(bytesOf("a"));
  assert.deepEqual(await cache.get(digest), bytesOf("a"));
});

test("beyond its size the cache forgets what was not used for longest", async (t) => {
  const dir = await folder(t);
  const cache = await openArchiveCache(dir, 250);
  const [a, b] = [await cache.put(bytesOf("a")), await cache.put(bytesOf("b"))];
  await cache.get(a);
  const c = await cache.put(bytesOf("c"));
  assert.deepEqual(
    [await cache.get(a), await cache.get(b), await cache.get(c)].map((each) => each !== undefined),
    [true, false, true],
  );
  assert.equal(cache.size(), 200);
  await cache.put(Buffer.alloc(300));
  assert.equal(cache.size(), 200, "what does not fit at all pushes nothing out");
});

test("the order of use survives a restart, and drafts of a crash do not", async (t) => {
  const dir = await folder(t);
  const first = await openArchiveCache(dir, 1_000);
  const [a, b] = [await first.put(bytesOf("a")), await first.put(bytesOf("b"))];
  await utimes(join(dir, b), new Date(1_000), new Date(1_000));
  await writeFile(join(dir, `${a}.1.draft`), "half");
  const second = await openArchiveCache(dir, 250);
  assert.deepEqual((await readdir(dir)).toSorted(), [a, b].toSorted());
  await second.put(bytesOf("c"));
  assert.equal(await second.get(b), undefined);
  assert.deepEqual(await second.get(a), bytesOf("a"));
});
