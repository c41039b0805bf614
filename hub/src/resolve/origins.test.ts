// Where what an App deploys lies, and what its chart is told of clusters.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "@muster/proto/model/digest";
import { Resolver, type RenderAnswer, type RenderRequest, type Resolution } from "./resolve.ts";
import { app, cluster, codes, enrolled, everywhere, list, many, modelOf, placed, resolveAll, type Files } from "./testdata/fleets.ts";

const source = (name: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: ${name}}\nspec: {git: 'https://git.example/${name}.git'}\n`;
const clusters = many(cluster("berlin", "env: prod"), cluster("oslo", "env: dev"));
const files = (apps: string): Files => ({ "clusters.yaml": clusters, "apps.yaml": apps, "source.yaml": source("charts") });
const asked = (resolution: Resolution) =>
  list(resolution).map(({ app: key, cluster: name, request }) => {
    const { source: from, revision, remote, path } = resolution.requests.get(request) as RenderRequest;
    return [`${key.split("/").at(-1)}@${name}`, from, revision, remote?.kind ?? null, path];
  });

test("an App is read from the Source and revision that it names, and a target may say another revision", () => {
  const web = app(
    "web",
    "source: {source: charts, path: web, revision: v1}, targets: [{clusters: {matchAll: true}}, {cluster: oslo, revision: v2}]",
  );
  assert.deepEqual(asked(resolveAll(modelOf(files(web)))), [
    ["web@berlin", "charts", "v1", null, "web"],
    ["web@oslo", "charts", "v2", null, "web"],
  ]);
});

test("a repository or chart from elsewhere is asked for through the Source of the document, or the one that the App names", () => {
  const apps = many(
    app("a", "source: {git: 'https://git.example/a.git', path: deploy}, targets: [{cluster: oslo}]"),
    app("b", "source: {helm: {repo: 'https://charts.example', chart: b, version: ^1}}, targets: [{cluster: oslo}]"),
    app("c", "source: {source: charts, helm: {chart: c}}, targets: [{cluster: oslo}]"),
  );
  const rows = asked(resolveAll(modelOf(files(apps)))).map(([what, from, revision, remote]) => [what, from, revision, remote]);
  assert.deepEqual(rows, [
    ["a@oslo", "root", null, "git"],
    ["b@oslo", "root", null, "chart"],
    ["c@oslo", "charts", null, "chart"],
  ]);
});

test("the children of a render start where their parent's content lies", () => {
  const apps = app("apps", "source: {source: charts, path: apps, revision: v3}");
  const child = many(
    app("web", `source: {path: web}, ${everywhere}`),
    app("db", "source: {path: db, revision: v4}, targets: [{cluster: oslo}]"),
  );
  assert.deepEqual(asked(resolveAll(modelOf(files(apps)), { apps: { apps: child } })), [
    ["db@oslo", "charts", "v4", null, "db"],
    ["web@berlin", "charts", "v3", null, "web"],
    ["web@oslo", "charts", "v3", null, "web"],
  ]);
});

test("a Source that does not exist is an error of that App alone, with the name that was meant, until there is one", () => {
  const apps = many(app("web", `source: {source: chart, path: web}, ${everywhere}`), app("db", `source: {path: db}, ${everywhere}`));
  const resolution = resolveAll(modelOf(files(apps)));
  assert.deepEqual([codes(resolution), placed(resolution)], [["E_SOURCE_UNKNOWN App default//web"], ["db@berlin", "db@oslo"]]);
  assert.deepEqual([...resolution.incomplete], ["default//web"]);
  assert.match(resolution.problems[0]?.message ?? "", /names the Source chart, which does not exist; did you mean charts\?$/);
  const there = resolveAll(modelOf(files(apps), { sources: ["chart"] }));
  assert.deepEqual([codes(there), placed(there).length], [[], 4]);
});

/** Answers as a chart that asks for the version and one group. */
function settle(resolver: Resolver, rows: ReturnType<typeof enrolled>[], renders: Map<Digest, RenderAnswer>): Resolution {
  const model = modelOf(files(app("web", `source: {path: web}, ${everywhere}`)), { enrolled: rows });
  for (;;) {
    const resolution = resolver.resolve(model, renders);
    if (resolution.needs.length === 0) return resolution;
    for (const { key, capabilities } of resolution.needs)
      renders.set(
        key,
        capabilities === null
          ? { kind: "asks", capabilities: { version: true, groups: ["x/v1"] } }
          : { kind: "rendered", release: key, apps: [], objectCount: 1 },
      );
  }
}

test("a chart that asks is rendered for each kind of cluster, by minor version and the groups that it asks for only", () => {
  const facts = (name: string, version: string, apiVersions: string[]) => ({
    ...enrolled(name),
    facts: { kubernetesVersion: version, apiVersions, agentVersion: "0" },
  });
  const told = (resolution: Resolution) => list(resolution).map(({ request }) => resolution.requests.get(request)?.capabilities);
  const [resolver, renders] = [new Resolver(), new Map<Digest, RenderAnswer>()];
  assert.deepEqual(told(settle(resolver, [], renders)), [
    { kubeVersion: null, apiVersions: null },
    { kubeVersion: null, apiVersions: null },
  ]);
  const first = [facts("berlin", "v1.36.1", ["apps/v1", "x/v1"]), facts("oslo", "v1.35.9+k3s1", ["apps/v1"])];
  assert.deepEqual(told(settle(resolver, first, renders)), [
    { kubeVersion: "v1.36.0", apiVersions: ["x/v1"] },
    { kubeVersion: "v1.35.0", apiVersions: [] },
  ]);
  const count = renders.size;
  const patched = [facts("berlin", "v1.36.2", ["apps/v1", "batch/v1", "x/v1"]), facts("oslo", "v1.35.10", [])];
  const same = settle(resolver, patched, renders);
  assert.deepEqual([renders.size, same.touched], [count, new Set()]);
});
