// The bench itself, at a size at which its figures mean nothing: every measurement can be taken, and what is told of it has its shape.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { buildFleet } from "./fleet-files.ts";
import { isMet, type Figure } from "./measurement.ts";
import { rowsOf, tableOf, type Latest } from "./report.ts";
import { median, quantile, settle } from "./samples.ts";

const run = promisify(execFile);
const main = join(import.meta.dirname, "main.ts");
const bench = (...args: readonly string[]) => run(process.execPath, [main, ...args], { env: { ...process.env, ONLY: "" } });

const figure: Figure = {
  what: "ten Apps",
  value: 2,
  unit: "ms",
  better: "less",
  goal: 3,
  ceiling: { what: "nothing at all", value: 1 },
  cpuMs: 2,
  samples: [1, 2, 3],
};

test("the list names every goal that is measured", async () => {
  const { stdout } = await bench("--list");
  const ids = stdout.split("\n").flatMap((line) => line.split(" ")[0] || []);
  assert.deepEqual(ids, ["P3", "P4", "P5", "P6", "P13", "P15"]);
});

test("P4 P5 P6 P13 small runs give each figure with value, unit, goal, ceiling and samples, and keep what was measured before", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-bench-test-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const out = join(dir, "nested", "latest.json");
  await bench("--small", "--only", "p4,P6", "--out", out);
  const { stdout } = await bench("--small", "--only", "P5,P13", "--out", out);
  assert.match(stdout, /^P5 +one object's file/m);
  assert.doesNotMatch(stdout, /^P4 /m);
  const latest = JSON.parse(await readFile(out, "utf8")) as Latest;
  assert.deepEqual(Object.keys(latest).toSorted(), ["P13", "P4", "P5", "P6"]);
  for (const [id, entry] of Object.entries(latest)) {
    for (const each of [entry, ...entry.more]) {
      assert.ok(Number.isFinite(each.value) && each.value > 0, `${id} ${each.load} ${each.value}`);
      assert.ok(each.samples.length > 0 && each.unit !== "", id);
    }
    assert.ok(entry.goal !== null && entry.ceiling !== null && entry.ceiling.value > 0, `${id} has a goal and a ceiling`);
    assert.match(entry.machine, /^\d+ x .* GiB/);
  }
});

test("P15 every load of the renders renders, and the native programs are measured beside them", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-bench-test-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const out = join(dir, "latest.json");
  await bench("--small", "--only", "P15", "--out", out);
  const { P15: entry } = JSON.parse(await readFile(out, "utf8")) as Latest;
  assert.deepEqual(
    [entry, ...(entry?.more ?? [])].map((each) => each?.beside.map(({ what }) => what.split(" ")[0])),
    [["helm"], ["helm"], ["kustomize"], [], []],
  );
});

test("a measurement that there is not is refused with the names of those that there are", async () => {
  await assert.rejects(bench("--only", "P99"), /there is no measurement P99; there are P3, P4/);
});

test("a goal is met on the right side of it, and a figure without a goal is neither", () => {
  assert.deepEqual([isMet(figure), isMet({ ...figure, value: 4 }), isMet({ ...figure, value: 3 })], [true, false, true]);
  assert.deepEqual([isMet({ ...figure, better: "more" }), isMet({ ...figure, better: "more", value: 4 })], [false, true]);
  assert.equal(isMet({ ...figure, goal: null }), null);
});

test("the table has a row for each figure, the id before the first alone", () => {
  const rows = rowsOf("P0", [figure, { ...figure, value: 4321.5, goal: null, samples: [1] }]);
  assert.deepEqual(rows, [
    ["P0", "ten Apps", "2 ms", "<= 3", "met", "2", "1.2 to 2.8 (3)", "1 nothing at all"],
    ["", "ten Apps", "4,322 ms", "", "", "2", "", "1 nothing at all"],
  ]);
  assert.equal(
    new Set(
      tableOf(rows)
        .split("\n")
        .map((line) => line.indexOf("ten Apps")),
    ).size,
    2,
  );
});

test("samples are taken until their median rests, and no longer than allowed", async () => {
  const pace = { warm: 2, min: 3, max: 50, timeMs: 60_000 };
  assert.equal((await settle(() => 7, pace)).length, 3);
  assert.equal((await settle((index) => 2 ** index, { ...pace, max: 8 })).length, 8);
  assert.equal((await settle((index) => 2 ** index, { ...pace, timeMs: 0 })).length, 3);
  assert.equal((await settle((index) => index, { ...pace, max: 3 }))[0], 2);
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), quantile([0, 10], 0.9)], [2, 2.5, 9]);
  assert.throws(() => median([]), RangeError);
});

test("a built fleet has each App on as many clusters as asked for, and one App on one", () => {
  const fleet = buildFleet({ clusters: 20, apps: 10, clustersPerApp: 4, filesPerApp: 3, appOfApps: true });
  assert.deepEqual(
    [fleet.slots, ...fleet.appNames.map((_, app) => fleet.clustersOf(app).length)],
    [5, ...Array.from({ length: 10 }, () => 4)],
  );
  // Clusters, Apps with their files, the App for one cluster with its file, and the App of Apps.
  assert.equal(Object.keys(fleet.files).length, 20 + 10 * (1 + 3) + 2 + 1);
});
