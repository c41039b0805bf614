// When npm is called, and that a run without tests is a failure.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { installPackages } from "./packages.ts";
import { run } from "./run.ts";

/** A clone of which only the lock file matters, with an npm that notes each call. */
async function clone(npm: string): Promise<AsyncDisposable & { root: string; calls(): Promise<number> }> {
  const root = await mkdtemp(join(tmpdir(), "muster-packages-"));
  const bin = join(root, ".tools", "bin");
  for (const folder of [".tools/bin", "node_modules", "proto", "hub", "agent", "test"])
    await mkdir(join(root, folder), { recursive: true });
  for (const folder of [".", "proto", "hub", "agent", "test"]) await writeFile(join(root, folder, "package.json"), "{}");
  await writeFile(join(root, "package-lock.json"), "{}");
  await symlink(process.execPath, join(bin, "node"));
  await writeFile(join(bin, "npm"), `#!/bin/sh\necho "$@" >>"${root}/calls"\n${npm}\n`, { mode: 0o755 });
  const calls = async (): Promise<number> => (await readFile(join(root, "calls"), "utf8").catch(() => "")).split("\n").length - 1;
  return { root, calls, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

test("npm ci runs once for each lock file, and again when it failed", async () => {
  await using here = await clone("true");
  const said: string[] = [];
  const install = (): Promise<void> => installPackages(here.root, (line) => said.push(line));
  await install();
  await install();
  assert.equal(await here.calls(), 1);
  await writeFile(join(here.root, "package-lock.json"), '{ "lockfileVersion": 3 }');
  await writeFile(
    join(here.root, ".tools", "bin", "npm"),
    `#!/bin/sh\necho "$@" >>"${here.root}/calls"\necho "npm error code E404" >&2\nexit 1\n`,
  );
  await assert.rejects(install(), /npm error code E404/);
  await assert.rejects(install(), /npm error code E404/);
  assert.equal(await here.calls(), 3);
});

test("a run that finds no test fails, one that finds a test ends with the counts of all of them", async () => {
  const root = await mkdtemp(join(tmpdir(), "muster-run-"));
  try {
    const script = join(root, "test", "tools", "run-tests.ts");
    await mkdir(dirname(script), { recursive: true });
    for (const name of ["run-tests.ts", "failed-files.ts"])
      await cp(fileURLToPath(new URL(`./${name}`, import.meta.url)), join(dirname(script), name));
    const environment = { PATH: process.env["PATH"], HOME: root };
    const start = (kind: string): Promise<string> => run(process.execPath, [script, kind], { env: environment });
    await assert.rejects(start("unit"), /found no plain test file/);
    await writeFixture(root, "hub/src/a.test.ts");
    assert.match(await start("unit"), /ℹ pass 1\nℹ fail 0/);
    await assert.rejects(start("all"), /found no withCluster test file/);
    await writeFixture(root, "agent/src/b.cluster.test.ts");
    await writeFixture(root, "test/e2e/c.test.ts");
    assert.match(await start("unit"), /ℹ pass 1\nℹ fail 0/);
    assert.match(await start("all"), /ℹ pass 3\nℹ fail 0/);
    await writeFixture(root, "hub/src/d.test.ts", "throw new Error('broken');");
    await assert.rejects(start("unit"), /ℹ fail 1/);
    await assert.rejects(start("all"), /run once more: hub\/src\/d\.test\.ts\n[^]*ℹ fail 1/);
    const once = `import("node:fs").then(({ mkdirSync }) => mkdirSync(${JSON.stringify(join(root, "seen"))}))`;
    await writeFixture(root, "hub/src/d.test.ts", `return ${once}.then(() => { throw new Error("the first time"); }, () => undefined);`);
    assert.match(await start("all"), /ℹ fail 1[^]*run once more: hub\/src\/d\.test\.ts\n[^]*ℹ pass 1\nℹ fail 0/);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

async function writeFixture(root: string, path: string, body = ""): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), `import { test } from "node:test";\ntest("it is so", () => { ${body} });\n`);
}
