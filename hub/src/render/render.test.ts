import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { showIdentity } from "@muster/proto/model/identity";
import { Renderer, type RenderFailed, type RenderInput, type Rendered } from "./render.ts";
import { chartOf, configMap, filesOf, inputOf, noHelm } from "./testdata.ts";

let renderer: Renderer;

before(async () => {
  renderer = await Renderer.open();
});

after(async () => {
  await renderer[Symbol.asyncDispose]();
});

async function rendered(input: RenderInput): Promise<Rendered> {
  const result = await renderer.render(input);
  assert.ok(result.kind === "rendered", JSON.stringify(result));
  return result;
}

async function failed(input: RenderInput): Promise<RenderFailed> {
  const result = await renderer.render(input);
  assert.ok(result.kind === "failed", "it was rendered");
  return result;
}

const names = (result: Rendered): readonly string[] => result.objects.map(({ identity }) => showIdentity(identity));

test("a folder of plain YAML becomes its objects, sorted, with their places", async () => {
  const files = filesOf({
    "app/b.yaml": `${configMap("b", "x: '1'")}---\n${configMap("a", "x: '1'")}`,
    "app/sub/c.yml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n",
    "app/d.json": JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "d", namespace: "elsewhere" } }),
    "app/README.md": "not a manifest",
    "app/.github/workflow.yaml": "on: push\n",
    "other/e.yaml": configMap("e", "x: '1'"),
  });
  const result = await rendered(inputOf("yaml", "app", files));
  assert.deepEqual(names(result), ["ConfigMap demo/a", "ConfigMap demo/b", "ConfigMap elsewhere/d", "Namespace c"]);
  assert.deepEqual(result.objects[0]?.source, { path: "app/b.yaml", line: 7 });
});

test("include, exclude and recurse choose the files of a plain folder", async () => {
  const files = filesOf({ "a.yaml": configMap("a", "x: '1'"), "b.yaml": configMap("b", "x: '1'"), "sub/c.yaml": configMap("c", "x: '1'") });
  const chosen = async (include: string[], exclude: string[], recurse: boolean): Promise<string> =>
    names(await rendered(inputOf("yaml", "", files, { objects: { include, exclude, recurse } }))).join(" ");
  assert.equal(await chosen(["*"], [], true), "ConfigMap demo/a ConfigMap demo/b ConfigMap demo/c");
  assert.equal(await chosen(["*"], [], false), "ConfigMap demo/a ConfigMap demo/b");
  assert.equal(await chosen(["*"], ["b.*"], true), "ConfigMap demo/a ConfigMap demo/c");
  assert.equal(await chosen(["sub/*"], [], true), "ConfigMap demo/c");
});

test("a chart is rendered with its values files below the App's values, its CRDs and its subcharts", async () => {
  const crd =
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.x.io}\nspec: {group: x.io, scope: Cluster, names: {kind: Thing}}\n";
  const files = new Map([
    ...chartOf(
      {
        "a.yaml": configMap(
          "{{ .Release.Name }}",
          "{{ toYaml .Values.data | nindent 2 }}\nkube: {{ .Capabilities.KubeVersion.Minor | quote }}",
        ),
        "thing.yaml": "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\n",
        "NOTES.txt": "thank you",
        "_helpers.tpl": '{{ define "x" }}y{{ end }}',
      },
      {
        "values.yaml": "data: {a: chart, b: chart, c: chart}\n",
        "crds/crd.yaml": crd,
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "charts/sub/templates/s.yaml": configMap("sub", "x: {{ .Values.x | quote }}"),
      },
    ),
    ...filesOf({ "shared/one.yaml": "data: {b: one, c: one}\nsub: {x: fromfile}\n" }),
  ]);
  const helm = { ...noHelm, values: { data: { c: "app" } }, valuesFiles: ["shared/one.yaml"], kubeVersion: "1.31.4" };
  const result = await rendered(inputOf("helm", "chart", files, { helm }));
  assert.deepEqual(names(result), [
    "ConfigMap demo/demo",
    "ConfigMap demo/sub",
    "CustomResourceDefinition.apiextensions.k8s.io things.x.io",
    "Thing.x.io t",
  ]);
  assert.deepEqual(result.objects[0]?.object["data"], { a: "chart", b: "one", c: "app", kube: "31" });
  assert.deepEqual(result.objects[1]?.object["data"], { x: "fromfile" });
  assert.deepEqual(result.objects[0]?.source, { path: "chart/templates/a.yaml", line: 1 });
  assert.equal(result.objects[1]?.source.path, "chart/charts/sub/templates/s.yaml");
  const without = await rendered(inputOf("helm", "chart", files, { helm: { ...helm, skipCrds: true } }));
  assert.ok(!names(without).some((name) => name.startsWith("CustomResourceDefinition")));
});

test("what the cluster can do is what the caller says", async () => {
  const template = configMap(
    "a",
    'mine: {{ .Capabilities.APIVersions.Has "x.io/v1/Thing" | quote }}\napps: {{ .Capabilities.APIVersions.Has "apps/v1" | quote }}',
  );
  const of = async (apiVersions: string[] | null): Promise<unknown> =>
    (await rendered(inputOf("helm", "chart", chartOf({ "a.yaml": template }), { helm: { ...noHelm, apiVersions } }))).objects[0]?.object[
      "data"
    ];
  assert.deepEqual(await of(null), { mine: "false", apps: "true" });
  assert.deepEqual(await of([]), { mine: "false", apps: "false" });
  assert.deepEqual(await of(["v1", "x.io/v1/Thing"]), { mine: "true", apps: "false" });
});

test("hooks of a chart stay objects with their annotations", async () => {
  const hook =
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: migrate-\n  annotations: {helm.sh/hook: pre-upgrade}\nspec: {template: {spec: {containers: []}}}\n";
  const result = await rendered(inputOf("helm", "chart", chartOf({ "a.yaml": hook })));
  const [job] = result.objects;
  assert.match(job?.identity.name ?? "", /^migrate-[0-9a-f]{8}$/);
  assert.deepEqual(job?.object["metadata"], {
    name: job?.identity.name,
    namespace: "demo",
    annotations: { "helm.sh/hook": "pre-upgrade" },
  });
});

test("a kustomization reads bases beside it, and an App lays its own options over it", async () => {
  const files = filesOf({
    "base/kustomization.yaml": "resources: [deployment.yaml]\n",
    "base/deployment.yaml":
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web:1}]}}\n",
    "overlays/edge/kustomization.yaml": "resources: [../../base]\nnamePrefix: edge-\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n",
    "overlays/edge/extra/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {extra: 'yes'}\n",
    "overlays/edge/patch.yaml": '[{"op": "add", "path": "/spec/paused", "value": true}]\n',
  });
  const plain = await rendered(inputOf("kustomize", "overlays/edge", files));
  assert.deepEqual(names(plain).length, 2);
  assert.equal(plain.objects[1]?.identity.name, "edge-web");
  const over = await rendered(
    inputOf("kustomize", "overlays/edge", files, {
      kustomize: {
        images: ["web=registry.example/web:2"],
        patches: [
          { path: "patch.yaml", target: { kind: "Deployment" } },
          {
            target: { kind: "Deployment" },
            patch: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" }, spec: { minReadySeconds: 5 } },
          },
        ],
        components: ["extra"],
        nameSuffix: "-x",
        labels: { team: "a" },
        annotations: { note: "n" },
        replicas: [{ name: "edge-web", count: 4 }],
      },
    }),
  );
  const web = over.objects.find(({ identity }) => identity.kind === "Deployment")?.object as Record<string, Record<string, unknown>>;
  assert.equal(web["metadata"]?.["name"], "edge-web-x");
  assert.deepEqual(web["metadata"]?.["annotations"], { extra: "yes", note: "n" });
  assert.deepEqual(web["metadata"]?.["labels"], { team: "a" });
  assert.deepEqual([web["spec"]?.["replicas"], web["spec"]?.["paused"], web["spec"]?.["minReadySeconds"]], [4, true, 5]);
  assert.match(JSON.stringify(web["spec"]), /registry\.example\/web:2/);
});

test("a kustomization's own OpenAPI schema does not stay for the next render", async () => {
  const files = filesOf({
    "a/kustomization.yaml": "resources: [r.yaml]\nopenapi: {path: schema.json}\n",
    "a/schema.json": "{}",
    "a/r.yaml": configMap("a", "x: '1'"),
    "b/kustomization.yaml": "resources: [d.yaml]\npatches: [{path: p.yaml}]\n",
    "b/d.yaml":
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {spec: {containers: [{name: a, image: a}, {name: b, image: b}]}}}\n",
    "b/p.yaml":
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {spec: {containers: [{name: b, image: c}]}}}\n",
  });
  const before = await rendered(inputOf("kustomize", "b", files));
  assert.equal((await renderer.render(inputOf("kustomize", "a", files))).kind, "rendered");
  assert.deepEqual(await rendered(inputOf("kustomize", "b", files)), before);
  assert.match(JSON.stringify(before.objects), /"name":"a"/);
});

const remotes: readonly (readonly [string, string])[] = [
  ["an address", "resources: ['https://example.com/x.yaml']\n"],
  ["link-local", "resources: ['http://169.254.169.254/latest/meta-data']\n"],
  ["an IPv6 form of loopback", "resources: ['http://[::ffff:127.0.0.1]/x']\n"],
  ["git over ssh", "resources: ['git::ssh://git@example.com/x//base?ref=main']\n"],
  ["scp form", "resources: ['git@example.com:org/repo']\n"],
  ["a forge without a scheme", "bases: [github.com/org/repo//base]\n"],
  ["a component", "components: ['https://example.com/c?ref=v1']\n"],
  ["helmCharts", "helmCharts: [{name: x, repo: 'https://example.com', version: 1.0.0}]\n"],
  ["an exec plugin", "generators: [plugin.yaml]\n"],
  ["a function in a container", "transformers: [function.yaml]\n"],
];

for (const [what, kustomization] of remotes) {
  test(`B51 S16 a kustomization with ${what} is refused`, async () => {
    const files = filesOf({
      "kustomization.yaml": `${kustomization}`,
      "plugin.yaml": "apiVersion: someteam.example.com/v1\nkind: SecretGenerator\nmetadata: {name: x}\n",
      "function.yaml":
        "apiVersion: x/v1\nkind: F\nmetadata:\n  name: f\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: example/x}\n",
    });
    assert.equal((await failed(inputOf("kustomize", "", files))).code, "E_REMOTE_FORBIDDEN");
  });
}

test("B51 a field that Kustomize does not know is told with its file and line", async () => {
  const files = filesOf({ "k/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: []\n\nnamePrefiks: x\n" });
  const result = await failed(inputOf("kustomize", "k", files));
  assert.deepEqual(
    [result.code, result.message, result.path, result.line],
    ["E_KUSTOMIZE", "unknown field namePrefiks", "b/kustomization.yaml", 3],
  );
});

test("B51 a path may have any letters: objects and errors tell it as it stands", async () => {
  const base = "b+1/ä @x's/web~1 #2.yaml";
  const texts = {
    "k/kustomization.yaml": `resources: ["../b+1/ä @x's"]\n`,
    "b+1/ä @x's/kustomization.yaml": "resources: ['web~1 #2.yaml']\n",
  };
  const files = filesOf({ ...texts, [base]: `# first\n${configMap("web", "x: '1'")}` });
  for (const trace of [false, true]) {
    const result = await rendered(inputOf("kustomize", "k", files, { trace }));
    assert.deepEqual(result.objects[0]?.source.path, base, `trace: ${trace}`);
  }
  const missing = await failed(inputOf("kustomize", "k", filesOf(texts)));
  assert.deepEqual([missing.code, missing.path], ["E_PATH_MISSING", base]);
  const broken = await failed(inputOf("kustomize", "k", filesOf({ ...texts, [base]: "kind: {" })));
  assert.deepEqual([broken.code, broken.path], ["E_YAML", base]);
  const nameless = await failed(inputOf("kustomize", "k", filesOf({ ...texts, [base]: "apiVersion: v1\nkind: ConfigMap\n" })));
  assert.deepEqual([nameless.code, nameless.path], ["E_OBJECT_INVALID", base]);
});

test("S05 a kustomization cannot read what it was not given, nor include itself", async () => {
  const outside = filesOf({ "a/kustomization.yaml": "resources: [../../../etc/passwd]\n" });
  assert.equal((await failed(inputOf("kustomize", "a", outside))).code, "E_PATH_MISSING");
  const loop = filesOf({ "a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n" });
  assert.equal((await failed(inputOf("kustomize", "a", loop))).code, "E_CYCLE");
});

test("S04 a chart cannot see the files of the chart that was rendered before it", async () => {
  await rendered(inputOf("helm", "chart", chartOf({ "a.yaml": configMap("a", "x: '1'") }, { "secret.txt": "CANARY" })));
  const result = await rendered(
    inputOf("helm", "chart", chartOf({ "a.yaml": configMap("a", 'x: {{ .Files.Get "secret.txt" | quote }}') })),
  );
  assert.doesNotMatch(JSON.stringify(result), /CANARY/);
});

const leaks: readonly (readonly [string, string])[] = [
  ["mustFromJson", '{{ .Files.Get "secret.txt" | mustFromJson }}'],
  ["fail", '{{ fail (.Files.Get "secret.txt") }}'],
  ["fail with more", '{{ fail (printf "no %s" (.Files.Get "secret.txt")) }}'],
  ["required", '{{ required (.Files.Get "secret.txt") nil }}'],
  ["tpl", '{{ tpl (printf "{{ %s }" (.Files.Get "secret.txt")) . }}'],
  ["include", '{{ include (.Files.Get "secret.txt") . }}'],
  ["atoi", '{{ .Files.Get "secret.txt" | atoi | add1 }}{{ mustToDate "2006" (.Files.Get "secret.txt") }}'],
  ["a regular expression", '{{ mustRegexMatch (printf "(%s" (.Files.Get "secret.txt")) "x" }}'],
  ["index", '{{ index .Values (.Files.Get "secret.txt") "x" "y" }}'],
  ["semver", '{{ semver (.Files.Get "secret.txt") }}'],
  ["broken YAML", 'a: "{{ .Files.Get "secret.txt" }}'],
  ["a doubled key", '{{ .Files.Get "secret.txt" }}: 1\n{{ .Files.Get "secret.txt" }}: 2'],
  ["an invalid Secret", 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: "{{ .Files.Get "secret.txt" }} !"}'],
  ["a name", 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Files.Get "secret.txt" }}"}'],
  ["a kind", 'apiVersion: v1\nkind: "{{ .Files.Get "secret.txt" }} !"\nmetadata: {name: x}'],
];

for (const [what, template] of leaks) {
  test(`S03 an error through ${what} holds no byte of a file`, async () => {
    const result = await failed(inputOf("helm", "chart", chartOf({ "a.yaml": template }, { "secret.txt": "CANARY" })));
    assert.doesNotMatch(JSON.stringify(result), /CANARY/i);
    assert.equal(result.path, "chart/templates/a.yaml");
  });
}

test("S03 an error of Kustomize holds no byte of a file", async () => {
  const files = (patch: string): ReturnType<typeof filesOf> =>
    filesOf({
      "kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n",
      "a.yaml": configMap("a", "x: '1'"),
      "p.yaml": patch,
    });
  for (const patch of [
    "CANARY",
    "- op: CANARY\n  path: /x",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: CANARY\n",
    '[{"op": "replace", "path": "/CANARY/x", "value": 1}]',
    "a: [CANARY\n",
  ]) {
    assert.doesNotMatch(JSON.stringify(await failed(inputOf("kustomize", "", files(patch)))), /CANARY/, patch);
  }
});

test("B47 a template error refuses the whole App with file and line; a value that is missing is told by its field", async () => {
  const nothing = await failed(
    inputOf("helm", "chart", chartOf({ "ok.yaml": configMap("a", "x: '1'"), "bad.yaml": "\n\nx: {{ .Values.a.b.c }}" })),
  );
  assert.deepEqual(nothing, {
    kind: "failed",
    code: "E_TEMPLATE",
    message: "nothing to take .b of",
    path: "chart/templates/bad.yaml",
    line: 3,
  });
  const unclosed = await failed(inputOf("helm", "chart", chartOf({ "bad.yaml": "x: {{ .Values.a" })));
  assert.deepEqual([unclosed.code, unclosed.line], ["E_TEMPLATE", 1]);
  const said = await failed(inputOf("helm", "chart", chartOf({ "bad.yaml": '{{ required "image.tag has to be set" .Values.tag }}' })));
  assert.equal(said.message, "the chart refuses: image.tag has to be set");
});

test("values that do not fit the chart's schema are told by field and type, not by value", async () => {
  const schema = JSON.stringify({ type: "object", required: ["image"], properties: { replicas: { type: "integer" } } });
  const chart = chartOf({ "a.yaml": configMap("a", "x: '1'") }, { "values.schema.json": schema });
  const result = await failed(inputOf("helm", "chart", chart, { helm: { ...noHelm, values: { replicas: "CANARY" } } }));
  assert.equal(result.code, "E_VALUES");
  assert.match(result.message, /values\.replicas: got string, want integer/);
  assert.doesNotMatch(result.message, /CANARY/);
});

test("a chart that asks for another Kubernetes is refused with both versions", async () => {
  const files = filesOf({
    "Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\nkubeVersion: '>=1.30'\n",
    "templates/a.yaml": configMap("a", "x: '1'"),
  });
  const result = await failed(inputOf("helm", "", files, { helm: { ...noHelm, kubeVersion: "v1.29.3+k3s1" } }));
  assert.deepEqual([result.code, result.path], ["E_KUBE_VERSION", "Chart.yaml"]);
  assert.match(result.message, />=1\.30.*v1\.29\.3/);
});

const brokenCharts: readonly (readonly [string, Record<string, string>, string])[] = [
  ["without Chart.yaml", { "templates/a.yaml": "x: 1" }, "E_CHART"],
  ["without a version", { "Chart.yaml": "apiVersion: v2\nname: x\n" }, "E_CHART"],
  ["with a broken Chart.yaml", { "Chart.yaml": "apiVersion: [\n" }, "E_YAML"],
  ["with a broken values.yaml", { "Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "values.yaml": "a: [\n" }, "E_YAML"],
  [
    "with a broken archive",
    { "Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "charts/y-1.0.0.tgz": "not an archive" },
    "E_ARCHIVE",
  ],
  [
    "whose dependency is not there",
    {
      "Chart.yaml":
        "apiVersion: v2\nname: x\nversion: 1.0.0\ndependencies: [{name: y, version: 1.0.0, repository: 'https://example.com'}]\n",
    },
    "E_REMOTE_FORBIDDEN",
  ],
  ["that is a library", { "Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\ntype: library\n" }, "E_CHART"],
];

for (const [what, texts, code] of brokenCharts) {
  test(`B50 a chart ${what} is ${code}`, async () => {
    assert.equal((await failed(inputOf("helm", "", filesOf(texts)))).code, code);
  });
}

test(".helmignore takes templates out", async () => {
  const chart = chartOf(
    { "a.yaml": configMap("a", "x: '1'"), "b.yaml": configMap("b", "x: '1'"), "dir/c.yaml": configMap("c", "x: '1'") },
    { ".helmignore": "b.yaml\ntemplates/dir/\n" },
  );
  assert.deepEqual(names(await rendered(inputOf("helm", "chart", chart))), ["ConfigMap demo/a"]);
});

test("B14 a Git LFS pointer in place of a manifest is named", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  assert.equal((await failed(inputOf("yaml", "", filesOf({ "a.yaml": pointer })))).code, "E_LFS_POINTER");
  assert.equal(
    (await failed(inputOf("kustomize", "", filesOf({ "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": pointer })))).code,
    "E_LFS_POINTER",
  );
  assert.equal((await failed(inputOf("helm", "chart", chartOf({ "a.yaml": pointer })))).code, "E_LFS_POINTER");
});

test("B15 a folder without objects is not an empty set of objects", async () => {
  const empties: Record<string, string>[] = [
    {},
    { "README.md": "x" },
    { "a.yaml": "# only a comment\n" },
    { "a.yaml": "---\n" },
    { "a.yaml": "---\n---\n" },
  ];
  for (const texts of empties) assert.equal((await failed(inputOf("yaml", "", filesOf(texts)))).code, "E_EMPTY_RENDER");
  assert.equal((await failed(inputOf("helm", "chart", chartOf({ "a.yaml": "{{ if false }}x: 1{{ end }}" })))).code, "E_EMPTY_RENDER");
});

test("B24 files that are not UTF-8 are E_ENCODING", async () => {
  const utf16 = Buffer.from("\ufeffa: 1\n", "utf16le");
  for (const bytes of [utf16, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe])]) {
    assert.equal((await failed(inputOf("yaml", "", new Map([["a.yaml", bytes]])))).code, "E_ENCODING");
  }
  const bom = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(configMap("a", "x: '1'"))]);
  await rendered(inputOf("yaml", "", new Map([["a.yaml", bom]])));
});

test("broken YAML is told with file and line, in a manifest and behind Kustomize", async () => {
  const broken = `${configMap("a", "x: '1'")}---\nfoo: [1,\n`;
  const plain = await failed(inputOf("yaml", "d", filesOf({ "d/a.yaml": broken })));
  assert.deepEqual([plain.code, plain.path], ["E_YAML", "d/a.yaml"]);
  assert.ok((plain.line ?? 0) >= 7);
  const kustomized = await failed(
    inputOf("kustomize", "d", filesOf({ "d/kustomization.yaml": "resources: [a.yaml]\n", "d/a.yaml": broken })),
  );
  assert.deepEqual([kustomized.code, kustomized.path], ["E_YAML", "d/a.yaml"]);
});

test("B22 a number that Kustomize hands on is not rounded", async () => {
  const files = filesOf({
    "kustomization.yaml": "resources: [a.yaml]\n",
    "a.yaml": "apiVersion: x.io/v1\nkind: X\nmetadata: {name: x}\nspec: {n: 9007199254740993}\n",
  });
  assert.equal((await failed(inputOf("kustomize", "", files))).code, "E_NUMBER");
});

test("Apps among the objects are handed back apart, as they were written", async () => {
  const app = "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: child, labels: {}}\nspec: {source: {path: x}}\n";
  const result = await rendered(inputOf("yaml", "", filesOf({ "a.yaml": app })));
  assert.deepEqual(result.objects, []);
  assert.deepEqual(result.apps, [
    {
      value: { apiVersion: "muster.dev/v1alpha1", kind: "App", metadata: { name: "child", labels: {} }, spec: { source: { path: "x" } } },
      source: { path: "a.yaml", line: 1 },
    },
  ]);
});
