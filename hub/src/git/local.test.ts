// A repository and a folder on this machine, made by the real git.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { openFolder } from "./folder.ts";
import { openLocalRepository } from "./local.ts";
import type { Tree } from "./tree.ts";

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-local-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const git = (dir: string, ...args: string[]): string =>
  execFileSync("git", ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@x", ...args], { encoding: "utf8" }).trim();

async function text(tree: Tree, path: string): Promise<string> {
  try {
    const entry = await tree.entry(path);
    return entry === undefined ? "nothing" : Buffer.from(await tree.read(entry.oid)).toString();
  } catch (error) {
    return (error as { fault?: { code: string } }).fault?.code ?? String(error);
  }
}

test("a local repository is read at branches, tags, commits and steps back, not as its work tree is", async (t) => {
  const dir = await scratch(t);
  git(dir, "init", "-q", "-b", "main");
  for (const content of ["1", "2", "3"]) {
    await writeFile(join(dir, "a"), content);
    git(dir, "add", "a");
    git(dir, "commit", "-q", "-m", content);
    git(dir, "tag", "-a", "-m", "x", `v${content}`);
  }
  await writeFile(join(dir, "a"), "uncommitted");
  const repository = await openLocalRepository(dir);
  assert.ok(repository);
  const at = async (revision: string) => text((await repository.snapshot(revision)).tree, "a");
  const commit = git(dir, "rev-parse", "HEAD~1");
  const table = {
    HEAD: "3",
    main: "3",
    v1: "1",
    "HEAD~1": "2",
    "HEAD~2": "1",
    "main^^": "1",
    "v3~": "2",
    [commit]: "2",
    [commit.slice(0, 10)]: "2",
  };
  for (const [revision, expected] of Object.entries(table)) assert.equal(await at(revision), expected, revision);
  git(dir, "gc", "-q");
  assert.equal(await text((await (await openLocalRepository(dir))?.snapshot("v2"))?.tree as Tree, "a"), "2", "packed objects and refs");
  for (const revision of ["nothing", "HEAD~3", "", "~1", "HEAD~x", "--help", "../../etc/passwd"])
    await assert.rejects(repository.snapshot(revision), { code: "notFound" }, revision);
  assert.equal(await openLocalRepository(join(dir, "nowhere")), undefined);
});

test("F37 S07 an object that is not what its id says is refused, whatever the index of the pack says", async (t) => {
  const dir = await scratch(t);
  git(dir, "init", "-q", "-b", "main");
  await writeFile(join(dir, "a"), "aaa");
  await writeFile(join(dir, "b"), "bbb");
  git(dir, "add", "-A");
  git(dir, "commit", "-q", "-m", "1");
  git(dir, "gc", "-q");
  const packs = join(dir, ".git", "objects", "pack");
  const index = join(packs, (await readdir(packs)).find((name) => name.endsWith(".idx")) ?? "");
  const bytes = await readFile(index);
  const count = bytes.readUInt32BE(8 + 255 * 4);
  const offsets = 8 + 256 * 4 + count * 24;
  const ids = Array.from({ length: count }, (_, i) => bytes.subarray(8 + 256 * 4 + i * 20, 8 + 256 * 4 + (i + 1) * 20).toString("hex"));
  const [a, b] = ["a", "b"].map((name) => offsets + 4 * ids.indexOf(git(dir, "rev-parse", `HEAD:${name}`))) as [number, number];
  const [first, second] = [bytes.readUInt32BE(a), bytes.readUInt32BE(b)];
  bytes.writeUInt32BE(second, a);
  bytes.writeUInt32BE(first, b);
  await rm(index);
  await writeFile(index, bytes);
  const { tree } = (await (await openLocalRepository(dir))?.snapshot("main")) ?? assert.fail();
  assert.equal(await text(tree, "a"), "E_GIT_CORRUPT");
});

test("B03 a folder's links are followed inside the folder only", async (t) => {
  const dir = await scratch(t);
  await writeFile(join(dir, "outside"), "secret");
  const root = join(dir, "root");
  await mkdir(join(root, "apps"), { recursive: true });
  await writeFile(join(root, "base.yaml"), "base");
  await symlink("../base.yaml", join(root, "apps", "inside"));
  await symlink("../../outside", join(root, "apps", "escape"));
  await symlink(join(dir, "outside"), join(root, "apps", "absolute"));
  await symlink("..", join(root, "apps", "up"));
  await mkdir(join(root, ".git"));
  const tree = await openFolder(root);
  assert.equal(await text(tree, "apps/inside"), "base");
  assert.equal(await text(tree, "apps/up/base.yaml"), "base");
  assert.equal(await text(tree, "apps/escape"), "E_SYMLINK");
  assert.equal(await text(tree, "apps/absolute"), "E_SYMLINK");
  assert.equal(await text(tree, "../outside"), "E_PATH_ESCAPE");
  assert.deepEqual(
    (await tree.list("")).map((item) => item.name),
    ["apps", "base.yaml"],
  );
  await assert.rejects(openFolder(join(dir, "nowhere")), { code: "notFound" });
});
