// Writes and reads against a real API server.

import { deepEqual, doesNotMatch, equal, match, ok, rejects, throws } from "node:assert/strict";
import { after, before, test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import type { ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { connectKube, serviceAccountUser, type Applied, type ApplyResult, type Kube, type Refusal } from "./kube.ts";

let plane: ControlPlane;
let kube: Kube;
/** Knows only what RBAC objects of a test grant to it. */
let poor: Kube;

before(async () => {
  plane = await startControlPlane({ name: "kube", users: [{ name: "poor" }] });
  kube = await connectKube({ kubeconfig: plane.kubeconfig, limits: { discoveryPauseMs: 0, kindGoneAfterMs: 200 } });
  poor = await connectKube({ kubeconfig: await plane.kubeconfigFor("poor") });
});

after(async () => {
  await poor?.close();
  await kube?.close();
  await plane?.stop();
});

test("3 an object applied twice is created, then unchanged with the same version", async () => {
  const first = applied(await kube.apply(configMap("twice", { a: "1" })));
  const knownVersion = versionOf(first.object);
  const second = applied(await kube.apply(configMap("twice", { a: "1" }), { knownVersion }));
  deepEqual([first.outcome, second.outcome, versionOf(second.object)], ["created", "unchanged", knownVersion]);
  equal(applied(await kube.apply(configMap("twice", { a: "2" }), { knownVersion })).outcome, "configured");
});

test("an apply that writes nothing is unchanged even when somebody else moved the version meanwhile", async () => {
  const first = applied(await kube.apply(configMap("moved", { a: "1" })));
  await plane.kubectl(["annotate", "configmap", "moved", "note=foreign"]);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // the server's clock of entries has whole seconds
  const second = applied(await kube.apply(configMap("moved", { a: "1" }), { knownVersion: versionOf(first.object) }));
  deepEqual([second.outcome, versionOf(second.object) === versionOf(first.object)], ["unchanged", false]);
});

test("1 an unknown field is refused for good, and nothing is written", async () => {
  const refusal = refused(await kube.apply({ ...configMap("typo", {}), dataa: { a: "1" } }));
  deepEqual([refusal.reason, refusal.retry], ["ApplyFailed", "never"]);
  match(refusal.message, /dataa/);
  deepEqual(await kube.get(configMapId("typo")), { kind: "absent" });
});

test("B39 S22 a Secret with bad base64 is refused for good, its value is nowhere", async () => {
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "bad", namespace: "default" }, data: { password: "hunter2!" } };
  const refusal = refused(await kube.apply(secret));
  deepEqual([refusal.reason, refusal.retry], ["ApplyFailed", "never"]);
  doesNotMatch(JSON.stringify(refusal), /hunter2/);
});

test("B39 a ConfigMap beyond the server's limits is refused for good with a short message", async () => {
  for (const length of [1_100_000, 3_300_000]) {
    const refusal = refused(await kube.apply(configMap("huge", { a: "x".repeat(length) })));
    equal(refusal.retry, "never");
    ok(refusal.message.length < 1_100);
  }
});

test("5 a namespace on a cluster-scoped kind is stripped: one identity", async () => {
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "one", namespace: "default" },
    rules: [],
  };
  const id = { group: "rbac.authorization.k8s.io", kind: "ClusterRole", namespace: "default", name: "one" };
  equal(applied(await kube.apply(role)).outcome, "created");
  const found = await kube.get(id);
  equal(found.kind === "found" && metadata(found.object)["namespace"], undefined);
});

test("names with a colon keep their spelling", async () => {
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "a:B" }, rules: [] };
  equal(metadata(applied(await kube.apply(role)).object)["name"], "a:B");
});

test("F46 a field of another manager is a conflict, and force takes it", async () => {
  applied(await kube.apply(configMap("fought", { a: "1" }), { fieldManager: "other" }));
  const conflict = await kube.apply(configMap("fought", { a: "2" }));
  deepEqual(conflict.kind === "conflict" && conflict.conflicts, [{ field: ".data.a", manager: "other" }]);
  equal(applied(await kube.apply(configMap("fought", { a: "2" }), { force: true })).outcome, "configured");
});

test("F47 a stale resourceVersion and another uid are races", async () => {
  const first = applied(await kube.apply(configMap("guarded", { a: "1" })));
  applied(await kube.apply(configMap("guarded", { a: "2" })));
  const stale = {
    ...configMap("guarded", { a: "3" }),
    metadata: { name: "guarded", namespace: "default", resourceVersion: versionOf(first.object) },
  };
  equal(refused(await kube.apply(stale)).retry, "raced");
  const other = { ...configMap("guarded", { a: "3" }), metadata: { name: "guarded", namespace: "default", uid: zeroUid } };
  equal(refused(await kube.apply(other)).retry, "raced");
  const patched = await kube.patchJson(configMapId("guarded"), [
    { op: "replace", path: "/metadata/resourceVersion", value: versionOf(first.object) },
    { op: "replace", path: "/data/a", value: "4" },
  ]);
  equal(refused(patched).retry, "raced");
});

test("a dry run says what would be and writes nothing", async () => {
  equal(applied(await kube.apply(configMap("dry", { a: "1" }), { dryRun: true })).outcome, "created");
  deepEqual(await kube.get(configMapId("dry")), { kind: "absent" });
});

test("a JSON patch changes what it names", async () => {
  applied(await kube.apply(configMap("patched", { a: "1" })));
  const { object } = applied(await kube.patchJson(configMapId("patched"), [{ op: "replace", path: "/data/a", value: "2" }]));
  deepEqual(object["data"], { a: "2" });
});

test("create makes an object once; then it is a race", async () => {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "made" } };
  equal(applied(await kube.create(namespace)).outcome, "created");
  equal(refused(await kube.create(namespace)).retry, "raced");
});

test("a missing namespace is said to be missing", async () => {
  const lost = { ...configMap("lost", {}), metadata: { name: "lost", namespace: "nowhere" } };
  equal(refused(await kube.apply(lost)).namespaceMissing, true);
});

test("F55 a terminating namespace refuses, others go on", async () => {
  applied(await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "going" } }));
  const id = { group: "", kind: "Namespace", namespace: "", name: "going" };
  deepEqual(await kube.remove(id, { uid: await uidOf(id) }), { kind: "pending", finalizers: ["kubernetes"] });
  const refusal = refused(await kube.apply({ ...configMap("late", {}), metadata: { name: "late", namespace: "going" } }));
  deepEqual([refusal.reason, refusal.retry], ["NamespaceTerminating", "later"]);
  equal(applied(await kube.apply(configMap("elsewhere", {}))).outcome, "created");
});

test("27 a delete with another uid deletes nothing; the right one does, once", async () => {
  applied(await kube.apply(configMap("doomed", {})));
  const id = configMapId("doomed");
  deepEqual(await kube.remove(id, { uid: zeroUid }), { kind: "otherUid" });
  const uid = await uidOf(id);
  deepEqual(await kube.remove(id, { uid }), { kind: "deleted" });
  deepEqual(await kube.remove(id, { uid }), { kind: "absent" });
  deepEqual(await kube.get(id), { kind: "absent" });
});

test("F55 an object with a finalizer is pending each time, never gone", async () => {
  applied(
    await kube.apply({ ...configMap("held", {}), metadata: { name: "held", namespace: "default", finalizers: ["example.com/hold"] } }),
  );
  const id = configMapId("held");
  const uid = await uidOf(id);
  const pending = { kind: "pending", finalizers: ["example.com/hold"] };
  deepEqual([await kube.remove(id, { uid }), await kube.remove(id, { uid })], [pending, pending]);
});

test("F56 without the right, a write and a delete are Forbidden, and a read is an error, not an absence", async () => {
  applied(await kube.apply(configMap("private", { a: "1" })));
  equal(refused(await poor.apply(configMap("private", { a: "2" }))).reason, "Forbidden");
  const removed = await poor.remove(configMapId("private"), { uid: await uidOf(configMapId("private")) });
  equal(removed.kind === "refused" && removed.reason, "Forbidden");
  await rejects(poor.get(configMapId("private")), failsWith("forbidden"));
  await rejects(poor.list(mapping("", "ConfigMap")), failsWith("forbidden"));
});

test("45 an empty impersonation is never sent; a service account acts with its own rights only", async () => {
  throws(() => kube.as({ user: "" }), failsWith("invalid"));
  throws(() => kube.as({ user: " " }), failsWith("invalid"));
  throws(() => serviceAccountUser("shop", ""), failsWith("invalid"));
  throws(() => kube.as({ user: "a", groups: [""] }), failsWith("invalid"));
  const deployer = kube.as(serviceAccountUser("default", "deployer"));
  const denied = refused(await deployer.apply(configMap("tenant", {})));
  match(denied.message, /system:serviceaccount:default:deployer/);
  await plane.kubectl(["create", "rolebinding", "deployer", "--clusterrole=cluster-admin", "--serviceaccount=default:deployer"]);
  const granted = async (): Promise<boolean> => (await deployer.apply(configMap("tenant", {}))).kind === "applied";
  await until(granted);
  await rejects(deployer.get({ group: "", kind: "Namespace", namespace: "", name: "kube-system" }), failsWith("forbidden"));
});

test("45 several groups are sent as several headers", async () => {
  const admin = kube.as({ user: "somebody", groups: ["nobodies", "system:masters"] });
  equal(applied(await admin.apply(configMap("by-group", {}))).outcome, "created");
});

test("a list is complete over all its pages, and each item says what it is", async () => {
  await using paging = await connectKube({ kubeconfig: plane.kubeconfig, limits: { pageSize: 3 } });
  for (let i = 0; i < 10; i += 1)
    applied(
      await kube.apply({ ...configMap(`page-${i}`, {}), metadata: { name: `page-${i}`, namespace: "default", labels: { set: "pages" } } }),
    );
  const { items } = await paging.list(mapping("", "ConfigMap"), { labelSelector: "set=pages" });
  deepEqual(
    items.map((item) => [item["apiVersion"], item["kind"], metadata(item)["name"]]),
    Array.from({ length: 10 }, (_, i) => ["v1", "ConfigMap", `page-${i}`]),
  );
  const { items: slim } = await paging.list(mapping("", "ConfigMap"), { labelSelector: "set=pages", metadataOnly: true });
  deepEqual([slim.length, slim[0]?.["kind"], slim[0]?.["data"]], [10, "ConfigMap", undefined]);
});

test("what the cluster says of itself", async () => {
  const facts = await kube.facts();
  match(facts.kubernetesVersion, /^v1\.\d+/);
  ok(facts.apiVersions.includes("apps/v1") && facts.apiVersions.includes("apps/v1/Deployment"));
  match(await kube.kubeSystemUid(), /^[0-9a-f-]{36}$/);
});

test("F52 a kind that appears later is found without a restart; 6 a CRD and its object in one pass", async () => {
  const thing = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "a", namespace: "default" }, spec: { size: 1 } };
  equal(refused(await kube.apply(thing)).reason, "KindMissing");
  applied(await kube.apply(thingDefinition("example.com", "Namespaced")));
  await until(async () => (await kube.apply(thing)).kind === "applied");
  equal((await kube.get({ group: "example.com", kind: "Thing", namespace: "default", name: "a" })).kind, "found");
});

test("F53 a deleted CRD: first not certain, then KindMissing, never an absent object", async () => {
  applied(await kube.apply(thingDefinition("gone.example.com", "Cluster")));
  const id = { group: "gone.example.com", kind: "Thing", namespace: "", name: "a" };
  const thing = { apiVersion: "gone.example.com/v1", kind: "Thing", metadata: { name: "a" }, spec: {} };
  await until(async () => (await kube.apply(thing)).kind === "applied");
  const crd = { group: "apiextensions.k8s.io", kind: "CustomResourceDefinition", namespace: "", name: "things.gone.example.com" };
  await kube.remove(crd, { uid: await uidOf(crd) });
  const answers = new Set<string>();
  await until(async () => {
    const answer = await kube.get(id).then(
      (it) => it.kind,
      (error: unknown) => (error instanceof OperationError ? error.code : "other"),
    );
    answers.add(answer);
    return answer === "unknownKind";
  });
  // The server deletes the objects before it stops to serve the kind: an absent object may come before, never after.
  deepEqual(
    [...answers].filter((answer) => answer !== "found" && answer !== "absent"),
    ["unavailable", "unknownKind"],
  );
  equal(refused(await kube.apply(thing)).reason, "KindMissing");
});

test("an object without a name or a namespace where one is needed is invalid, before anything is sent", async () => {
  await rejects(kube.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } }), failsWith("invalid"));
  await rejects(kube.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default" } }), failsWith("invalid"));
  await rejects(kube.apply({ kind: "ConfigMap" }), failsWith("invalid"));
});

const zeroUid = "00000000-0000-0000-0000-000000000000";

function configMap(name: string, data: { readonly [key: string]: string }): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

function configMapId(name: string): ObjectIdentity {
  return { group: "", kind: "ConfigMap", namespace: "default", name };
}

function thingDefinition(group: string, scope: "Namespaced" | "Cluster"): JsonObject {
  const schema = {
    openAPIV3Schema: { type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } },
  };
  const names = { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" };
  const spec = { group, scope, names, versions: [{ name: "v1", served: true, storage: true, schema }] };
  return { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: `things.${group}` }, spec };
}

function applied(result: ApplyResult): Applied {
  ok(result.kind === "applied", JSON.stringify(result));
  return result;
}

function refused(result: ApplyResult): Refusal {
  ok(result.kind === "refused", JSON.stringify(result));
  return result;
}

function metadata(object: JsonObject): JsonObject {
  return object["metadata"] as JsonObject;
}

function versionOf(object: JsonObject): string {
  return String(metadata(object)["resourceVersion"]);
}

async function uidOf(id: ObjectIdentity): Promise<string> {
  const found = await kube.get(id, { metadataOnly: true });
  ok(found.kind === "found");
  return String(metadata(found.object)["uid"]);
}

function mapping(group: string, kind: string): NonNullable<ReturnType<Kube["mapping"]>> {
  const found = kube.mapping(group, kind);
  ok(found);
  return found;
}

function failsWith(code: OperationError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof OperationError && error.code === code;
}

/** Waits for the world, as long as the test runner lets us. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
