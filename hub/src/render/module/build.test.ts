// The cache around the build, with a stand-in for `go` that writes a file: the real build is what `make setup` does.

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
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
