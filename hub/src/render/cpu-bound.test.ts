// The clock is the test's; what a thread has used up, it says as it likes.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { boundCpu } from "./cpu-bound.ts";

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

type Ground = Disposable & { readonly pass: (ms: number, cpuMs: number) => Promise<boolean>; readonly bound: Disposable };

/** A thread that used up 700 ms before, bound to 1,000 ms more. */
function ground(): Ground {
  mock.timers.enable({ apis: ["setTimeout"] });
  let [cpuMs, over] = [700, false];
  const usage = { cpuUsage: () => Promise.resolve({ user: cpuMs * 900, system: cpuMs * 100 }) };
  const bound = boundCpu(usage, { maxMs: 1_000, usedMs: cpuMs }, () => (over = true));
  const pass = async (ms: number, used: number): Promise<boolean> => {
    cpuMs += used;
    mock.timers.tick(ms);
    await settled();
    return over;
  };
  return { pass, bound, [Symbol.dispose]: () => mock.timers.reset() };
}

test("B46 a render that computes all the time is over when its CPU time is", async () => {
  using thread = ground();
  assert.equal(await thread.pass(999, 999), false);
  assert.equal(await thread.pass(1, 1), true);
});

test("B46 a render that gets a tenth of a busy machine is not over before its CPU time is", async () => {
  using thread = ground();
  for (let second = 1; second < 9; second += 1) assert.equal(await thread.pass(1_000, 100), false, `after ${second} s`);
  assert.equal(await thread.pass(900, 200), true);
});

test("B46 what neither computes nor ends is over by the clock", async () => {
  using thread = ground();
  for (let second = 1; second < 10; second += 1) assert.equal(await thread.pass(1_000, 0), false, `after ${second} s`);
  assert.equal(await thread.pass(1_000, 0), true);
});

test("a render that has ended is never over", async () => {
  using thread = ground();
  assert.equal(await thread.pass(1_000, 1), false);
  thread.bound[Symbol.dispose]();
  assert.equal(await thread.pass(60_000, 60_000), false);
});
