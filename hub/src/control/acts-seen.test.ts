// For which clusters an act is news: no more are judged again, and no fewer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import type { Act, Pause } from "../acts/acts.ts";
import { ActsSeen } from "./acts-seen.ts";
import { app, berlin, start } from "./testdata/world.ts";

const pause: Pause = { kind: "pause", id: "p", app: null, cluster: berlin, by: "anna", reason: "night", at: start, until: start + 10 };
const word: Act = { kind: "sync", id: "s", app: app("a"), cluster: berlin, pin: digestOf("pin"), by: "anna", reason: "", at: start };

test("an act is news once for its cluster, a pause again when it is over, one of the fleet for all", () => {
  const seen = new ActsSeen();
  const here = new Set([berlin]);
  assert.deepEqual(seen.news([], start), new Set());
  assert.deepEqual(seen.news([pause, word], start), here);
  assert.deepEqual(seen.news([pause, word], start + 9), new Set());
  assert.deepEqual(seen.news([pause, word], start + 10), here, "its time has come");
  assert.deepEqual(seen.news([{ ...word, pin: digestOf("other") }], start + 10), here);
  assert.deepEqual(seen.news([], start + 10), here);
  assert.equal(seen.news([{ ...pause, cluster: null, until: null }], start), "all");
  assert.equal(seen.news([], start), "all", "resumed");
});
