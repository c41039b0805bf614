import assert from "node:assert/strict";
import { test } from "node:test";

import { appKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import { judgeExisting } from "./adoption.ts";
import { settleConflicts, wayTo, without } from "./conflict.ts";
import { ownerOf, withMarks } from "./marks.ts";
import { traitsOf } from "./traits.ts";

const app = appKey("default", "", "web");
const identity = { group: "", kind: "ConfigMap", namespace: "shop", name: "a" };
const declared: JsonObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "shop" }, data: { x: "1" } };
const byMuster = [{ manager: "muster", operation: "Apply" }];

const judge = (live: JsonObject, adopt: "never" | "identical" | "yes" | "force" = "never", isHeld = false): string => {
  const verdict = judgeExisting({ identity, live, declared, fleet: "f", app, adopt, isHeldBy: () => isHeld });
  return verdict.kind === "take" ? `take ${verdict.origin}` : verdict.reason;
};
const live = (metadata: JsonObject, data: JsonObject = { x: "1" }): JsonObject => ({
  ...declared,
  metadata: { name: "a", namespace: "shop", ...metadata },
  data,
});

test("an unmarked object is taken only as the policy says", () => {
  assert.equal(judge(live({})), "Exists");
  assert.equal(judge(live({}), "identical"), "take adopted");
  assert.equal(judge(live({}, { x: "2" }), "identical"), "Exists");
  assert.equal(judge(live({}, { x: "2" }), "yes"), "take adopted");
});

test("I9 the refusal names the fields that differ and never a value", () => {
  const secret = live({}, { x: "hunter2" });
  const verdict = judgeExisting({ identity, live: secret, declared, fleet: "f", app, adopt: "never", isHeldBy: () => false });
  assert.deepEqual(verdict, {
    kind: "refuse",
    reason: "Exists",
    message: "ConfigMap shop/a is there already and not ours; it differs in /data/x",
  });
});

test("our own mark is believed with our manager's entry, and not when it was copied", () => {
  const marks = withMarks(declared, "f", app)["metadata"] as JsonObject;
  assert.equal(judge(live({ ...marks, managedFields: byMuster })), "take created");
  assert.equal(judge(live(marks)), "Exists");
});

test("an object of another App of this fleet is taken when that App has it no more; of another fleet never", () => {
  const marks = withMarks(declared, "f", appKey("default", "", "old"))["metadata"] as JsonObject;
  assert.equal(judge(live({ ...marks, managedFields: byMuster })), "take created");
  assert.equal(judge(live({ ...marks, managedFields: byMuster }), "never", true), "OwnedByOther");
  const foreign = withMarks(declared, "g", app)["metadata"] as JsonObject;
  assert.equal(judge(live({ ...foreign, managedFields: byMuster }), "force"), "OwnedByOther");
});

test("marks of other tools and controllers mean that it is theirs, unless forced", () => {
  const owned: readonly JsonObject[] = [
    { annotations: { "argocd.argoproj.io/tracking-id": "x" } },
    { labels: { "kustomize.toolkit.fluxcd.io/name": "x" } },
    { labels: { "helm.toolkit.fluxcd.io/name": "x" } },
    { annotations: { "meta.helm.sh/release-name": "x" } },
    { annotations: { "config.k8s.io/owning-inventory": "x" } },
    { labels: { "applyset.kubernetes.io/part-of": "x" } },
    { labels: { "objectset.rio.cattle.io/id": "x" } },
    { ownerReferences: [{ kind: "ReplicaSet", name: "x", controller: true }] },
  ];
  for (const metadata of owned) {
    assert.equal(judge(live(metadata), "yes"), "OwnedByOther", JSON.stringify(metadata));
    assert.equal(judge(live(metadata), "force"), "take adopted");
  }
  assert.equal(ownerOf(live({ ownerReferences: [{ kind: "App", name: "x" }] })).kind, "none");
});

test("a field is found by the API server's name for it, dots and all", () => {
  const object: JsonObject = {
    metadata: { labels: { "app.kubernetes.io/name": "web", app: "x" } },
    spec: { containers: [{ name: "a.b" }, { name: "web", ports: [{ containerPort: 80, name: "http" }], args: ["x"] }] },
  };
  const cases: readonly (readonly [string, readonly (string | number)[] | null])[] = [
    [".metadata.labels.app.kubernetes.io/name", ["metadata", "labels", "app.kubernetes.io/name"]],
    [".metadata.labels.app", ["metadata", "labels", "app"]],
    ['.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].name', ["spec", "containers", 1, "ports", 0, "name"]],
    ['.spec.containers[name="a.b"]', ["spec", "containers", 0]],
    ['.spec.containers[name="web"].args[="x"]', ["spec", "containers", 1, "args", 0]],
    [".spec.replicas", null],
    ['.spec.containers[name="none"].image', null],
  ];
  for (const [name, way] of cases) assert.deepEqual(wayTo(object, name), way, name);
  assert.deepEqual(without({ a: [{ b: 1 }, { b: 2, c: 3 }] }, ["a", 1, "b"]), { a: [{ b: 1 }, { c: 3 }] });
  assert.deepEqual(without({ a: [1, 2] }, ["a", 0]), { a: [2] });
});

test("conflicts: people's fields and our own are taken, the rest is left", () => {
  const conflicts = [
    { field: ".data.x", manager: "operator" },
    { field: ".data.y", manager: "kubectl-edit" },
    { field: ".data.z", manager: "operator" },
  ];
  const object: JsonObject = { data: { x: "1", y: "1", z: "1" } };
  const settled = settleConflicts(conflicts, object, (way) => way[1] === "z");
  assert.deepEqual(
    settled.force.map(({ field }) => field),
    [".data.y", ".data.z"],
  );
  assert.deepEqual(settled.leave, [{ field: ".data.x", manager: "operator", way: ["data", "x"] }]);
  assert.deepEqual(
    settleConflicts(
      conflicts,
      object,
      () => false,
      (manager) => manager === "operator",
    ).leave,
    [],
  );
});

test("traits: hooks, definitions, autoscalers, keep and write marks", () => {
  const annotated = (annotations: JsonObject): JsonObject => ({ metadata: { annotations } });
  assert.equal(traitsOf(annotated({ "helm.sh/hook": "pre-install,pre-upgrade" }), identity).hook, "helm pre-install,pre-upgrade");
  assert.equal(
    traitsOf(annotated({ "helm.sh/hook": "pre-install", "argocd.argoproj.io/hook": "PreSync" }), identity).hook,
    "argocd PreSync",
  );
  assert.equal(traitsOf(annotated({ "helm.sh/hook": "crd-install" }), identity).hook, null);
  assert.equal(traitsOf(annotated({ "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent" }), identity).writing, "ifAbsent");
  assert.equal(traitsOf(annotated({ "kustomize.toolkit.fluxcd.io/ssa": "Ignore" }), identity).writing, "never");
  const definition = { group: "apiextensions.k8s.io", kind: "CustomResourceDefinition", namespace: "", name: "x" };
  assert.deepEqual(traitsOf({ spec: { group: "g", names: { kind: "K" } } }, definition).defines, { group: "g", kind: "K" });
  const scaler = { group: "autoscaling", kind: "HorizontalPodAutoscaler", namespace: "shop", name: "x" };
  const scaled = traitsOf({ spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "StatefulSet", name: "db" } } }, scaler).scales;
  assert.deepEqual(scaled, { group: "apps", kind: "StatefulSet", namespace: "shop", name: "db" });
});
