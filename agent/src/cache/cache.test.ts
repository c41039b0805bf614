// The cache on a real disk: what a crash, a flipped bit, a foreign file or a full disk may do to it.

import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { JsonObject } from "@muster/proto/model/json";
import { makeRelease, type Release } from "@muster/proto/model/release";

import { openCache, type Cache } from "./cache.ts";
import { seal } from "./seal.ts";

const key = new Uint8Array(32).fill(3);
const canary = "hunter2-canary";

async function withFolder(
  work: (dir: string, open: (other?: Uint8Array) => Promise<Cache>, warned: string[]) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "muster-cache-"));
  const warned: string[] = [];
  const log = { warn: (fields: object, message: string): void => void warned.push(`${message} ${JSON.stringify(fields)}`) };
  try {
    await work(dir, (other = key) => openCache({ dir, key: other, log, now: () => 1_000 }), warned);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const secret = (name: string, value = canary): JsonObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "shop" },
  data: { value },
});

function release(...objects: readonly JsonObject[]): Release {
  return makeRelease(
    objects.map((object) => ({
      identity: { group: "", kind: "Secret", namespace: "shop", name: String((object["metadata"] as JsonObject)["name"]) },
      object,
    })),
  );
}

const pathOf = (dir: string, digest: Digest): string => join(dir, "objects", digest.slice(0, 1), digest);

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 0x10;
  await writeFile(path, bytes);
}

test("a Release is read back after a restart, and what is missing of another is known", async () => {
  await withFolder(async (_dir, open) => {
    const one = release(secret("a"), secret("b"));
    await using first = await open();
    assert.equal(await first.hasRelease(one.digest), false);
    assert.equal(await first.saveRelease(one.manifest, one.objects), one.digest);
    await using second = await open();
    assert.equal(await second.hasRelease(one.digest), true);
    assert.deepEqual(await second.readManifest(one.digest), one.manifest);
    const digest = one.manifest[0]?.digest as Digest;
    assert.deepEqual(await second.readObject(digest), secret("a"));
    const other = release(secret("a"), secret("c"));
    assert.deepEqual(second.missing(other.manifest.map((line) => line.digest)), [other.manifest[1]?.digest]);
  });
});

test("I9 nothing of an object can be read on the disk, and only the agent's user may read the files", async () => {
  await withFolder(async (dir, open) => {
    await using cache = await open();
    const one = release(secret("a"));
    await cache.saveRelease(one.manifest, one.objects);
    await cache.writeAccepted(Buffer.from("envelope"));
    for (const file of await readdir(dir, { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name);
      const mode = (await stat(path)).mode & 0o777;
      assert.equal(mode, file.isDirectory() ? 0o700 : 0o600, path);
      if (file.isFile()) assert.doesNotMatch((await readFile(path)).toString("latin1"), /hunter2|Secret|shop/, path);
    }
  });
});

test("S25 a flipped bit anywhere in an object makes it absent; it is set aside and can be saved again", async () => {
  for (const at of [0, 5, 20, 40, -1]) {
    await withFolder(async (dir, open, warned) => {
      const one = release(secret("a"));
      const digest = one.manifest[0]?.digest as Digest;
      await using cache = await open();
      await cache.saveRelease(one.manifest, one.objects);
      await flip(pathOf(dir, digest), at);
      assert.equal(await cache.readObject(digest), null, `bit ${at}`);
      assert.equal(cache.hasObject(digest), false);
      assert.equal(await cache.hasRelease(one.digest), false);
      assert.equal((await readdir(join(dir, "aside"))).length, 1);
      assert.equal(warned.length, 1);
      await cache.saveRelease(one.manifest, one.objects);
      assert.deepEqual(await cache.readObject(digest), secret("a"));
    });
  }
});

test("S25 a flipped bit in a manifest makes its Release absent", async () => {
  await withFolder(async (dir, open) => {
    const one = release(secret("a"));
    await using cache = await open();
    await cache.saveRelease(one.manifest, one.objects);
    await flip(join(dir, "releases", one.digest), 33);
    assert.equal(await cache.readManifest(one.digest), null);
    assert.equal(await cache.hasRelease(one.digest), false);
  });
});

test("S25 a sealed blob under another blob's name is absent, and so is one of another agent", async () => {
  await withFolder(async (dir, open) => {
    const one = release(secret("a"), secret("b", "other"));
    const [a, b] = one.manifest.map((line) => line.digest) as [Digest, Digest];
    await using cache = await open();
    await cache.saveRelease(one.manifest, one.objects);
    await writeFile(pathOf(dir, a), await readFile(pathOf(dir, b)));
    assert.equal(await cache.readObject(a), null);
    await using stranger = await open(new Uint8Array(32).fill(4));
    assert.equal(await stranger.readObject(b), null);
  });
});

test("S25 a blob that was sealed with our key, under the right name, and is not what its name says, is absent", async () => {
  await withFolder(async (dir, open) => {
    const one = release(secret("a"));
    const digest = one.manifest[0]?.digest as Digest;
    await using cache = await open();
    await cache.saveRelease(one.manifest, one.objects);
    await writeFile(pathOf(dir, digest), seal(key, digest, JSON.stringify(secret("a", "forged"))));
    assert.equal(await cache.readObject(digest), null);
  });
});

test("a large object is packed, and read back", async () => {
  await withFolder(async (dir, open) => {
    const one = release(secret("a", "x".repeat(100_000)));
    const digest = one.manifest[0]?.digest as Digest;
    await using cache = await open();
    await cache.saveRelease(one.manifest, one.objects);
    assert.ok((await stat(pathOf(dir, digest))).size < 5_000);
    assert.deepEqual(await cache.readObject(digest), secret("a", "x".repeat(100_000)));
  });
});

test("half-written and foreign files are cleared away at the start", async () => {
  await withFolder(async (dir, open) => {
    const digest = digestOf("x");
    await mkdir(join(dir, "objects", digest.slice(0, 1)), { recursive: true });
    await writeFile(`${pathOf(dir, digest)}.part`, "half");
    await mkdir(join(dir, "releases"), { recursive: true });
    await writeFile(join(dir, "releases", "readme.txt"), "foreign");
    await using cache = await open();
    assert.equal(cache.hasObject(digest), false);
    assert.deepEqual(await readdir(join(dir, "releases")), []);
    assert.deepEqual(await readdir(join(dir, "objects", digest.slice(0, 1))), []);
  });
});

test("I5 an object with another digest than promised, and a Release without all its objects, are not saved", async () => {
  await withFolder(async (_dir, open) => {
    await using cache = await open();
    const one = release(secret("a"));
    const forged = new Map([[one.manifest[0]?.digest as Digest, '{"forged":true}']]);
    await assert.rejects(cache.saveRelease(one.manifest, forged), { code: "corrupt" });
    await assert.rejects(cache.saveRelease(one.manifest, new Map()), { code: "corrupt" });
    assert.equal(await cache.hasRelease(one.digest), false);
  });
});

test("a sweep keeps what is named and what was just saved, and nothing goes when a kept manifest cannot be read", async () => {
  await withFolder(async (dir, open) => {
    const [old, kept, pending] = [
      release(secret("old"), secret("both")),
      release(secret("both"), secret("kept")),
      release(secret("pending")),
    ];
    const objectsOf = (one: Release): Digest[] => one.manifest.map((line) => line.digest);
    {
      await using cache = await open();
      for (const one of [old, kept]) await cache.saveRelease(one.manifest, one.objects);
    }
    await using cache = await open();
    await cache.saveRelease(pending.manifest, pending.objects);
    assert.equal(await cache.sweep(new Set([kept.digest])), 2, "the old manifest and the object that only it named");
    assert.deepEqual(cache.missing([...objectsOf(kept), ...objectsOf(pending)]), []);
    assert.equal(cache.missing(objectsOf(old)).length, 1);
    assert.equal(await cache.sweep(new Set([kept.digest, pending.digest])), 0);
    assert.equal(await cache.sweep(new Set([kept.digest]), objectsOf(pending)), 1, "the object stays for its own sake");
    assert.equal(cache.hasObject(objectsOf(pending)[0] as Digest), true);
    await flip(join(dir, "releases", kept.digest), 40);
    assert.equal(await cache.sweep(new Set([kept.digest])), 0);
    assert.deepEqual(cache.missing(objectsOf(kept)), []);
  });
});

test("the accepted envelope is replaced as a whole", async () => {
  await withFolder(async (dir, open) => {
    await using cache = await open();
    assert.equal(await cache.readAccepted(), null);
    await cache.writeAccepted(Buffer.from("one"));
    await writeFile(join(dir, "accepted.part"), "torn");
    await using again = await open();
    assert.equal(Buffer.from((await again.readAccepted()) ?? []).toString(), "one");
    await again.writeAccepted(Buffer.from("two"));
    assert.equal(Buffer.from((await again.readAccepted()) ?? []).toString(), "two");
  });
});

test("inventory records survive a restart, and the newest of a key wins", async () => {
  await withFolder(async (_dir, open) => {
    {
      await using cache = await open();
      await cache.inventory.put([
        { key: "a", record: { n: 1 } },
        { key: "b", record: { n: 1 } },
      ]);
      await Promise.all([cache.inventory.put([{ key: "a", record: { n: 2 } }]), cache.inventory.put([{ key: "b", record: null }])]);
    }
    await using cache = await open();
    assert.deepEqual([...cache.inventory.entries()], [["a", { n: 2 }]]);
    assert.equal(cache.inventory.damage, null);
  });
});

test("a torn last record is cut off, without a word of damage, and writing goes on behind it", async () => {
  await withFolder(async (dir, open) => {
    {
      await using cache = await open();
      await cache.inventory.put([{ key: "a", record: { n: 1 } }]);
    }
    const log = join(dir, "inventory.log");
    const whole = await readFile(log, "utf8");
    await appendFile(log, whole.slice(0, -7));
    {
      await using cache = await open();
      assert.equal(cache.inventory.damage, null);
      assert.deepEqual([...cache.inventory.entries()], [["a", { n: 1 }]]);
      await cache.inventory.put([{ key: "b", record: { n: 2 } }]);
    }
    await using cache = await open();
    assert.equal(cache.inventory.damage, null);
    assert.equal(cache.inventory.size, 2);
  });
});

test("F60 a damaged record in the middle is told, the file is kept aside, and the good records go on", async () => {
  await withFolder(async (dir, open, warned) => {
    {
      await using cache = await open();
      for (const name of ["a", "b", "c"]) await cache.inventory.put([{ key: name, record: { n: name } }]);
    }
    const log = join(dir, "inventory.log");
    const text = await readFile(log, "utf8");
    await writeFile(log, text.replace('"b"', '"B"'));
    {
      await using cache = await open();
      assert.match(cache.inventory.damage ?? "", /inventory\.log: 1 damaged/);
      assert.deepEqual(
        [...cache.inventory.entries()].map(([name]) => name),
        ["a", "c"],
      );
      assert.equal(warned.length, 1);
      assert.deepEqual(await readdir(join(dir, "aside")), ["1000-inventory.log"]);
    }
    await using cache = await open();
    assert.equal(cache.inventory.damage, null, "it is told once");
    assert.equal(cache.inventory.size, 2);
  });
});

test("a last record that is whole but wrong is damage, not a torn end", async () => {
  await withFolder(async (dir, open) => {
    {
      await using cache = await open();
      await cache.inventory.put([{ key: "a", record: { n: 1 } }]);
    }
    await flip(join(dir, "inventory.log"), 20);
    await using cache = await open();
    assert.match(cache.inventory.damage ?? "", /1 damaged/);
  });
});

test("the log is folded into a snapshot, and a log that was not emptied after it changes nothing", async () => {
  await withFolder(async (dir, open) => {
    const log = join(dir, "inventory.log");
    {
      await using cache = await open();
      for (let i = 0; i < 40; i += 1) {
        const changes = Array.from({ length: 100 }, (_, j) => ({ key: `k${j}`, record: { i, j } }));
        await cache.inventory.put(changes);
      }
      await cache.inventory.put([{ key: "k0", record: null }]);
    }
    const before = await readFile(log);
    {
      await using cache = await open();
      await cache.inventory.put(Array.from({ length: 400 }, () => ({ key: "k1", record: { last: true } })));
    }
    assert.equal((await stat(log)).size, 0, "folded");
    await writeFile(log, before);
    await using cache = await open();
    assert.equal(cache.inventory.damage, null);
    assert.equal(cache.inventory.size, 99);
    assert.deepEqual(cache.inventory.get("k99"), { i: 39, j: 99 });
  });
});

test("a key of the wrong length is refused", async () => {
  await withFolder(async (_dir, open) => {
    await assert.rejects(open(new Uint8Array(16)), TypeError);
  });
});
