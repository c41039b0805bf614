// Everything in our own sample repositories renders as the native programs render it. Needs helm and kustomize (`make setup`).

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { compareRepository } from "./compare-repository.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

for (const folder of ["test/fleets/tour", "test/bench/loads", "examples"]) {
  test(`every chart and kustomization of ${folder} renders as the native programs render it`, async () => {
    const compared = await compareRepository(join(repository, folder), "");
    assert.ok(compared.length > 0);
    assert.deepEqual(
      compared.filter(({ verdict }) => verdict !== "same"),
      [],
    );
  });
}

test("what only one side can render is told with its reason", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-compare-test-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await mkdir(join(dir, "app"));
  await writeFile(join(dir, "app", "kustomization.yaml"), "resources:\n  - missing.yaml\n");
  const [only] = await compareRepository(dir, "");
  assert.equal(only?.verdict, "neither renders");
  assert.match(only.details.join("\n"), /Muster: E_PATH_MISSING[^]*native: /);
});
