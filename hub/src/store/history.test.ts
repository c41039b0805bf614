// What moved on each cluster, on a real database.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { historyLimits } from "./history.ts";
import { openStore, type MoveRow } from "./store.ts";

const berlin = "berlin" as ClusterName;
const app = (name: string): AppKey => `default//${name}` as AppKey;
const move = (name: string, generation: number, change: Partial<MoveRow> = {}): MoveRow => ({
  cluster: berlin,
  app: app(name),
  generation,
  at: generation,
  from: { release: null, commit: null },
  to: { release: digestOf(String(generation)), commit: `c${generation}` },
  sources: { root: `c${generation}` },
  first: generation === 1,
  approved: false,
  ...change,
});

test("the last moves of each App are kept, newest first, and found again after a restart", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-history-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const key = randomBytes(32);
  const count = historyLimits.movesPerApp + 5;
  {
    await using store = await openStore(join(dir, "hub.db"), key);
    for (let generation = 1; generation <= count; generation += 1)
      await store.commit([{ kind: "moves", rows: [move("shop", generation)] }]);
    await store.commit([{ kind: "moves", rows: [move("notes", 3), move("notes", 3, { cluster: "paris" as ClusterName })] }]);
  }
  await using store = await openStore(join(dir, "hub.db"), key);
  const shop = store.moves(berlin, app("shop"), 100);
  assert.deepEqual(
    shop.map(({ generation }) => generation),
    Array.from({ length: historyLimits.movesPerApp }, (_, i) => count - i),
  );
  assert.deepEqual(shop[0], move("shop", count));
  assert.deepEqual(store.moves(berlin, app("shop"), 2), shop.slice(0, 2));
  assert.equal(store.moves(berlin, null, 100).length, historyLimits.movesPerApp + 1);
});

test("a sweep forgets what is older than 90 days, and nothing else", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-history-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await using store = await openStore(join(dir, "hub.db"), randomBytes(32));
  const now = 1_000 * 86_400_000;
  const rows = [move("old", 1, { at: now - historyLimits.keptMs - 1 }), move("new", 2, { at: now - historyLimits.keptMs + 1 })];
  await store.commit([{ kind: "moves", rows }]);
  await store.commit([{ kind: "sweep", used: [], before: 0, at: now }]);
  assert.deepEqual(
    store.moves(berlin, null, 100).map((row) => row.app),
    [app("new")],
  );
});
