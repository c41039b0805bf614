// Real repositories with real Helm and Kustomize: who said what, where, and what moves a field.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import type { ExplainAnswer, SettingRow } from "../../view/questions.ts";
import { explain } from "./explain.ts";
import type { Ground } from "./ground.ts";
import { offlineGround } from "./offline-ground.ts";

const app = (name: string, spec: string): string => `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: ${name}}\nspec:\n${spec}`;
const files: Readonly<Record<string, string>> = {
  "fleet/shop.yaml": app(
    "shop",
    `  source: {path: shop}
  namespace: shop
  helm:
    valuesFiles: [big.yaml]
    values:
      region: "\${cluster.labels.region}"
      auth: {password: "canary-\${cluster.values.pin}"}
      plain: canary-52
  targets:
    - clusters: {matchAll: true}
    - clusters: {matchLabels: {env: prod}}
      helm:
        values:
          replicas: 3
`,
  ),
  "fleet/greeter.yaml": app(
    "greeter",
    `  source: {path: greeter}
  namespace: greeter
  kustomize: {path: prod, namePrefix: eu-}
  targets:
    - cluster: berlin
`,
  ),
  "fleet/berlin.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: berlin\n  labels:\n    env: prod\n    region: eu\nspec: {values: {pin: canary-50}}\n",
  "fleet/paris.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: paris, labels: {env: dev, region: fr}}\nspec: {values: {pin: x}}\n",
  "shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
  "shop/values.yaml": "# defaults\nreplicas: 1\nregion: none\nimage:\n  name: shop\n  tag: 1.4.2\nauth: {password: x}\n",
  "shop/big.yaml": "replicas: 2\n",
  "shop/templates/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers: [{name: web, image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"}]
---
apiVersion: v1
kind: Secret
metadata: {name: auth}
stringData: {password: {{ .Values.auth.password }}, other: {{ .Values.plain }}}
`,
  "greeter/base/kustomization.yaml": "resources: [web.yaml, key.yaml]\n",
  "greeter/base/key.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {k: Y2FuYXJ5}\n",
  "greeter/base/web.yaml":
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: greeter}\nspec:\n  replicas: 1\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: web, image: greeter:7}]}\n",
  "greeter/prod/kustomization.yaml": "resources: [../base]\nreplicas:\n  - name: greeter\n    count: 5\n",
};

let dir: string;
let ground: Ground & AsyncDisposable;
const spell = (): string => "<masked>";
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=Anna", "-c", "user.email=anna@example.com", ...args], { cwd: dir, encoding: "utf8" }).trim();

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "muster-explain-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  await writeFile(join(dir, "shop/big.yaml"), "replicas: 2 # more\n");
  git("commit", "-q", "-am", "more replicas\n\nbody");
  ground = await offlineGround({ repo: dir, revision: "HEAD", path: "", clusters: null, cluster: null }, AbortSignal.timeout(60_000));
});
after(async () => {
  await ground?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const ask = (query: { app: string; cluster: string; path?: string; object?: string; all?: boolean }): Promise<ExplainAnswer> =>
  explain(ground, query, spell, AbortSignal.timeout(60_000));
const told = ({ said }: SettingRow): string[] =>
  said.map(({ layer, value, place }) => `${layer} ${JSON.stringify(value)} ${place === null ? "-" : `${place.path}:${place.line}`}`);

test("a setting is told with every layer, low to high, each with the line of the very field", async () => {
  const { settings } = await ask({ app: "shop", cluster: "berlin", path: "helm.values.replicas" });
  assert.deepEqual(settings.map(told), [
    ["chart 1 shop/values.yaml:2", "values file big.yaml 2 shop/big.yaml:1", "targets[1] 3 fleet/shop.yaml:18"],
  ]);
  assert.equal(settings[0]?.value, 3);
  const paris = await ask({ app: "shop", cluster: "paris", path: "helm.values.replicas" });
  assert.equal(paris.settings[0]?.value, 2);
});

test("the commit that changed a file last is named with its author", async () => {
  const { settings } = await ask({ app: "shop", cluster: "berlin", path: "helm.values.replicas" });
  assert.deepEqual(
    settings[0]?.said.map(({ changed }) => [changed?.subject, changed?.author]),
    [
      ["first", "Anna"],
      ["more replicas", "Anna"],
      ["first", "Anna"],
    ],
  );
});

test("an expression is shown with what it took, and where that stands", async () => {
  const { settings } = await ask({ app: "shop", cluster: "paris", path: "helm.values.region" });
  assert.equal(settings[0]?.value, "fr");
  assert.deepEqual(settings[0]?.said.at(-1)?.taken, [
    { ref: "cluster.labels.region", value: "fr", place: { source: "root", path: "fleet/paris.yaml", line: 3, column: 44 } },
  ]);
});

test("without a path, all that people wrote for the App is told, and with --all the chart's values too", async () => {
  const some = await ask({ app: "shop", cluster: "berlin" });
  const names = some.settings.map(({ path }) => path);
  assert.deepEqual(names, [
    "helm.values.auth.password",
    "helm.values.plain",
    "helm.values.region",
    "helm.values.replicas",
    "helm.valuesFiles",
    "namespace",
    "source.path",
  ]);
  const all = (await ask({ app: "shop", cluster: "berlin", all: true })).settings.map(({ path }) => path);
  assert.ok(all.includes("helm.values.image.tag") && all.includes("sync.heal"), all.join());
});

test("S21 secret values are masked in settings and in fields", async () => {
  const named = await ask({ app: "shop", cluster: "berlin", path: "helm.values.auth" });
  const field = await ask({ app: "shop", cluster: "berlin", path: "Secret/auth data" });
  assert.doesNotMatch(JSON.stringify([named, field]), /canary|Y2FuYXJ5/);
  assert.deepEqual(named.settings[0]?.said.at(-1)?.taken[0]?.value, "<masked>", "what goes into a secret is one");
  assert.deepEqual(field.fields[0]?.value, { password: "<masked>", other: "<masked>" });
  const moved = field.fields[0]?.movedBy.map(({ path }) => path) ?? [];
  assert.ok(moved.includes("helm.values.auth.password") && moved.includes("helm.values.plain"), moved.join());
});

test("S21 a Secret in the files of a kustomization is not shown with the line that moves it", async () => {
  const secret = await ask({ app: "greeter", cluster: "berlin", path: "Secret/eu-key data.k" });
  assert.equal(secret.fields[0]?.value, "<masked>");
  assert.doesNotMatch(JSON.stringify(secret), /canary|Y2FuYXJ5/);
  assert.ok(
    secret.fields[0]?.movedBy.some(({ path }) => path.startsWith("greeter/base/key.yaml")),
    JSON.stringify(secret.fields),
  );
});

test("a field of an object names its template and the setting that moves it, found by rendering", async () => {
  const { fields } = await ask({ app: "shop", cluster: "berlin", path: "Deployment/web spec.replicas" });
  const [field] = fields;
  assert.deepEqual([field?.value, field?.place?.path], [3, "shop/templates/web.yaml"]);
  assert.deepEqual(
    field?.movedBy.map(({ path }) => path),
    ["helm.values.replicas"],
  );
  const image = await ask({ app: "shop", cluster: "berlin", path: "spec.template.spec.containers[name=web].image" });
  assert.deepEqual(image.fields[0]?.movedBy.map(({ path }) => path).toSorted(), ["helm.values.image.name", "helm.values.image.tag"]);
});

test("a field of a kustomization names the line of the file that moves it, and what the App lays over it", async () => {
  const { fields } = await ask({ app: "greeter", cluster: "berlin", object: "Deployment/eu-greeter", path: "spec.replicas" });
  assert.equal(fields[0]?.value, 5);
  assert.equal(fields[0]?.place?.path, "greeter/base/web.yaml");
  assert.ok(
    fields[0]?.transformers.some(
      ({ kind, place }) => kind === "ReplicaCountTransformer" && place.path === "greeter/prod/kustomization.yaml",
    ),
    JSON.stringify(fields[0]?.transformers),
  );
  assert.deepEqual(
    fields[0]?.movedBy.map((row) => `${row.path} ${row.said[0]?.place?.line}`),
    ["greeter/prod/kustomization.yaml replicas[0].count 4"],
  );
  const name = await ask({ app: "greeter", cluster: "berlin", object: "Deployment/eu-greeter", path: "metadata.name" });
  assert.ok(
    name.fields[0]?.movedBy.some(({ path }) => path === "kustomize.namePrefix"),
    JSON.stringify(name.fields),
  );
});

test("what is not there is an error with the names that are", async () => {
  const wrong: readonly [Parameters<typeof ask>[0], RegExp][] = [
    [{ app: "shp", cluster: "berlin" }, /there is no App shp.*greeter, shop/s],
    [{ app: "shop", cluster: "rome" }, /there is no cluster rome.*berlin, paris/s],
    [{ app: "greeter", cluster: "paris" }, /not on cluster paris.*berlin/s],
    [{ app: "shop", cluster: "berlin", path: "helm.values.nothing" }, /has no setting/],
    [{ app: "shop", cluster: "berlin", path: "Deployment/other spec" }, /no object Deployment\/other.*web/s],
    [{ app: "shop", cluster: "berlin", path: "spec..x" }, /cannot read the path/],
  ];
  for (const [query, pattern] of wrong) {
    await assert.rejects(ask(query), (error) => {
      assert.ok(error instanceof OperationError && error.fault !== null);
      assert.match(`${error.message} ${error.fault.remedy}`, pattern);
      return true;
    });
  }
});
