// Which APIs are reported, over discoveries that fail, come back and are forgotten in a restart. The disk is real.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { openCache, type Cache } from "../cache/cache.ts";
import { ApiReport, apiGoneAfterMs } from "./api-report.ts";
import { silent } from "./rig.ts";

const root = await mkdtemp(join(tmpdir(), "muster-api-report-"));
after(() => rm(root, { recursive: true, force: true }));
const minute = 60_000;
const opened = (name: string): Promise<Cache> =>
  openCache({ dir: join(root, name), key: new Uint8Array(32).fill(3), log: silent, now: () => 0 });

/** Discoveries at minutes, with what they found; `partial`: some API service was away. */
type Discoveries = readonly (readonly [minute: number, found: string, partial?: "partial"])[];

async function reported(report: ApiReport, discoveries: Discoveries): Promise<readonly string[]> {
  let last: readonly string[] = [];
  for (const [at, found, partial] of discoveries)
    last = await report.after({ names: found.split(" "), complete: partial === undefined, at: at * minute });
  return last;
}

const rows: readonly (readonly [what: string, discoveries: Discoveries, expected: string])[] = [
  ["is reported as it is found", [[0, "apps/v1 x/v1"]], "apps/v1 x/v1"],
  ["that one discovery lacks stays", [[0, "apps/v1 x/v1"], [60, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
  ["that two lack within ten minutes stays", [[0, "apps/v1 x/v1"], [20, "apps/v1"], [29, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
  ["that two lack ten minutes apart is gone", [[0, "apps/v1 x/v1"], [20, "apps/v1"], [30, "apps/v1"]], "apps/v1"], // prettier-ignore
  ["that the same discovery lacks, told twice, stays", [[0, "apps/v1 x/v1"], [20, "apps/v1"], [20, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
  ["that comes back in between begins anew", [[0, "apps/v1 x/v1"], [20, "apps/v1"], [25, "apps/v1 x/v1"], [31, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
  ["that a partial discovery lacks first stays", [[0, "apps/v1 x/v1"], [20, "apps/v1", "partial"], [31, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
  ["that a partial discovery lacks last stays", [[0, "apps/v1 x/v1"], [20, "apps/v1"], [31, "apps/v1", "partial"]], "apps/v1 x/v1"], // prettier-ignore
  ["that is missing while the clock is set back waits longer", [[0, "apps/v1 x/v1"], [60, "apps/v1"], [20, "apps/v1"], [29, "apps/v1"]], "apps/v1 x/v1"], // prettier-ignore
];
for (const [index, [what, discoveries, expected]] of rows.entries())
  test(`an API ${what}`, async () => {
    await using cache = await opened(String(index));
    assert.deepEqual(await reported(new ApiReport(cache.reported), discoveries), expected.split(" "));
  });

test("an API that is away while the agent starts again is not forgotten with the restart", async () => {
  {
    await using cache = await opened("restart");
    await reported(new ApiReport(cache.reported), [[0, "apps/v1 x/v1"]]);
  }
  await using cache = await opened("restart");
  const report = new ApiReport(cache.reported);
  assert.deepEqual(await reported(report, [[30, "apps/v1"]]), ["apps/v1", "x/v1"]);
  assert.deepEqual(await reported(report, [[30 + apiGoneAfterMs / minute, "apps/v1"]]), ["apps/v1"]);
});

test("what cannot be kept is not told", async () => {
  const cache = await opened("refusing");
  await cache[Symbol.asyncDispose](); // its file takes no more
  await assert.rejects(new ApiReport(cache.reported).after({ names: ["apps/v1"], complete: true, at: 0 }));
});
