import assert from "node:assert/strict";
import { test } from "node:test";

import { nextAttempt, patience } from "./patience.ts";

const most = (): number => 1;

test("sessions that end soon after their welcome are tried again ever later, as those without one", () => {
  for (const windowMs of [null, 2_000]) {
    let failures = 0;
    const waits: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const next = nextAttempt({ failures, liveMs: patience.settledMs - 1, windowMs }, most);
      failures = next.failures;
      waits.push(next.waitMs);
    }
    const first = windowMs ?? 1_000;
    assert.deepEqual(waits, [first, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  }
});

test("after a session that had settled, only the hub's window counts, and patience starts anew", () => {
  assert.deepEqual(nextAttempt({ failures: 20, liveMs: patience.settledMs, windowMs: 2_000 }, most), { failures: 0, waitMs: 2_000 });
});

test("the window is never cut short by the first back-off", () => {
  assert.equal(nextAttempt({ failures: 0, liveMs: 0, windowMs: 120_000 }, () => 0.5).waitMs, 60_000);
});
