import assert from "node:assert/strict";
import { test } from "node:test";

import { expiryNotice, expiryNoticeMs } from "./expiry.ts";

test("an expired certificate is said once an hour, with its date and the way out; a good one never", () => {
  const said: string[] = [];
  const notice = expiryNotice("/data/identity", { error: ({ reason }) => void said.push(reason ?? "") });
  const end = Date.parse("2026-12-01T00:00:00Z");
  notice(end, end);
  assert.deepEqual(said, []);
  for (const after of [1, 1_000, expiryNoticeMs, expiryNoticeMs + 1, expiryNoticeMs + 2]) notice(end, end + after);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? "", /2026-12-01T00:00:00.000Z.*move \/data\/identity away.*new join token.*healing goes on/);
});
