// Runs a table of cases, each as a test of its own; a test file by name because it needs the test runner, which pure code must not know.

import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { healthOf } from "../health.ts";
import { now, type Case } from "./objects.ts";

export function judge(cases: readonly Case[]): void {
  for (const [sentence, object, health, more = {}] of cases) {
    test(sentence, () => {
      const verdict = healthOf(object, now, more.sinceMs === undefined ? undefined : now - more.sinceMs);
      equal(verdict.health, health, JSON.stringify(verdict));
      if (more.reason !== undefined) equal(verdict.reason, more.reason);
      if (more.message !== undefined) match(verdict.message, more.message);
      deepEqual([verdict.terminal, verdict.recheckInMs], [more.terminal, more.recheckInMs]);
    });
  }
}
