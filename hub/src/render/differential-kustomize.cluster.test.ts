// Every kustomization of the corpus, here and with the native program: the text that the module prints equals that of `kustomize build`
// (with Helm 4 for its charts) byte for byte, and so do the objects of a render. Needs the programs (`make setup`).

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inputsOf, readInputs, Renderer, type Remotes } from "./render.ts";
import { diskOf, kustomizeRequest } from "./request.ts";
import { kustomizeCorpus } from "./testdata/kustomize-corpus.ts";
import { filesBelow, filesOf, inputOf, objectsOf, printedBy, runNative, startedInstance, writeFiles } from "./testdata.ts";
import { treeOf } from "./tree.ts";

let renderer: Renderer;

before(async () => {
  renderer = await Renderer.open();
});

after(async () => {
  await renderer[Symbol.asyncDispose]();
});

type Ground = { readonly folder: string; [Symbol.asyncDispose](): Promise<void> };

async function ground(texts: Readonly<Record<string, string>>): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "muster-kustomize-"));
  await writeFiles(folder, texts);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

async function native(folder: string): Promise<string> {
  const flags = ["--enable-helm", "--helm-command", "helm", "--load-restrictor", "LoadRestrictionsNone"];
  return runNative("kustomize", ["build", ...flags, "k"], folder);
}

for (const [what, texts] of Object.entries(kustomizeCorpus)) {
  test(`B51 a kustomization with ${what} prints what kustomize prints, from the files that were found, and gives its objects`, async () => {
    await using place = await ground(texts);
    const tree = treeOf(await filesBelow(place.folder));
    const inputs = await inputsOf(tree, { path: "k" });
    assert.ok(inputs.kind !== "failed", JSON.stringify(inputs));
    const files = await readInputs(tree, inputs);
    assert.ok(files instanceof Map);
    const input = inputOf("kustomize", "k", files as ReadonlyMap<string, Uint8Array>);
    const expected = await native(place.folder);
    const request = kustomizeRequest(input, (await diskOf(input)).files, [], true);
    assert.equal(await printedBy(await startedInstance(), request, input.seed), expected);
    const mine = await renderer.render(input);
    assert.ok(mine.kind === "rendered", JSON.stringify(mine));
    assert.deepEqual(objectsOf(mine), objectsOf(expected));
    const traced = await renderer.render({ ...input, trace: true });
    assert.ok(traced.kind === "rendered");
    assert.deepEqual(objectsOf(traced), objectsOf(expected));
  });
}

test("a remote base and a chart of a repository, handed in, give what kustomize gives with both in folders", async () => {
  const texts = { ...kustomizeCorpus["a chart that was pulled"], ...kustomizeCorpus["components"] };
  const part = (folder: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(texts).flatMap(([path, text]) => (path.startsWith(folder) ? [[path.slice(folder.length), text]] : [])),
    );
  const kustomization = (base: string): string => `resources: [${base}, ../low]\nnamespace: here\n`;
  const low = texts["low/kustomization.yaml"] ?? "";
  await using place = await ground({ ...texts, "k/kustomization.yaml": kustomization("../base") });
  const remotes: Remotes = new Map([
    ["base https://git.example/repo//base?ref=v1", { digest: "1", root: "base", files: filesOf({ ...texts, "k/kustomization.yaml": "" }) }],
    ["chart https://charts.example web 1.2.3", { digest: "2", files: filesOf(part("low/charts/web-1.2.3/")) }],
  ]);
  const files = filesOf({
    "k/kustomization.yaml": kustomization("'https://git.example/repo//base?ref=v1'"),
    "low/kustomization.yaml": low,
  });
  const mine = await renderer.render(inputOf("kustomize", "k", files, { remotes }));
  assert.ok(mine.kind === "rendered", JSON.stringify(mine));
  assert.deepEqual(objectsOf(mine), objectsOf(await native(place.folder)));
  const traced = await renderer.render(inputOf("kustomize", "k", files, { remotes, trace: true }));
  assert.ok(traced.kind === "rendered");
  const service = traced.objects.find(({ identity }) => identity.kind === "Service" && identity.name === "web");
  assert.deepEqual(service?.source, { path: "k/kustomization.yaml", line: 1 });
});
