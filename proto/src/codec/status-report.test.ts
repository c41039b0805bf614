import assert from "node:assert/strict";
import { test } from "node:test";

import { SessionRequest } from "../gen/muster/v1/link.ts";
import type { AppKey } from "../model/identity.ts";
import type { StatusReport } from "../model/session.ts";
import { fromWireRequest, toWireRequest } from "./session.ts";

test("the names of all Apps arrive with the last part of a report, and only there", () => {
  for (const all of [null, ["default//web", "default//api"] as AppKey[]]) {
    const report: StatusReport = { kind: "status", seq: 7, apps: [], forgotten: [], complete: false, all, facts: null };
    const read = fromWireRequest(SessionRequest.decode(SessionRequest.encode(toWireRequest(report)).finish()));
    assert.deepEqual(read, { ...report, malformed: 0 });
  }
});
