import assert from "node:assert/strict";
import { test } from "node:test";

import { isReasonCode, reasons } from "./reasons.ts";

test("every failure has a remedy, and waiting is never a failure", () => {
  for (const [code, row] of Object.entries(reasons)) {
    if (row.state === "failed") assert.notEqual(row.remedy, "", `${code} fails without a remedy`);
    if (code.startsWith("WaitingFor")) assert.equal(row.state, "waiting", `${code} is no waiting`);
  }
});

test("the table is closed: what an object inherits is no reason", () => {
  assert.equal(isReasonCode("Synced"), true);
  for (const text of ["constructor", "__proto__", "toString", "synced", ""]) assert.equal(isReasonCode(text), false);
});
