// What lies outside the Snapshot: refused with its place where it was not handed in, put in place where it was.

import assert from "node:assert/strict";
import type { JsonObject } from "@muster/proto/model/json";
import { after, before, test } from "node:test";
import { Renderer, type RenderInput, type Remotes } from "./render.ts";
import { chartOf, configMap, filesOf, inputOf } from "./testdata.ts";

let renderer: Renderer;

before(async () => {
  renderer = await Renderer.open();
});

after(async () => {
  await renderer[Symbol.asyncDispose]();
});

const dependencies = 'dependencies:\n- name: db\n  version: "^1"\n  repository: https://me:secret@charts.example/a\n  alias: store\n';
const parent = new Map([
  ...chartOf({ "a.yaml": configMap("a", 'x: {{ include "db.name" . }}') }, { "values.yaml": "store: {v: from-parent}\n" }),
  ...filesOf({ "chart/Chart.yaml": `apiVersion: v2\nname: chart\nversion: 1.0.0\n${dependencies}` }),
]);
const key = "chart https://me:secret@charts.example/a db ^1";
const db = {
  "Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.4.0\n",
  ".helmignore": "templates/out.yaml\n",
  "templates/_n.tpl": '{{ define "db.name" }}named{{ end }}',
  "templates/db.yaml": configMap("{{ .Chart.Name }}", "v: {{ .Values.v }}"),
  "templates/out.yaml": "not: [yaml",
};

const refused: readonly (readonly [string, RenderInput, RegExp, string, number])[] = [
  [
    "a chart's dependency",
    inputOf("helm", "chart", parent),
    /chart db \^1 of https:\/\/charts\.example\/a lies outside/,
    "chart/Chart.yaml",
    5,
  ],
  [
    "a base",
    inputOf(
      "kustomize",
      "k",
      filesOf({ "k/kustomization.yaml": "namePrefix: a\nresources:\n- https://u:secret@git.example/r//b?ref=v1\n" }),
    ),
    /https:\/\/git\.example\/r\/\/b\?ref=v1 lies outside/,
    "k/kustomization.yaml",
    3,
  ],
  [
    "a chart of a kustomization",
    inputOf(
      "kustomize",
      "k",
      filesOf({ "k/kustomization.yaml": "helmCharts:\n- {name: web, repo: 'oci://r.example/c', version: 1.2.3}\n" }),
    ),
    /chart web 1\.2\.3 of oci:\/\/r\.example\/c lies outside/,
    "k/kustomization.yaml",
    2,
  ],
];

for (const [what, input, message, path, line] of refused) {
  test(`B51 S13 S16 ${what} that was not handed in is E_REMOTE_FORBIDDEN with address, place and remedy, without its password`, async () => {
    const result = await renderer.render(input);
    assert.ok(result.kind === "failed");
    assert.deepEqual([result.code, result.path, result.line], ["E_REMOTE_FORBIDDEN", path, line]);
    assert.match(result.message, message);
    assert.match(result.message, /allow it in the Source's `remotes`, or /);
    assert.doesNotMatch(result.message, /secret/);
  });
}

test("a chart that was handed in is a dependency as if it had been vendored, with or without its own folder", async () => {
  for (const files of [filesOf(db), filesOf(Object.fromEntries(Object.entries(db).map(([path, text]) => [`db/${path}`, text])))]) {
    const result = await renderer.render(inputOf("helm", "chart", parent, { remotes: new Map([[key, { digest: "d", files }]]) }));
    assert.ok(result.kind === "rendered", JSON.stringify(result));
    assert.deepEqual(
      result.objects.map(({ object, source }) => [object["data"], source]),
      [
        [{ x: "named" }, { path: "chart/templates/a.yaml", line: 1 }],
        [{ v: "from-parent" }, { path: "chart/charts/db/templates/db.yaml" }],
      ],
    );
  }
});

test("B50 what was handed in and is no chart is E_ARCHIVE", async () => {
  const remotes: Remotes = new Map([[key, { digest: "d", files: filesOf({ "a/b/Chart.yaml": "name: db\n" }) }]]);
  const result = await renderer.render(inputOf("helm", "chart", parent, { remotes }));
  assert.deepEqual(result.kind === "failed" && [result.code, result.path], ["E_ARCHIVE", "chart/Chart.yaml"]);
});

test("S05 S13 a remote base does not see the Snapshot, nor another base", async () => {
  const files = filesOf({
    "k/kustomization.yaml": "resources: ['https://a.example/x.git', 'https://b.example/y.git']\n",
    "k/secret.txt": "CANARY",
  });
  const honest = {
    digest: "b",
    files: filesOf({ "kustomization.yaml": "namePrefix: b-\nresources: [r.yaml]\n", "r.yaml": configMap("r", "a: b") }),
  };
  for (const text of [
    "configMapGenerator: [{name: x, files: [../../snapshot/k/secret.txt]}]\n",
    "configMapGenerator: [{name: x, files: [s=/snapshot/k/secret.txt]}]\n",
    "patches: [{path: ../other/p.yaml}]\n",
  ]) {
    const remotes: Remotes = new Map([
      ["base https://a.example/x.git", { digest: "a", files: filesOf({ "kustomization.yaml": text }) }],
      ["base https://b.example/y.git", honest],
    ]);
    const result = await renderer.render(inputOf("kustomize", "k", files, { remotes }));
    assert.deepEqual(result.kind === "failed" && result.code, "E_PATH_ESCAPE", text);
    assert.doesNotMatch(JSON.stringify(result), /CANARY/);
  }
});

test("an object of a kustomization has its place in the file that it begins with; no mark of ours stays", async () => {
  const files = {
    "base/kustomization.yaml":
      "resources: [a.yaml]\nconfigMapGenerator: [{name: g, literals: [a=b], options: {disableNameSuffixHash: true}}]\n",
    "base/a.yaml": configMap("a", "x: '1'"),
    "k/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\n",
  };
  const placesOf = async (input: RenderInput): Promise<unknown> => {
    const result = await renderer.render(input);
    assert.ok(result.kind === "rendered", JSON.stringify(result));
    assert.doesNotMatch(JSON.stringify(result.objects.map(({ object }) => object)), /config\.kubernetes\.io/);
    return result.objects.map(({ source }) => source.path);
  };
  const expected = ["base/a.yaml", "k/kustomization.yaml"];
  const traced = { ...inputOf("kustomize", "k", filesOf(files)), trace: true };
  assert.deepEqual(await placesOf(traced), ["base/a.yaml", "base/kustomization.yaml"]);
  assert.deepEqual(await placesOf(inputOf("kustomize", "k", filesOf(files))), expected);
  const overlaid = inputOf("kustomize", "k", filesOf(files), { kustomize: { nameSuffix: "-s" } });
  assert.deepEqual(await placesOf(overlaid), expected);
  const patch = 'patches: [{target: {kind: ConfigMap}, patch: \'[{"op": "add", "path": "/metadata/annotations/x", "value": "y"}]\'}]\n';
  const patched = await renderer.render(
    inputOf("kustomize", "k", filesOf({ ...files, "k/kustomization.yaml": `${files["k/kustomization.yaml"]}${patch}` })),
  );
  assert.ok(patched.kind === "rendered");
  for (const { object } of patched.objects) assert.deepEqual((object["metadata"] as JsonObject)["annotations"], { x: "y" });
});

test("trace tells the file and the transformers of an object, and changes none", async () => {
  const files = filesOf({
    "base/kustomization.yaml": "resources: [a.yaml]\nnameSuffix: -s\n",
    "base/a.yaml": configMap("a", "x: '1'"),
    "k/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\ncommonAnnotations: {a: b}\n",
  });
  const input = inputOf("kustomize", "k", files);
  const [plain, traced] = [await renderer.render(input), await renderer.render({ ...input, trace: true })];
  assert.ok(plain.kind === "rendered" && traced.kind === "rendered");
  const objects = (of: typeof plain): unknown => of.objects.map(({ identity, object }) => ({ identity, object }));
  assert.deepEqual(objects(traced), objects(plain));
  assert.deepEqual(traced.objects[0]?.trace, {
    origin: { path: "base/a.yaml" },
    transformers: [
      { kind: "SuffixTransformer", at: { path: "base/kustomization.yaml" } },
      { kind: "PrefixTransformer", at: { path: "k/kustomization.yaml" } },
      { kind: "AnnotationsTransformer", at: { path: "k/kustomization.yaml" } },
    ],
  });
});

test("a hook that no deployment runs is not part of a Release; one that also runs otherwise is", async () => {
  const hook = (name: string, events: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, annotations: {helm.sh/hook: "${events}"}}\nspec: {containers: []}\n`;
  const chart = chartOf({
    "a.yaml": hook("tested", "test"),
    "b.yaml": hook("old", "test-success, post-rollback"),
    "c.yaml": hook("both", "test,post-install"),
    "d.yaml": hook("argo", "test").replace("{helm", "{argocd.argoproj.io/hook: PostSync, helm"),
  });
  const result = await renderer.render(inputOf("helm", "chart", chart));
  assert.ok(result.kind === "rendered");
  assert.deepEqual(
    result.objects.map(({ identity }) => identity.name),
    ["argo", "both"],
  );
});
