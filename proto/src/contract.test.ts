import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const proto = fileURLToPath(new URL("..", import.meta.url));
const buf = join(proto, "..", "node_modules", ".bin", "buf");

test("what is generated from the contract is what is committed", async () => {
  const dir = await mkdtemp(join(tmpdir(), "muster-gen-"));
  try {
    await run("sh", [join(proto, "generate.sh"), dir]);
    const folder = join("muster", "v1");
    const files = await readdir(join(dir, folder));
    assert.deepEqual(files.toSorted(), (await readdir(join(proto, "src", "gen", folder))).toSorted());
    for (const file of files)
      assert.equal(await readFile(join(proto, "src", "gen", folder, file), "utf8"), await readFile(join(dir, folder, file), "utf8"), file);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("the contract breaks nobody who speaks the released one (proto/released.binpb)", async () => {
  await run(buf, ["breaking", "--against", "released.binpb"], { cwd: proto });
});
