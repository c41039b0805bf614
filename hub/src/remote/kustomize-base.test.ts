import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { parseRemoteBase, type GitBase, type RemoteBase } from "./kustomize-base.ts";
import { folder } from "./testdata/world.ts";

const kustomize = fileURLToPath(new URL("../../../.tools/bin/kustomize", import.meta.url));
const gitOf = (base: RemoteBase | null): GitBase | null => (base?.kind === "file" ? base.otherwise : base);

const spellings = [
  "https://github.com/org/repo//path?ref=v1",
  "https://github.com/org/repo/path/deep?ref=v1.0.0",
  "github.com/org/repo/path?ref=main",
  "github.com/org/repo",
  "GitHub.com/org/repo/path",
  "github.com:org/repo.git/path?version=v2",
  "git@github.com:org/repo//path?ref=abc",
  "https://ada@github.com/org/repo",
  "ssh://git@github.com/org/repo/path",
  "git@host.example:org/repo.git//path?ref=x&submodules=false",
  "git@host.example:team/org/repo.git/path",
  "ssh://git@host.example:2222/org/repo.git/path?ref=v1",
  "https://host.example/org/repo.git/path?ref=a&version=b",
  "https://host.example/team/sub/repo.git//path?version=b",
  "https://host.example/org/repo/path?timeout=10s&ref=z",
  "https://dev.azure.example/org/project/_git/repo/path/deep?version=GBmain",
  "https://ada@dev.azure.example/org/project/_git/repo",
  "git::https://host.example/org/repo//path",
  "https://host.example/org/repo?ref=a;b",
  "https://host.example/org/repo?ref=a%2Fb",
  "https://host.example:8443/org/repo/path",
  "http://host.example/org/repo.git",
  "https://host.example/one",
  "https://host.example/org/repo//../x",
  "https://host.example/org/repo.git/a/../../x",
  "host.example/org/repo",
  "host.example:org/repo",
  "./local/path",
  "../base",
  "base",
];

test("S16 a remote base is read as Kustomize reads it: the same repository and ref are asked for", async (t) => {
  const dir = await folder(t);
  const log = join(dir, "log");
  // Kustomize looks for git on PATH: this one only notes what it was told, and fails.
  const git = `#!/bin/sh\ncase $1 in remote) echo "url $4" >> '${log}';; fetch) echo "ref $4" >> '${log}'; exit 1;; esac\n`;
  await writeFile(join(dir, "git"), git);
  await chmod(join(dir, "git"), 0o755);
  let remote = 0;
  for (const text of spellings) {
    await rm(log, { force: true });
    // Without a web server no file is found, and only the repository is left.
    spawnSync(kustomize, ["build", text], { cwd: dir, env: { PATH: `${dir}:/usr/bin:/bin`, HOME: dir } });
    const said = await readFile(log, "utf8").catch(() => "");
    const mine = gitOf(parseRemoteBase(text));
    assert.equal(mine === null ? "" : `url ${mine.url}\nref ${mine.ref ?? "HEAD"}\n`, said, text);
    if (said !== "") remote += 1;
  }
  assert.ok(remote > 20, `${remote} of them are remote`);
});

test("the folder in the repository is what follows its mark", () => {
  const folders = spellings.map((text) => gitOf(parseRemoteBase(text))?.path ?? null);
  assert.deepEqual(folders.slice(0, 8), ["path", "path/deep", "path", "", "path", "path", "path", ""]);
  assert.equal(gitOf(parseRemoteBase("https://dev.azure.example/o/p/_git/repo/path/deep"))?.path, "path/deep");
  assert.equal(gitOf(parseRemoteBase("file:///srv/repo.git//a/b"))?.path, "a/b");
});

test("a web address is a file first, unless it is marked as a repository", () => {
  for (const text of [
    "https://host.example/file.yaml",
    "https://raw.host.example/org/repo/v1/file.yaml",
    "https://github.com/o/r/releases/download/v1/x.yaml",
  ])
    assert.equal(parseRemoteBase(text)?.kind, "file", text);
  for (const text of [
    "https://github.com/org/repo/path",
    "https://host.example/o/r//p",
    "https://host.example/o/r.git/x.yaml",
    "https://host.example/o/r?ref=v1",
  ])
    assert.equal(parseRemoteBase(text)?.kind, "git", text);
  const file = parseRemoteBase("https://host.example/file.yaml");
  assert.deepEqual(file, { kind: "file", url: "https://host.example/file.yaml", otherwise: null });
});

test("a path of the same repository is no remote base", () => {
  for (const text of ["base", "../base", "./a.yaml", "/etc/passwd", "", "a?ref=b", "host.example/x"])
    assert.equal(parseRemoteBase(text), null, text);
});
