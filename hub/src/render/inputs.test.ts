import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inputsOf, readInputs, type Inputs, type InputsQuery, type Tree } from "./inputs.ts";

/** A Snapshot in memory; `reads` counts the blobs that were opened. */
class MemoryTree implements Tree {
  readonly #files: ReadonlyMap<string, string>;
  reads = 0;

  constructor(files: Readonly<Record<string, string>>) {
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

function oidOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

async function found(files: Readonly<Record<string, string>>, query: InputsQuery): Promise<Inputs> {
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

test("B51 S16 a remote resource in a base is refused before anything is built", async () => {
  const files = {
    "o/kustomization.yaml": "resources: [../base]\n",
    "base/kustomization.yaml": "resources: ['https://example.com/x.yaml']\n",
  };
  const result = await inputsOf(new MemoryTree(files), { path: "o" });
  assert.deepEqual(result.kind === "failed" && [result.code, result.path], ["E_REMOTE_FORBIDDEN", "base/kustomization.yaml"]);
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

test("a chart depends on the cluster only where its text, its values or Chart.yaml ask for it", async () => {
  const uses = async (more: Readonly<Record<string, string>>, query: Partial<InputsQuery> = {}): Promise<boolean> =>
    (await found({ ...chart, ...more }, { path: "c", ...query })).usesCapabilities;
  assert.equal(await uses({}), false);
  assert.equal(await uses({ "c/templates/b.yaml": '{{ if .Capabilities.APIVersions.Has "x" }}{{ end }}' }), true);
  assert.equal(await uses({ "c/charts/s/templates/_h.tpl": "{{ $.Capabilities.KubeVersion }}" }), true);
  assert.equal(await uses({ "c/values.yaml": "a: '{{ .Capabilities.KubeVersion }}'\n" }), true);
  assert.equal(await uses({ "c/charts/s-1.tgz": "packed" }), true);
  assert.equal(await uses({ "c/Chart.yaml": "name: x\nkubeVersion: '>=1.30'\n" }), true);
  assert.equal(await uses({}, { values: { a: "{{ .Capabilities.KubeVersion }}" } }), true);
});
