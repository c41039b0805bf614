// What a database is believed to be when it is opened, and by whom it may be.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import Database from "better-sqlite3";

import { OperationError } from "@muster/proto/model/failure";
import { openStore } from "./store.ts";

const root = await mkdtemp(join(tmpdir(), "muster-opening-"));
after(() => rm(root, { recursive: true, force: true }));
const key = new Uint8Array(32).fill(7);

test("a database that a newer hub wrote is refused and left as it is", async () => {
  const file = join(root, "newer.db");
  await (await openStore(file, key))[Symbol.asyncDispose]();
  const before = new Database(file);
  before.pragma("user_version = 999");
  before.close();
  await assert.rejects(
    openStore(file, key),
    (error) => error instanceof OperationError && error.code === "corrupt" && /newer hub/.test(error.message),
  );
  const after = new Database(file, { readonly: true });
  assert.equal(after.pragma("user_version", { simple: true }), 999);
  after.close();
});

test("F11 while one hub holds a database a second one is refused; its end frees it", async () => {
  const file = join(root, "lock.db");
  const first = await openStore(file, key);
  await assert.rejects(openStore(file, key), (error) => error instanceof OperationError && error.code === "conflict");
  await first.commit([{ kind: "meta", key: "a", value: "1" }]);
  await first[Symbol.asyncDispose]();
  await using second = await openStore(file, key);
  assert.equal(second.load().meta.get("a"), "1");
});
