// Our renders against the native programs: what `helm template` and `kustomize build` print, read and normalised in the same way,
// must be the same objects. Needs both programs (`make setup`).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { readYaml } from "../yaml/yaml.ts";
import { normalise } from "./normalise.ts";
import { Renderer, type HelmInput, type Rendered, type RenderInput } from "./render.ts";
import { filesIn, inputOf, noHelm, testdataDir } from "./testdata.ts";

const run = promisify(execFile);
const toolsDir = join(import.meta.dirname, "../../../.tools/bin");

async function program(name: string): Promise<string> {
  const built = join(toolsDir, name);
  return access(built).then(
    () => built,
    () => name,
  );
}

async function native(name: string, args: readonly string[]): Promise<Rendered> {
  const { stdout } = await run(await program(name), [...args], { cwd: testdataDir, maxBuffer: 64 * 1024 * 1024 });
  const { documents, faults } = readYaml(stdout);
  assert.deepEqual(faults, []);
  return normalise(
    documents.map(({ value, index, line }) => ({ value, index, source: { path: name, line } })),
    { namespace: "demo" },
  );
}

async function ours(input: RenderInput): Promise<Rendered> {
  await using renderer = await Renderer.open();
  const result = await renderer.render(input);
  assert.ok(result.kind === "rendered", JSON.stringify(result));
  return result;
}

function assertSame(mine: Rendered, theirs: Rendered): void {
  const plain = ({ objects }: Rendered): unknown => objects.map(({ identity, object }) => ({ identity, object }));
  assert.deepEqual(plain(mine), plain(theirs));
}

const helmCases: readonly (readonly [string, Partial<HelmInput>, readonly string[]])[] = [
  ["as it is", {}, []],
  ["with another Kubernetes version", { kubeVersion: "1.29.5" }, ["--kube-version", "1.29.5"]],
  ["with a values file", { valuesFiles: ["shop-values.yaml"] }, ["--values", "shop-values.yaml"]],
  [
    "with values over a values file",
    { valuesFiles: ["shop-values.yaml"], values: { replicas: 1, env: { LOG_LEVEL: "warn", PI: 3.14 }, cache: { enabled: false } } },
    ["--values", "shop-values.yaml", "--set-json", 'replicas=1,env={"LOG_LEVEL":"warn","PI":3.14}', "--set-json", "cache.enabled=false"],
  ],
  [
    "without parts",
    { values: { ingress: { enabled: false }, resources: null } },
    ["--set", "ingress.enabled=false", "--set-json", "resources=null"],
  ],
];

for (const [what, helm, flags] of helmCases) {
  test(`a chart ${what} renders as helm template does`, async () => {
    const files = await filesIn(".");
    const mine = await ours(inputOf("helm", "shop", files, { helm: { ...noHelm, ...helm } }));
    assertSame(mine, await native("helm", ["template", "demo", "shop", "--namespace", "demo", "--include-crds", ...flags]));
    assert.ok(mine.objects.length > 7); // the test hook is left out
  });
}

test("a chart without its CRDs renders as helm template does", async () => {
  const mine = await ours(inputOf("helm", "shop", await filesIn("."), { helm: { ...noHelm, skipCrds: true } }));
  const theirs = await native("helm", ["template", "demo", "shop", "--namespace", "demo"]);
  // Without the CRD in sight its objects are taken as namespaced, here and there.
  assertSame(mine, theirs);
});

for (const folder of ["fleet/base", "fleet/overlay"]) {
  test(`the kustomization ${folder} renders as kustomize build does`, async () => {
    const mine = await ours(inputOf("kustomize", folder, await filesIn(".")));
    assertSame(mine, await native("kustomize", ["build", folder]));
    assert.ok(mine.objects.length > 4);
  });
}
