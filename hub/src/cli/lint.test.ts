// lint --fix and the schemas as a person runs them, on files of their own.

import assert from "node:assert/strict";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { run } from "./program.ts";

async function muster(cwd: string, ...args: string[]) {
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({ write: (text: string) => void (texts[name] += text), isTTY: false, columns: 0 });
  const plain = { env: {}, cwd, home: "/nonexistent", signal: new AbortController().signal, sleep: () => Promise.resolve() };
  const exit = await run({ ...plain, stdout: output("out"), stderr: output("err") }, { args, version: "0" });
  return { exit, ...texts };
}

const head = (kind: string) => `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\nmetadata:\n`;
const broken = {
  "clusters/berlin.yaml": `${head("Cluster")}  name: berlin\n  lables: # of the fleet\n    env: prod\n    country: no\n`,
  "shop.yaml": `# The shop\n${head("App")}  name: shop\nspec:\n  sorce:\n    path: shop\n  targets:\n    - clusters:\n        matchAll: true\n`,
  "shop/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {lables: 'on'}\n",
};
const whole = {
  "clusters/berlin.yaml": broken["clusters/berlin.yaml"].replace("lables", "labels").replace("no\n", '"no"\n'),
  "shop.yaml": broken["shop.yaml"].replace("sorce", "source"),
  "shop/settings.yaml": broken["shop/settings.yaml"],
};

async function folderOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-lint-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  return dir;
}

async function contentOf(dir: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path.slice(dir.length + 1), await readFile(path, "utf8")] as const)),
  );
}

test("lint --fix mends what is sure, tells each place, and leaves the fleet without faults", async (t) => {
  const dir = await folderOf(t, broken);
  const { exit, out } = await muster(dir, "lint", "--fix", ".");
  assert.deepEqual(out.split("\n"), [
    "fixed: lables is called labels  clusters/berlin.yaml:5",
    "fixed: no is text here, and needs quotes  clusters/berlin.yaml:7",
    "fixed: sorce is called source  shop.yaml:7",
    "ok: 1 App, 1 Cluster: 0 errors, 0 warnings",
    "",
  ]);
  assert.equal(exit, 0);
  assert.deepEqual(await contentOf(dir), whole);
  assert.deepEqual((await muster(dir, "lint", "--fix", ".")).out, "ok: 1 App, 1 Cluster: 0 errors, 0 warnings\n");
});

test("without --fix, and with --dry-run, nothing is changed and what could be is told", async (t) => {
  const dir = await folderOf(t, broken);
  const plain = await muster(dir, "lint", ".");
  assert.equal(plain.exit, 1);
  assert.match(plain.out, /\n3 places can be mended: muster lint --fix \.\n$/);
  const dry = await muster(dir, "lint", "--fix", "--dry-run", ".");
  assert.equal(dry.exit, 1);
  assert.ok(
    dry.out.startsWith(
      "--- clusters/berlin.yaml\n+++ clusters/berlin.yaml\n@@ line 5 @@\n-  lables: # of the fleet\n+  labels: # of the fleet\n",
    ),
  );
  assert.deepEqual(await contentOf(dir), broken);
  assert.equal((await muster(dir, "lint", "--dry-run", ".")).exit, 2);
});

test("only what lies under the path is mended, and a link is not followed", async (t) => {
  const dir = await folderOf(t, broken);
  const elsewhere = await folderOf(t, { "oslo.yaml": broken["clusters/berlin.yaml"].replace("berlin", "oslo") });
  await symlink("../../" + elsewhere.split("/").at(-1) + "/oslo.yaml", join(dir, "clusters", "oslo.yaml"));
  await muster(dir, "lint", "--fix", "clusters");
  const now = await contentOf(dir);
  assert.deepEqual([now["clusters/berlin.yaml"], now["shop.yaml"]], [whole["clusters/berlin.yaml"], broken["shop.yaml"]]);
  assert.ok((await lstat(join(dir, "clusters", "oslo.yaml"))).isSymbolicLink());
  assert.match((await contentOf(elsewhere))["oslo.yaml"] ?? "", /lables/);
});

test("programs get the places as data, and GitHub's runners as annotations", async (t) => {
  const dir = await folderOf(t, broken);
  const { fixable, errors } = JSON.parse((await muster(dir, "lint", ".", "-o", "json")).out) as { fixable: object[]; errors: number };
  assert.deepEqual(fixable[0], { path: "clusters/berlin.yaml", line: 5, column: 3, says: "lables is called labels" });
  assert.ok(errors > 0 && fixable.length === 3);
  const { exit, out } = await muster(dir, "lint", ".", "-o", "github");
  assert.equal(exit, 1);
  assert.match(out, /^::error file=clusters\/berlin\.yaml,line=5,(?:col=\d+,)?title=E_UNKNOWN_KEY::/m);
  assert.ok(out.split("\n").every((line) => line === "" || line.startsWith("::")));
});

test("schemas are written for editors, and one is printed by its kind", async (t) => {
  const dir = await folderOf(t, {});
  const { exit } = await muster(dir, "schemas", ".schemas");
  assert.equal(exit, 0);
  const written = await contentOf(join(dir, ".schemas"));
  assert.deepEqual(Object.keys(written).toSorted(), [
    "app.schema.json",
    "cluster.schema.json",
    "clustergroup.schema.json",
    "source.schema.json",
  ]);
  assert.equal((await muster(dir, "schema", "App")).out, written["app.schema.json"]);
  assert.equal((await muster(dir, "schemas")).out.split("\n")[0], "app.schema.json");
  const none = await muster(dir, "schema", "Pod");
  assert.equal(none.exit, 5);
  assert.match(none.err, /E_NOT_FOUND: there is no schema of Pod\n {2}fix {5}there are: app, cluster/);
});

test("resolve tells the line of each target, also of an App that another App renders", async (t) => {
  const dir = await folderOf(t, {
    ...whole,
    "all.yaml": `${head("App")}  name: all\nspec:\n  source: {path: apps}\n`,
    "apps/notes.yaml": `# Notes\n\n${head("App")}  name: notes\nspec:\n  source: {path: shop}\n  targets:\n    - cluster: oslo\n    - cluster: berlin\n`,
  });
  const { out } = await muster("/", "resolve", "--repo", dir);
  assert.match(out, /^notes .*targets\[1\] apps\/notes\.yaml:11$/m);
  assert.match(out, /^shop .*targets\[0\] shop\.yaml:10$/m);
});
