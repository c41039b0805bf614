// Names and texts of a repository that were made to be taken for something else: a path, a command, an option.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Renderer, type RenderResult } from "./render.ts";
import { chartOf, configMap, filesOf, inputOf, noHelm } from "./testdata.ts";

let renderer: Renderer;

before(async () => {
  renderer = await Renderer.open();
});

after(async () => {
  await renderer[Symbol.asyncDispose]();
});

const chartCalled = (name: string, version = "1.0.0"): Promise<RenderResult> => {
  const metadata = JSON.stringify({ apiVersion: "v2", name, version });
  const files = new Map([
    ...chartOf({ "a.yaml": configMap("a", "x: '1'") }),
    ...filesOf({ "chart/Chart.yaml": metadata, "a.yaml": "canary" }),
  ]);
  return renderer.render(inputOf("helm", "chart", files));
};

for (const name of [".", "..", "../x", "a/b", "/etc"]) {
  test(`S10 a chart called ${JSON.stringify(name)} is refused in its Chart.yaml`, async () => {
    const result = await chartCalled(name);
    assert.ok(result.kind === "failed", JSON.stringify(result));
    assert.deepEqual([result.code, result.path], ["E_NAME_INVALID", "chart/Chart.yaml"]);
  });
}

test("S10 a chart whose version is a path is refused in its Chart.yaml", async () => {
  const result = await chartCalled("chart", "../../1");
  assert.ok(result.kind === "failed", JSON.stringify(result));
  assert.deepEqual([result.code, result.path], ["E_NAME_INVALID", "chart/Chart.yaml"]);
});

for (const text of [
  "$(touch pwned)",
  "`touch pwned`",
  ";touch pwned",
  "--upload-pack=touch pwned",
  "-oProxyCommand=touch pwned",
  "| touch pwned",
]) {
  test(`S11 ${text} is a text like others: in values, in a folder's name, in a kustomization`, async () => {
    const chart = chartOf({ "a.yaml": configMap("a", "x: {{ .Values.x | quote }}") });
    const moved = new Map([...chart].map(([path, bytes]) => [path.replace(/^chart/, text), bytes] as const));
    const helm = await renderer.render(inputOf("helm", text, moved, { helm: { ...noHelm, values: { x: text } } }));
    assert.ok(helm.kind === "rendered", JSON.stringify(helm));
    assert.deepEqual([helm.objects[0]?.object["data"], helm.objects[0]?.source.path], [{ x: text }, `${text}/templates/a.yaml`]);
    const kustomization = JSON.stringify({ resources: [`${text}.yaml`], configMapGenerator: [{ name: "g", literals: [`x=${text}`] }] });
    const files = { [`${text}/kustomization.yaml`]: kustomization, [`${text}/${text}.yaml`]: configMap("a", "x: '1'") };
    const built = await renderer.render(inputOf("kustomize", text, filesOf(files)));
    assert.ok(built.kind === "rendered", JSON.stringify(built));
    const generated = built.objects.find(({ identity }) => identity.name.startsWith("g-"));
    assert.deepEqual(generated?.object["data"], { x: text });
    for (const folder of [process.cwd(), import.meta.dirname]) assert.ok(!existsSync(join(folder, "pwned")));
  });
}
