// The cache around the build, with a stand-in for `go` that writes a file: the real build is what `make setup` does.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { buildModule, type BuildOptions } from "./build.ts";

type Ground = BuildOptions & { readonly folder: string; [Symbol.asyncDispose](): Promise<void> };

async function ground(script: string): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "muster-build-"));
  const goBinary = join(folder, "go");
  await writeFile(goBinary, `#!/bin/sh\nout=""; while [ $# -gt 0 ]; do [ "$1" = -o ] && out="$2"; shift; done\n${script}\n`);
  await chmod(goBinary, 0o755);
  return {
    go: () => Promise.resolve(goBinary),
    cacheDir: join(folder, "cache"),
    log: () => undefined,
    patches: [],
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test("two builds at once build once, and nothing but the module stays", async () => {
  await using options = await ground('sleep 0.2; echo built >> "$out"; echo x >> "$(dirname "$0")/count"');
  const [a, b] = await Promise.all([buildModule(options), buildModule(options)]);
  assert.equal(a, b);
  assert.equal(await buildModule(options), a);
  assert.equal(await readFile(join(options.folder, "count"), "utf8"), "x\n");
  assert.deepEqual(await readdir(dirname(a)), ["render.wasm"]);
});

test("a build that fails leaves nothing behind and tells Go's last words", async () => {
  await using options = await ground('echo half > "$out"; echo "main.go:1: no" >&2; exit 1');
  await assert.rejects(buildModule(options), /cannot build the rendering module with .*main\.go:1: no/s);
  const [hash] = await readdir(join(options.cacheDir, "render"));
  assert.deepEqual(await readdir(join(options.cacheDir, "render", hash ?? "")), []);
});

test("a lock whose process is gone is taken over", async () => {
  await using options = await ground('echo built > "$out"');
  const folder = dirname(await buildModule(options));
  await rm(folder, { recursive: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "lock"), "999999999");
  assert.equal(dirname(await buildModule(options)), folder);
});

test("a module that is there is found without Go, whatever the environment says to Go", async () => {
  await using options = await ground('echo built > "$out"; env > "$(dirname "$0")/env"');
  const built = await buildModule({ ...options, env: { GOFLAGS: "-race", GOEXPERIMENT: "x", GOTOOLCHAIN: "go1.99.0" } });
  const given = await readFile(join(options.folder, "env"), "utf8");
  for (const line of ["GOFLAGS=", "GOEXPERIMENT=", "GOTOOLCHAIN=local"]) assert.ok(given.split("\n").includes(line), line);
  const noGo = { ...options, go: () => Promise.reject(new Error("there is no Go here")), env: { GOTOOLCHAIN: "auto" } };
  assert.equal(await buildModule(noGo), built);
});

const patchOf = (before: string): string =>
  `Why.\n\ndiff --git a/deep/x.go b/deep/x.go\n--- a/deep/x.go\n+++ b/deep/x.go\n@@ -1,2 +1,2 @@\n package x\n-${before}\n+// changed\n`;

/** A stand-in for Go that knows one module, and builds a module of what the go.mod of the build says about it. */
async function patchGround(patch: string): Promise<Ground> {
  const told = `printf '{"Dir": "%s/library"}' "$(dirname "$0")"; exit 0`;
  const replaced = `sed -n 's/^replace example.com.x => "\\(.*\\)"$/\\1/p' "$mod"`;
  const made = await ground(`[ -n "$out" ] || { ${told}; }; mod=$(cat "$(dirname "$0")/modfile"); cat "$(${replaced})/deep/x.go" > "$out"`);
  const goBinary = await made.go();
  const script = await readFile(goBinary, "utf8");
  const note = 'for each in "$@"; do case "$each" in -modfile=*) printf %s "${each#-modfile=}" > "$(dirname "$0")/modfile";; esac; done';
  await writeFile(goBinary, script.replace("#!/bin/sh\n", `#!/bin/sh\n${note}\n`));
  await mkdir(join(made.folder, "library", "deep"), { recursive: true });
  await writeFile(join(made.folder, "library", "deep", "x.go"), "package x\n// before\n");
  await chmod(join(made.folder, "library", "deep", "x.go"), 0o444);
  await writeFile(join(made.folder, "x.patch"), patch);
  return { ...made, patches: [{ module: "example.com/x", file: join(made.folder, "x.patch") }] };
}

test("a library is built as its patch makes it, and the library itself stays as it was", async () => {
  await using options = await patchGround(patchOf("// before"));
  const built = await buildModule(options);
  assert.equal(await readFile(built, "utf8"), "package x\n// changed\n");
  assert.equal(await readFile(join(options.folder, "library", "deep", "x.go"), "utf8"), "package x\n// before\n");
  assert.deepEqual(await readdir(dirname(built)), ["render.wasm"]);
  await writeFile(join(options.folder, "x.patch"), `More words.\n${patchOf("// before")}`);
  assert.notEqual(await buildModule(options), built, "another patch is another module");
});

test("a patch that does not fit its library fails the build", async () => {
  await using options = await patchGround(patchOf("// something else"));
  await assert.rejects(buildModule(options), /cannot build the rendering module .*deep\/x\.go: patch does not apply/s);
});

test("a patch is applied in a cache that lies in someone's repository too", async () => {
  await using options = await patchGround(patchOf("// before"));
  await promisify(execFile)("git", ["init", "--quiet", options.folder]);
  assert.equal(await readFile(await buildModule(options), "utf8"), "package x\n// changed\n");
});
