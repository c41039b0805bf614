import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findModule, modulePlaces } from "./module-path.ts";

test("a module that is named is the only place that is looked at", () => {
  assert.deepEqual(modulePlaces("/a.wasm", "/b.wasm"), ["/a.wasm"]);
  assert.deepEqual(modulePlaces(undefined, "/b.wasm"), ["/b.wasm"]);
  const [checkout, beside] = modulePlaces(undefined, undefined);
  assert.match(checkout ?? "", /\.tools\/render\.wasm$/);
  assert.match(beside ?? "", /hub\/render\.wasm$/);
});

test("the module is found where it lies, and its absence names the places and the remedy", async () => {
  const folder = await mkdtemp(join(tmpdir(), "muster-render-"));
  try {
    const path = join(folder, "render.wasm");
    await assert.rejects(findModule(undefined, path), new RegExp(`looked at ${path}.*make setup`));
    await writeFile(path, "");
    assert.equal(await findModule(undefined, path), path);
  } finally {
    await rm(folder, { recursive: true });
  }
});
