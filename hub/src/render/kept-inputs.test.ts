import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inputsOf, type InputsQuery } from "./inputs.ts";
import { KeptInputs } from "./kept-inputs.ts";
import { below } from "./paths.ts";
import { chartOf, filesOf, type Files } from "./testdata.ts";
import { treeOf, type Tree, type TreeEntry } from "./tree.ts";

type Watched = Tree & { reads: number };

/** A tree whose ids name contents, as those of Git do: a folder's id is over everything below it. */
function gitTree(files: Files): Watched {
  const paths = treeOf(files);
  const idOf = (path: string): string => {
    const lines = [...files].filter(([file]) => file === path || below(path, file) !== undefined).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const hash = createHash("sha1");
    for (const [file, bytes] of lines) hash.update(`${file === path ? "" : (below(path, file) ?? "")}\0`).update(bytes);
    return hash.digest("hex");
  };
  const byId = new Map([...files].map(([path, bytes]) => [idOf(path), bytes]));
  const named = <T extends TreeEntry>(entry: T): T => ({ ...entry, oid: idOf(entry.oid) });
  const tree: Watched = {
    reads: 0,
    entry: async (path) => {
      const found = await paths.entry(path);
      return found && named({ ...found, oid: path });
    },
    list: async (path) => (await paths.list(path)).map(named),
    read: (oid) => {
      tree.reads += 1;
      return Promise.resolve(byId.get(oid) ?? new Uint8Array());
    },
  };
  return tree;
}

const chart = new Map([
  ...chartOf({ "a.yaml": "x: {{ .Values.x }}\n" }, { "values.yaml": "x: 1\n" }),
  ...filesOf({ "common/values.yaml": "x: 2\n", "other.yaml": "a: b\n" }),
]);
const query: InputsQuery = { path: "chart", valuesFiles: ["../common/values.yaml"], values: {} };

test("equal files are found again without a read, in another commit too", async () => {
  const kept = new KeptInputs();
  const first = await kept.of(gitTree(chart), query);
  const next = gitTree(new Map([...chart, ...filesOf({ "other.yaml": "changed: yes\n" })]));
  assert.equal(await kept.of(next, query), first);
  assert.equal(next.reads, 0);
});

test("a change in the folder, or in a values file outside of it, is seen", async () => {
  const kept = new KeptInputs();
  await kept.of(gitTree(chart), query);
  const changes = {
    "chart/templates/a.yaml": "{{ .Capabilities.KubeVersion }}",
    "common/values.yaml": "x: 3\n",
    "chart/templates/new.yaml": "",
  };
  for (const [path, text] of Object.entries(changes)) {
    const tree = gitTree(new Map([...chart, ...filesOf({ [path]: text })]));
    assert.deepEqual(await kept.of(tree, query), await inputsOf(tree, query), path);
    assert.ok(tree.reads > 0, path);
  }
});

test("values that ask for .Capabilities count, though the files are known", async () => {
  const kept = new KeptInputs();
  const tree = gitTree(chart);
  await kept.of(tree, query);
  for (const values of [{ t: "{{ .Capabilities.KubeVersion }}" }, { t: '{{ .Capabilities.APIVersions.Has "apps/v1" }}' }, { t: "none" }])
    assert.deepEqual(await kept.of(tree, { ...query, values }), await inputsOf(tree, { ...query, values }));
});

test("a tree whose ids name no contents is read each time, and a fault is found each time", async () => {
  const kept = new KeptInputs();
  const before = await kept.of(treeOf(chart), query);
  const after = await kept.of(
    treeOf(new Map([...chart, ...filesOf({ "chart/templates/a.yaml": "{{ .Capabilities.KubeVersion }}" })])),
    query,
  );
  assert.ok(before.kind !== "failed" && after.kind !== "failed");
  assert.deepEqual([before.usesCapabilities, after.usesCapabilities], [false, true]);
  const missing = { ...query, valuesFiles: ["nothing.yaml"] };
  for (let time = 0; time < 2; time += 1) assert.deepEqual(await kept.of(gitTree(chart), missing), await inputsOf(gitTree(chart), missing));
});

test("I8 what was used longest ago goes first", async () => {
  const kept = new KeptInputs(20);
  const tree = gitTree(chart);
  const readsOf = async (path: string): Promise<number> => {
    const before = tree.reads;
    await kept.of(tree, { path, values: {} });
    return tree.reads - before;
  };
  assert.ok((await readsOf("chart")) > 0);
  assert.equal(await readsOf("chart"), 0);
  for (let n = 0; n < 10; n += 1)
    await kept.of(tree, { path: "common", values: {}, objects: { include: [`${n}`], exclude: [], recurse: true } });
  assert.ok((await readsOf("chart")) > 0);
});

test("whatever changes, inputs that are kept are those that would be found", async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  let state = seed;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const texts = ["resources: [../b, x.yaml]\n", "resources: [x.yaml]\npatches: [{path: ../b/x.yaml}]\n", "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies: [{name: b, version: 1.0.0, repository: 'file://../b'}]\n", "kind: {{ .Capabilities.KubeVersion }}\n", "a: b\n"]; // prettier-ignore
  const names = ["a/kustomization.yaml", "a/Chart.yaml", "a/x.yaml", "a/templates/x.yaml", "b/kustomization.yaml", "b/Chart.yaml", "b/x.yaml", "c.yaml"]; // prettier-ignore
  const queries: readonly InputsQuery[] = [
    { path: "a" },
    { path: "b", values: { x: "{{ .Capabilities.KubeVersion }}" } },
    { path: "a", valuesFiles: ["../c.yaml"] },
    { path: "." },
  ];
  const kept = new KeptInputs(100);
  const files = new Map<string, Uint8Array>(filesOf({ "a/x.yaml": "a: b\n" }));
  let unread = 0;
  for (let step = 0; step < 400; step += 1) {
    const name = names[random(names.length)] ?? "";
    if (random(3) === 0) files.delete(name);
    else files.set(name, Buffer.from(texts[random(texts.length)] ?? ""));
    const tree = gitTree(new Map(files));
    for (const each of queries) {
      const found = await kept.of(tree, each);
      unread += tree.reads === 0 && found.kind !== "failed" ? 1 : 0;
      assert.deepEqual(found, await inputsOf(gitTree(files), each), `seed ${seed}, step ${step}, ${JSON.stringify(each)}`);
    }
  }
  assert.ok(unread > 0, `seed ${seed}: nothing was kept`);
});
