// Every chart of the corpus, here and with the native programs: the text that the module prints equals that of `helm template` of Helm 4
// byte for byte, and the objects of a render equal those of Helm 3 and Helm 4. Needs the programs (`make setup`).

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { lockDigest } from "./chart-dependencies.ts";
import { inputsOf, Renderer } from "./render.ts";
import { helmRequest } from "./request.ts";
import { chartCorpus, type ChartCase } from "./testdata/chart-corpus.ts";
import { filesBelow, inputOf, noHelm, objectsOf, printedBy, runNative, startedInstance, writeFiles } from "./testdata.ts";
import { treeOf } from "./tree.ts";
import type { JsonObject } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";

let renderer: Renderer;

before(async () => {
  renderer = await Renderer.open();
});

after(async () => {
  await renderer[Symbol.asyncDispose]();
});

type Prepared = { readonly folder: string; [Symbol.asyncDispose](): Promise<void> };

async function prepared({ files, prepare = [] }: ChartCase): Promise<Prepared> {
  const folder = await mkdtemp(join(tmpdir(), "muster-charts-"));
  await writeFiles(folder, files);
  for (const args of prepare) await runNative("helm", args, folder);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

for (const [what, one] of Object.entries(chartCorpus)) {
  test(`S17 B49 a chart with ${what} prints what Helm 4 prints, and gives the objects of Helm 3 and 4`, async () => {
    await using place = await prepared(one);
    const files = await filesBelow(place.folder);
    // What `helm dependency update` fetched stays out: we place it ourselves, as it stands in the lock.
    if (what.includes("beside")) for (const path of files.keys()) if (path.startsWith("c/charts/")) files.delete(path);
    const input = inputOf("helm", "c", files, { helm: { ...noHelm, ...one.helm } });
    const args = ["template", "demo", "c", "--namespace", "demo", "--include-crds", ...(one.flags ?? [])];
    const helm4 = await runNative("helm", args, place.folder);
    assert.equal(await printedBy(await startedInstance(), helmRequest(input, true), input.seed), helm4);
    const mine = await renderer.render(input);
    assert.ok(mine.kind === "rendered", JSON.stringify(mine));
    assert.deepEqual(objectsOf(mine), objectsOf(helm4));
    assert.deepEqual(objectsOf(mine), objectsOf(await runNative("helm3", args, place.folder)));
  });
}

test("the digest that Helm writes into a lock is the one that we expect", async () => {
  const one = chartCorpus["a dependency in a folder beside the chart"];
  assert.ok(one);
  await using place = await prepared(one);
  const files = await filesBelow(place.folder);
  const read = (path: string): JsonObject => readYaml(Buffer.from(files.get(path) ?? "").toString()).documents[0]?.value as JsonObject;
  const [chart, lock] = [read("c/Chart.yaml"), read("c/Chart.lock")];
  assert.equal(lockDigest(chart["dependencies"] as readonly JsonObject[], lock["dependencies"] as readonly JsonObject[]), lock["digest"]);
  const inputs = await inputsOf(treeOf(new Map([...files].filter(([path]) => !path.startsWith("c/charts/")))), { path: "c" });
  assert.ok(inputs.kind === "helm" && inputs.files.has("libs/beside/values.yaml"));
});

const refused: readonly (readonly [string, Readonly<Record<string, string>>, RegExp, string])[] = [
  ["fail", { "c/templates/a.yaml": '\n{{ fail "no port" }}' }, /no port/, "c/templates/a.yaml:2"],
  ["required", { "c/templates/a.yaml": '{{ required "name it" .Values.num }}' }, /name it/, "c/templates/a.yaml:1"],
  ["an unknown function", { "c/templates/a.yaml": "\n\n{{ nope }}" }, /nope/, "c/templates/a.yaml:3"],
  [
    "a schema that does not fit",
    { "c/values.yaml": "num: x\n", "c/values.schema.json": '{"properties": {"num": {"type": "integer"}}}', "c/templates/a.yaml": "" },
    /values\.num: got string, want integer/,
    "c/values.schema.json:0",
  ],
  [
    "a schema of a subchart that does not fit",
    {
      "c/values.yaml": "s: {num: x}\n",
      "c/charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 0.1.0\n",
      "c/charts/s/values.schema.json": '{"properties": {"num": {"type": "integer"}}}',
    },
    /values\.num: got string, want integer/,
    "c/charts/s/values.schema.json:0",
  ],
  [
    "a missing dependency",
    { "c/requirements.yaml": "dependencies: [{name: x, version: 1.0.0}]\n" },
    /x is not in charts/,
    "c/Chart.yaml:1",
  ],
];

for (const [what, texts, message, place] of refused) {
  test(`B47 a chart with ${what} is refused here as it is natively, with its place`, async () => {
    const one = { files: { "c/Chart.yaml": "apiVersion: v1\nname: c\nversion: 1.0.0\n", ...texts } };
    await using ground = await prepared(one);
    await assert.rejects(runNative("helm", ["template", "demo", "c"], ground.folder));
    const result = await renderer.render(inputOf("helm", "c", await filesBelow(ground.folder)));
    assert.ok(result.kind === "failed");
    assert.match(result.message, message);
    assert.equal(`${result.path}:${result.line ?? 0}`, place);
  });
}
