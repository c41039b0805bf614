// lint, resolve and render as a person runs them, on the sample fleet and on one with faults.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { run } from "./program.ts";

const tour = fileURLToPath(new URL("../../../test/fleets/tour", import.meta.url));

async function muster(cwd: string, ...args: string[]) {
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({ write: (text: string) => void (texts[name] += text), isTTY: false, columns: 0 });
  const signal = new AbortController().signal;
  const io = {
    stdout: output("out"),
    stderr: output("err"),
    env: {},
    cwd,
    home: "/nonexistent",
    signal,

    sleep: () => Promise.resolve(),
  };
  const exit = await run(io, { args, version: "0" });
  return { exit, ...texts };
}

async function brokenTour(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-tour-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await cp(tour, dir, { recursive: true });
  await writeFile(join(dir, "shop", "templates", "web.yaml"), "{{ nonsense }}");
  return dir;
}

const marks = (text: string) => text.split("\n").filter((line) => line.startsWith("# "));

test("the sample fleet is without faults", async () => {
  const { exit, out, err } = await muster(tour, "lint", ".");
  assert.deepEqual({ exit, out, err }, { exit: 0, out: "ok: 4 Apps, 3 Clusters: 0 errors, 0 warnings\n", err: "" });
  const resolved = await muster("/", "resolve", "--repo", tour, "--cluster", "paris");
  assert.equal(resolved.exit, 0);
  assert.match(resolved.out, /^APP +CLUSTER +RELEASE +NAMESPACE +LAYERS\ngreeter +paris +[0-9a-f]{12} +greeter +App apps\/greeter\.yaml:1/);
});

test("render prints documents in a stable order, each with its App and, for all clusters, its cluster", async () => {
  const one = await muster("/", "render", "--repo", tour, "--cluster", "berlin");
  assert.deepEqual([one.exit, one.err], [0, ""]);
  assert.deepEqual([...new Set(marks(one.out))], ["# app: default//greeter", "# app: default//notes", "# app: default//shop"]);
  assert.ok(one.out.startsWith("---\n# app: default//greeter\napiVersion: v1\nkind: Service\n"));
  const all = await muster("/", "render", "--repo", tour, "--all");
  assert.equal(
    marks(all.out).filter((line) => line === "# cluster: paris").length * 2,
    marks(all.out.slice(all.out.indexOf("# cluster: paris"))).length,
  );
  const [, berlin = ""] = /^([^]*?)(?=---\n# cluster: oslo)/.exec(all.out) ?? [];
  assert.equal(berlin.replaceAll("# cluster: berlin\n", ""), one.out, "the same documents in the same order");
  assert.ok(all.out.startsWith("---\n# cluster: berlin\n# app: default//greeter\n"));
  const json = await muster("/", "render", "--repo", tour, "--cluster", "paris", "--app", "shop", "-o", "json");
  const { items } = JSON.parse(json.out) as { items: { app: string; cluster: string; object: { kind: string } }[] };
  assert.ok(
    items.length > 0 && items.every(({ app, cluster, object }) => app === "default//shop" && cluster === "paris" && object.kind !== "App"),
  );
});

test("an App that cannot be rendered is told with its reason, all others are printed, and the exit code says so", async (t) => {
  const dir = await brokenTour(t);
  const { exit, out, err } = await muster("/", "render", "--repo", dir, "--cluster", "berlin");
  assert.equal(exit, 8);
  assert.deepEqual([...new Set(marks(out))], ["# app: default//greeter", "# app: default//notes"]);
  assert.match(
    err,
    /^error E_TEMPLATE: cannot render App default\/\/shop for cluster berlin: .* {2}shop\/templates\/web\.yaml:1\n {2}fix {5}correct the template/,
  );
  assert.equal(
    (await muster("/", "render", "--repo", dir, "--cluster", "berlin", "--app", "notes")).exit,
    0,
    "what was not asked for is no fault",
  );
  const nothing = await muster("/", "render", "--repo", dir, "--cluster", "berlin", "--app", "shop");
  assert.deepEqual([nothing.exit, nothing.out], [1, ""]);
  const linted = await muster(dir, "lint", ".", "-o", "json");
  assert.equal(linted.exit, 1);
  const { errors, problems } = JSON.parse(linted.out) as { errors: number; problems: { code: string; place: { path: string } }[] };
  assert.ok(errors > 0 && problems.every(({ code, place }) => code === "E_TEMPLATE" && place.path === "shop/templates/web.yaml"));
});

test("what is asked for has to exist", async () => {
  const table: readonly (readonly [number, RegExp, ...string[]])[] = [
    [5, /E_NOT_FOUND: there is no cluster rome\n {2}fix {5}there are: berlin, oslo, paris\n/, "--repo", tour, "--cluster", "rome"],
    [5, /E_NOT_FOUND: there is no App web\n {2}fix {5}there are: apps, greeter, notes, shop\n/, "--repo", tour, "--all", "--app", "web"],
    [5, /E_PATH_MISSING/, "--repo", "/nowhere", "--all"],
    [5, /E_PATH_MISSING/, "--repo", tour, "--path", "nowhere", "--all"],
    [5, /E_PATH_MISSING: .* is no Git repository/, "--repo", tour, "--revision", "main", "--all"],
    [2, /E_USAGE: which cluster\?\n {2}fix {5}give --cluster NAME, or --all\n/, "--repo", tour],
    [2, /E_USAGE: --cluster and --all/, "--repo", tour, "--all", "--cluster", "paris"],
    [2, /E_USAGE: required option '--repo <dir>'/, "--all"],
  ];
  for (const [exit, message, ...args] of table) {
    const ran = await muster("/", "render", ...args);
    assert.deepEqual([ran.exit, ran.out], [exit, ""], args.join(" "));
    assert.match(ran.err, message);
  }
  assert.equal((await muster("/", "lint", "/nowhere")).exit, 5);
});
