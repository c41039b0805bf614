import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "./evaluate.ts";
import { mergeLayers, refsIn, settingsOf, signature } from "./settings.ts";

const scope = (name: string, labels: Record<string, string> = {}): Scope => ({
  app: "web",
  cluster: { name, labels, annotations: {}, values: { ns: 7, path: "../../etc", list: [1] }, kubeVersion: null },
});
const berlin = scope("berlin", { region: "eu" });

test("maps merge deep, lists are replaced, null removes", () => {
  const merged = mergeLayers([
    { helm: { values: { a: 1, list: [1, 2], deep: { x: 1, y: 2 }, gone: "x" } }, namespace: "low" },
    { helm: { values: { list: [3], deep: { y: 3, z: 4 }, gone: null } } },
    { helm: { values: { deep: { x: null } } }, namespace: null },
  ]);
  assert.deepEqual(merged, { helm: { values: { a: 1, list: [3], deep: { x: null, y: 3, z: 4 }, gone: null } }, namespace: null });
});

test("B06 merging never reaches a prototype", () => {
  const evil = JSON.parse('{"helm": {"values": {"__proto__": {"polluted": true}, "a": 1}}}') as never;
  const merged = mergeLayers([evil, evil]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.match(JSON.stringify(merged), /"__proto__":\{"polluted":true\}/);
});

const layer = {
  path: "charts/web",
  namespace: "${cluster.labels.region}-web",
  helm: { values: { name: "${cluster.name}", n: "${cluster.values.ns}" } },
};

test("settings have every field, with expressions replaced and defaults filled in", () => {
  const result = settingsOf(layer, berlin, "web");
  assert.ok("settings" in result);
  const { settings } = result;
  assert.deepEqual([settings.path, settings.namespace, settings.revision], ["charts/web", "eu-web", null]);
  assert.deepEqual(settings.helm, { releaseName: "web", values: { name: "berlin", n: 7 }, valuesFiles: [], skipCrds: false });
  assert.equal(settings.sync.timeoutMs, 600_000);
  assert.deepEqual([settings.sync.prune, settings.sync.adopt, settings.sync.onLeave], [true, "never", "orphan"]);
});

test("kustomize.path is part of the path", () => {
  const result = settingsOf({ path: "./web/", kustomize: { path: "../web/overlays/prod" } }, berlin, "web");
  assert.equal("settings" in result && result.settings.path, "web/overlays/prod");
});

const faults: readonly (readonly [what: string, layer: Parameters<typeof settingsOf>[0], code: string, field: string, says: RegExp])[] = [
  [
    "a missing label",
    { path: "x", helm: { values: { a: [{ b: "${cluster.labels.tier}" }] } } },
    "E_VAR_UNDEFINED",
    "spec.helm.values.a.0.b",
    /tier is not there/,
  ],
  ["a missing label in the path", { path: "x/${cluster.labels.tier}" }, "E_VAR_UNDEFINED", "spec.source.path", /tier/],
  ["a number for a namespace", { path: "x", namespace: "${cluster.values.ns}" }, "E_FIELD", "spec.namespace", /must be text/],
  ["a name that is none", { path: "x", namespace: "${cluster.name | upper}" }, "E_NAME_INVALID", "spec.namespace", /DNS label/],
  ["B01 a path that leads out on one cluster", { path: "${cluster.values.path}" }, "E_PATH_ESCAPE", "spec.source.path", /leads out/],
  ["B01 an overlay that leads out", { path: "web", kustomize: { path: "../../x" } }, "E_PATH_ESCAPE", "spec.kustomize.path", /leads out/],
  ["a list for a path", { path: "${cluster.values.list}" }, "E_FIELD", "spec.source.path", /must be text, not a list/],
];
for (const [what, bad, code, field, says] of faults) {
  test(`${what} is a fault of that field`, () => {
    const result = settingsOf(bad, berlin, "web");
    assert.ok("faults" in result);
    assert.deepEqual([result.faults[0]?.code, result.faults[0]?.path.join(".")], [code, field]);
    assert.match(result.faults[0]?.says ?? "", says);
  });
}

test("two clusters have one signature exactly when all that is read of them is equal", () => {
  const refs = refsIn(layer);
  assert.equal(refs.length, 3);
  const sign = (at: Scope): string => signature(refs, at);
  assert.equal(sign(berlin), sign(scope("berlin", { region: "eu", other: "x" })));
  assert.notEqual(sign(berlin), sign(scope("berlin", {})));
  assert.notEqual(sign(berlin), sign(scope("paris", { region: "eu" })));
});
