import assert from "node:assert/strict";
import { test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import { seal, unseal } from "./seal.ts";

const key = new Uint8Array(32).fill(7);
const corrupt = (error: unknown): boolean => error instanceof OperationError && error.code === "corrupt";

test("what was sealed reads back, and looks different each time", () => {
  const [one, two] = [seal(key, "name", "text"), seal(key, "name", "text")];
  assert.deepEqual([unseal(key, "name", one), unseal(key, "name", two)], ["text", "text"]);
  assert.notDeepEqual(one, two);
});

test("S25 one blob cannot stand in for another: its name is bound in", () => {
  assert.throws(() => unseal(key, "other", seal(key, "name", "text")), corrupt);
});

test("S25 another key, a changed byte, a shorter or an empty blob are damage", () => {
  const blob = seal(key, "name", "text");
  assert.throws(() => unseal(new Uint8Array(32).fill(8), "name", blob), corrupt);
  for (let at = 0; at < blob.length; at += 1) {
    const changed = Uint8Array.from(blob);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => unseal(key, "name", changed), corrupt, `byte ${at}`);
  }
  for (const length of [0, 1, 12, 28, blob.length - 1]) assert.throws(() => unseal(key, "name", blob.subarray(0, length)), corrupt);
});
