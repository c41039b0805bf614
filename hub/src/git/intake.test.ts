import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { intakeFs } from "./intake.ts";
import { defaultLimits } from "./limits.ts";

async function opened(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), "muster-intake-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const { promises } = intakeFs(join(dir, "repository.git"), "root", defaultLimits);
  return { dir, write: promises.writeFile as (path: string, content: string | Uint8Array) => Promise<void> };
}

test("S07 nothing is written beside the repository, whatever name a library was talked into", async (t) => {
  const { dir, write } = await opened(t);
  for (const path of ["../x", "../repository.git.evil/x", "refs/../../x", ""])
    await assert.rejects(write(join(dir, "repository.git", path), "x"), { code: "invalid" }, path);
  assert.deepEqual(await readdir(dir), []);
});

test("F37 a pack that is none is not written; what is written is whole and leaves no draft", async (t) => {
  const { dir, write } = await opened(t);
  const packs = join(dir, "repository.git", "objects", "pack");
  await assert.rejects(write(join(packs, "pack-1.pack"), Buffer.from("PACK but no pack")), { code: "corrupt" });
  await write(join(packs, "pack-1.idx"), "first");
  await write(join(packs, "pack-1.idx"), "second");
  assert.deepEqual(await readdir(packs), ["pack-1.idx"]);
  assert.equal(await readFile(join(packs, "pack-1.idx"), "utf8"), "second");
});
