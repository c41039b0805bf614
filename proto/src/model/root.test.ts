import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "./digest.ts";
import type { AppKey } from "./identity.ts";
import { statusDigest } from "./root.ts";
import type { AppStatus } from "./status.ts";

const status: AppStatus = {
  app: "default//shop" as AppKey,
  pin: digestOf("pin"),
  release: digestOf("release"),
  generation: 7,
  reason: "Synced",
  message: "",
  since: "2026-11-21T08:00:00Z",
  health: "healthy",
  counts: { total: 1, applied: 1, failed: 0, healthy: 1 },
  problems: [],
  drift: [],
  inventoryEmpty: false,
  held: null,
  soak: null,
};

test("a soak that grows is no news: the digest of a status is that of a peer who knows no soaks", () => {
  const { soak: _, ...older } = status;
  const soak = { healthyForMs: 60_000, pods: { sampled: 3, total: 3, restarted: 0, crashLoops: 0, oomKills: 0 } };
  assert.equal(statusDigest({ ...status, soak }), statusDigest(status));
  assert.equal(statusDigest(status), statusDigest(older as AppStatus));
  assert.notEqual(statusDigest({ ...status, health: "degraded" }), statusDigest(status));
});
