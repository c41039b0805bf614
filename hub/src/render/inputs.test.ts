import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { lockDigest } from "./chart-dependencies.ts";
import { inputsOf, readInputs, type Inputs, type InputsQuery } from "./inputs.ts";
import { filesOf } from "./testdata.ts";
import type { Tree } from "./tree.ts";

/** A Snapshot in memory; `reads` counts the blobs that were opened. */
class MemoryTree implements Tree {
  readonly #files: ReadonlyMap<string, string | Buffer>;
  reads = 0;

  constructor(files: Readonly<Record<string, string | Buffer>>) {
    this.#files = new Map(Object.entries(files));
  }

  readonly entry: Tree["entry"] = (path) => {
    const text = this.#files.get(path);
    if (text !== undefined) return Promise.resolve({ kind: "blob", oid: oidOf(text) });
    const inside = [...this.#files.keys()].some((each) => path === "" || each.startsWith(`${path}/`));
    return Promise.resolve(inside ? { kind: "tree", oid: `tree:${path}` } : undefined);
  };

  readonly list: Tree["list"] = async (path) => {
    const below = [...this.#files.keys()]
      .filter((each) => path === "" || each.startsWith(`${path}/`))
      .map((each) => (path === "" ? each : each.slice(path.length + 1)));
    const names = [...new Set(below.map((each) => each.split("/")[0] ?? ""))];
    return Promise.all(
      names.map(async (name) => ({
        name,
        ...((await this.entry(path === "" ? name : `${path}/${name}`)) ?? { kind: "blob" as const, oid: "" }),
      })),
    );
  };

  readonly read: Tree["read"] = (oid) => {
    this.reads += 1;
    const text = [...this.#files.values()].find((each) => oidOf(each) === oid) ?? "";
    return Promise.resolve(Buffer.from(text));
  };
}

function oidOf(text: string | Buffer): string {
  return createHash("sha1").update(text).digest("hex");
}

async function found(files: Readonly<Record<string, string | Buffer>>, query: InputsQuery): Promise<Inputs> {
  const result = await inputsOf(new MemoryTree(files), query);
  assert.ok(result.kind !== "failed", JSON.stringify(result));
  return result;
}

async function codeOf(files: Readonly<Record<string, string>>, query: InputsQuery): Promise<string> {
  const result = await inputsOf(new MemoryTree(files), query);
  return result.kind === "failed" ? result.code : result.kind;
}

const pathsOf = ({ files }: Inputs): readonly string[] => [...files.keys()];
const chart = { "c/Chart.yaml": "name: x\n", "c/templates/a.yaml": "x", "c/values.yaml": "a: 1\n" };

test("the kind is told by what lies in the folder", async () => {
  const files = { ...chart, "k/kustomization.yml": "", "k2/Kustomization": "", "p/a.yaml": "a: 1\n", "a.yaml": "x: 1\n" };
  for (const [path, kind] of [
    ["c", "helm"],
    ["k", "kustomize"],
    ["./k2/", "kustomize"],
    ["p", "yaml"],
    [".", "yaml"],
    ["p/a.yaml", "yaml"],
  ] as const) {
    assert.equal((await found(files, { path })).kind, kind);
  }
});

test("a plain folder reads its manifests and nothing else, so that a README is no change", async () => {
  const files = { "p/a.yaml": "1", "p/sub/b.yml": "2", "p/README.md": "3", "p/.hidden/c.yaml": "4", "q/d.yaml": "5" };
  const inputs = await found(files, { path: "p" });
  assert.deepEqual(pathsOf(inputs), ["p/a.yaml", "p/sub/b.yml"]);
  assert.equal(inputs.digest, (await found({ ...files, "p/README.md": "changed" }, { path: "p" })).digest);
  assert.notEqual(inputs.digest, (await found({ ...files, "p/a.yaml": "changed" }, { path: "p" })).digest);
  assert.notEqual(inputs.digest, (await found({ "r/a.yaml": "1", "r/sub/b.yml": "2" }, { path: "r" })).digest);
  const flat = await found(files, { path: "p", objects: { include: ["*"], exclude: [], recurse: false } });
  assert.deepEqual(pathsOf(flat), ["p/a.yaml"]);
  assert.deepEqual(pathsOf(await found(files, { path: "p/a.yaml" })), ["p/a.yaml"]);
});

test("a chart reads its folder and values files beside it", async () => {
  const files = { ...chart, "beside/v.yaml": "b: 1\n", "other/x.yaml": "c: 1\n" };
  const inputs = await found(files, { path: "c", valuesFiles: ["../beside/v.yaml", "values.yaml"] });
  assert.deepEqual(inputs.valuesFiles, ["beside/v.yaml", "c/values.yaml"]);
  assert.deepEqual(pathsOf(inputs), ["beside/v.yaml", "c/Chart.yaml", "c/templates/a.yaml", "c/values.yaml"]);
});

test("S01 a values file that leads out of the repository is E_PATH_ESCAPE, and nothing is read", async () => {
  const tree = new MemoryTree({ "c/Chart.yaml": "name: x\n" });
  for (const file of ["../../../../etc/passwd", "/etc/passwd", "../../x"]) {
    const result = await inputsOf(tree, { path: "c", valuesFiles: [file] });
    assert.equal(result.kind === "failed" && result.code, "E_PATH_ESCAPE");
  }
  assert.equal(tree.reads, 0);
  assert.equal(await codeOf(chart, { path: "c", valuesFiles: ["missing.yaml"] }), "E_PATH_MISSING");
  assert.equal(await codeOf(chart, { path: "../x" }), "E_PATH_ESCAPE");
  assert.equal(await codeOf(chart, { path: "/c" }), "E_PATH_ESCAPE");
  assert.equal(await codeOf(chart, { path: "nowhere" }), "E_PATH_MISSING");
});

test("a kustomization reads what its texts name: files, keyed files, bases and components, transitively", async () => {
  const files = {
    "o/kustomization.yaml":
      "resources: [../base, extra.yaml]\nconfigMapGenerator: [{name: c, files: [app.conf=conf/app.conf], envs: [e.env]}]\npatches: [{path: p.yaml}]\nreplacements: [{path: r.yaml}]\nnamePrefix: unrelated\n",
    "o/extra.yaml": "1",
    "o/conf/app.conf": "2",
    "o/e.env": "3",
    "o/p.yaml": "4",
    "o/r.yaml": "5",
    "o/not-named.yaml": "6",
    "base/kustomization.yaml": "resources: [a.yaml]\ncomponents: [../comp]\n",
    "base/a.yaml": "7",
    "base/not-named.yaml": "8",
    "comp/kustomization.yaml": "kind: Component\npatches: [{path: ../stock/q.yaml}]\n",
    "stock/q.yaml": "9",
    "elsewhere/x.yaml": "10",
  };
  const inputs = await found(files, { path: "o" });
  assert.deepEqual(pathsOf(inputs), [
    "base/a.yaml",
    "base/kustomization.yaml",
    "comp/kustomization.yaml",
    "o/conf/app.conf",
    "o/e.env",
    "o/extra.yaml",
    "o/kustomization.yaml",
    "o/p.yaml",
    "o/r.yaml",
    "stock/q.yaml",
  ]);
  const over = await found(files, { path: "o", kustomize: { patches: [{ path: "not-named.yaml" }], components: ["../comp"] } });
  assert.ok(over.files.has("o/not-named.yaml"));
});

test("S05 kustomizations that include each other are walked once; one that leads out is E_PATH_ESCAPE", async () => {
  const loop = { "a/kustomization.yaml": "resources: [../b, .]\n", "b/kustomization.yaml": "resources: [../a]\n" };
  assert.deepEqual(pathsOf(await found(loop, { path: "a" })), ["a/kustomization.yaml", "b/kustomization.yaml"]);
  for (const resources of ["../../../other-tenant/secret.yaml", "/etc/passwd", "../../x"]) {
    assert.equal(await codeOf({ "a/kustomization.yaml": `resources: ['${resources}']\n` }, { path: "a" }), "E_PATH_ESCAPE");
  }
  assert.equal(await codeOf({ "a/kustomization.yaml": "components: [../../c]\n" }, { path: "a" }), "E_PATH_ESCAPE");
  assert.equal(await codeOf({ "a/kustomization.yaml": "namePrefix: ../../..\n" }, { path: "a" }), "kustomize");
});

test("B51 S16 a remote resource in a base is a need with its place, and what was fetched may need more", async () => {
  const files = {
    "o/kustomization.yaml": "resources: [../base]\n",
    "base/kustomization.yaml": "namePrefix: a-\nresources:\n  - 'https://example.com/x?ref=v1'\n",
  };
  const tree = new MemoryTree(files);
  const first = await found(files, { path: "o" });
  const [need] = first.remotes;
  assert.ok(need?.kind === "base");
  assert.deepEqual([need.url, need.at], ["https://example.com/x?ref=v1", { path: "base/kustomization.yaml", line: 3 }]);
  const content = {
    digest: "d1",
    root: "deploy",
    files: filesOf({
      "deploy/kustomization.yaml": "resources: [../more, 'git@example.com:org/repo']\n",
      "more/kustomization.yaml": "resources: []\n",
    }),
  };
  const second = await inputsOf(tree, { path: "o" }, new Map([[need.key, content]]));
  assert.ok(second.kind !== "failed");
  assert.deepEqual(
    second.remotes.map(({ key, at }) => [key, at]),
    [
      ["base git@example.com:org/repo", need.at],
      [need.key, need.at],
    ],
  );
  assert.deepEqual(pathsOf(second), pathsOf(first));
  assert.notEqual(second.digest, first.digest);
  const other = await inputsOf(tree, { path: "o" }, new Map([[need.key, { ...content, digest: "d2" }]]));
  assert.ok(other.kind !== "failed" && other.digest !== second.digest);
});

test("S05 a remote base cannot look out of itself, neither up nor into the module's own folders", async () => {
  const files = { "o/kustomization.yaml": "resources: ['https://example.com/x.git']\n", "o/secret.txt": "CANARY" };
  const key = "base https://example.com/x.git";
  for (const text of [
    "resources: [../../snapshot/o]\n",
    "configMapGenerator: [{name: x, files: [../../snapshot/o/secret.txt]}]\n",
    "configMapGenerator: [{name: x, files: [k=/snapshot/o/secret.txt]}]\n",
    "components: [a/../../b]\n",
  ]) {
    const remotes = new Map([[key, { digest: "d", files: filesOf({ "kustomization.yaml": text }) }]]);
    const result = await inputsOf(new MemoryTree(files), { path: "o" }, remotes);
    assert.equal(result.kind === "failed" && result.code, "E_PATH_ESCAPE", text);
  }
});

test("a chart's dependencies that are not vendored are needs: the lock's version where it fits, else the range", async () => {
  const dependencies = [
    { name: "redis", version: "^1.2", repository: "https://charts.example/" },
    { name: "lib", version: "0.1.0", repository: "oci://r.example/charts", alias: "l" },
    { name: "there", version: "1", repository: "https://charts.example" },
  ];
  const locked = dependencies.map(({ name, repository }) => ({ name, version: "1.2.9", repository }));
  const files = {
    "c/Chart.yaml": `apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: ${JSON.stringify(dependencies)}\n`,
    "c/charts/there-1.0.0.tgz": "packed",
  };
  const needsOf = ({ remotes }: Inputs): unknown =>
    remotes.map((need) => need.kind === "chart" && [need.repo, need.name, need.version, need.at.line]);
  const open = [
    ["https://charts.example", "redis", "^1.2", 4],
    ["oci://r.example/charts", "lib", "0.1.0", 4],
  ];
  assert.deepEqual(needsOf(await found(files, { path: "c" })), open);
  const lock = (digest: string): string => `dependencies: ${JSON.stringify(locked)}\ndigest: ${digest}\n`;
  const fits = await found({ ...files, "c/Chart.lock": lock(lockDigest(dependencies, locked)) }, { path: "c" });
  assert.deepEqual(needsOf(fits), [
    ["https://charts.example", "redis", "1.2.9", 4],
    ["oci://r.example/charts", "lib", "1.2.9", 4],
  ]);
  const stale = await found({ ...files, "c/Chart.lock": lock(`sha256:${"0".repeat(64)}`) }, { path: "c" });
  assert.deepEqual(needsOf(stale), open);
});

test("folders that a chart's dependencies name are read, also theirs; one that leads out, back or nowhere is an error", async () => {
  const chartWith = (name: string, path: string): string =>
    `apiVersion: v2\nname: ${name}\nversion: 1.0.0\ndependencies: [{name: x, version: 1.0.0, repository: 'file://${path}'}]\n`;
  const files = { "a/Chart.yaml": chartWith("a", "../b"), "b/Chart.yaml": chartWith("b", "../c"), "c/Chart.yaml": "name: c\n", "c/t": "x" };
  assert.deepEqual(pathsOf(await found(files, { path: "a" })), ["a/Chart.yaml", "b/Chart.yaml", "c/Chart.yaml", "c/t"]);
  assert.equal(await codeOf({ ...files, "c/Chart.yaml": chartWith("c", "../a") }, { path: "a" }), "E_CYCLE");
  assert.equal(await codeOf({ ...files, "b/Chart.yaml": chartWith("b", "../../x") }, { path: "a" }), "E_PATH_ESCAPE");
  assert.equal(await codeOf({ ...files, "b/Chart.yaml": chartWith("b", "../x") }, { path: "a" }), "E_PATH_MISSING");
  const unnamed = { "a/Chart.yaml": "name: a\ndependencies: [{name: x, version: 1.0.0, repository: '@mine'}]\n" };
  assert.equal(await codeOf(unnamed, { path: "a" }), "E_CHART");
});

test("charts of a kustomization are needs, or folders that are read", async () => {
  const files = {
    "k/kustomization.yaml":
      "helmGlobals: {chartHome: ../home}\nhelmCharts:\n- {name: web, repo: 'https://charts.example', version: 1.2.3, valuesFile: v.yaml}\n- name: local\ngenerators: [gen.yaml]\n",
    "k/v.yaml": "a: 1\n",
    "k/gen.yaml":
      "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: db\nrepo: oci://r.example\nvaluesFile: w.yaml\n",
    "k/w.yaml": "b: 1\n",
    "home/local/Chart.yaml": "name: local\n",
    "home/local/templates/a.yaml": "x",
  };
  const inputs = await found(files, { path: "k" });
  assert.deepEqual(pathsOf(inputs).toSorted(), Object.keys(files).toSorted());
  assert.deepEqual(
    inputs.remotes.map((need) => need.kind === "chart" && [need.repo, need.name, need.version, need.at]),
    [
      ["https://charts.example", "web", "1.2.3", { path: "k/kustomization.yaml", line: 3 }],
      ["oci://r.example", "db", null, { path: "k/gen.yaml", line: 4 }],
    ],
  );
  assert.equal(await codeOf({ "k/kustomization.yaml": "helmCharts: [{name: x}]\n" }, { path: "k" }), "E_PATH_MISSING");
  assert.equal(
    await codeOf({ "k/kustomization.yaml": "helmCharts: [{name: ../../x, repo: 'https://e.x'}]\n" }, { path: "k" }),
    "E_PATH_ESCAPE",
  );
});

test("the number of files and of bytes is bounded", async () => {
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`p/${i}.yaml`, `n: ${i}\n`]));
  assert.equal(await codeOf(many, { path: "p", filesMax: 10 }), "E_LIMIT");
  const tree = new MemoryTree(many);
  const inputs = await found(many, { path: "p" });
  const read = await readInputs(tree, inputs);
  assert.ok(read instanceof Map);
  assert.equal(read.size, 12);
  const refused = await readInputs(tree, inputs, 20);
  assert.ok(!(refused instanceof Map) && "code" in refused && refused.code === "E_LIMIT");
});

test("a chart depends on what of the cluster its text, its values or Chart.yaml ask for", async () => {
  const asked = async (more: Readonly<Record<string, string | Buffer>>, query: Partial<InputsQuery> = {}): Promise<unknown> =>
    (await found({ ...chart, ...more }, { path: "c", ...query })).capabilities;
  const nothing = { version: false, groups: [] };
  const all = { version: true, groups: "all" };
  assert.deepEqual(await asked({}), nothing);
  const has = '{{ if .Capabilities.APIVersions.Has "x/v1" }}{{ end }}{{ if $.Capabilities.APIVersions.Has (`a/v1/B`) }}{{ end }}';
  assert.deepEqual(await asked({ "c/templates/b.yaml": has }), { version: false, groups: ["a/v1/B", "x/v1"] });
  assert.deepEqual(await asked({ "c/templates/b.yaml": "{{ .Capabilities.APIVersions.Has .Values.api }}" }), {
    version: false,
    groups: "all",
  });
  assert.deepEqual(await asked({ "c/templates/b.yaml": "{{ range .Capabilities.APIVersions }}{{ end }}" }), {
    version: false,
    groups: "all",
  });
  assert.deepEqual(await asked({ "c/templates/b.yaml": "{{ with .Capabilities }}{{ .KubeVersion }}{{ end }}" }), all);
  assert.deepEqual(await asked({ "c/templates/b.yaml": '{{ get . "Capabilities" }}' }), all);
  assert.deepEqual(await asked({ "c/templates/b.yaml": "{{ .Capabilities.HelmVersion }} # Capabilities are words" }), nothing);
  assert.deepEqual(await asked({ "c/charts/s/templates/_h.tpl": "{{ $.Capabilities.KubeVersion }}" }), { version: true, groups: [] });
  assert.deepEqual(await asked({ "c/values.yaml": "a: '{{ .Capabilities.KubeVersion }}'\n" }), { version: true, groups: [] });
  assert.deepEqual(await asked({ "c/Chart.yaml": "name: x\nkubeVersion: '>=1.30'\n" }), { version: true, groups: [] });
  assert.deepEqual(await asked({ "c/charts/s/Chart.yaml": "name: x\nkubeVersion: '>=1.30'\n" }), nothing);
  assert.deepEqual(await asked({}, { values: { a: '{{ .Capabilities.APIVersions.Has "v/v1" }}' } }), { version: false, groups: ["v/v1"] });
  assert.deepEqual(await asked({ "c/charts/s-1.tgz": gzipSync('a {{ .Capabilities.APIVersions.Has "p/v1" }}') }), {
    version: false,
    groups: ["p/v1"],
  });
  assert.deepEqual(await asked({ "c/charts/s-1.tgz": gzipSync("charts/deeper-1.tgz") }), all);
  assert.deepEqual(await asked({ "c/charts/s-1.tgz": "no archive" }), all);
});
