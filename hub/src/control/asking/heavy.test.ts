import assert from "node:assert/strict";
import { test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import { heavyLimits, HeavyQuestions } from "./heavy.ts";

test("I8 questions run so many at a time, a failed one does not stop the next, and too many are refused", async () => {
  const limits = { ...heavyLimits.render, atOnce: 2 };
  const heavy = new HeavyQuestions({ ...limits });
  const gate = Promise.withResolvers<void>();
  let [running, most] = [0, 0];
  const work = async (): Promise<string> => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
    return "answer";
  };
  const failing = heavy.run(() => Promise.reject(new Error("no")));
  const asked = Array.from({ length: limits.waitingMax - 1 }, () => heavy.run(work));
  await assert.rejects(heavy.run(work), (error) => error instanceof OperationError && error.fault?.code === "E_BUSY");
  await assert.rejects(failing, /no/);
  gate.resolve();
  assert.deepEqual(new Set(await Promise.all(asked)), new Set(["answer"]));
  assert.equal(most, 2);
  assert.equal(await heavy.run(async () => "again"), "again");
});
