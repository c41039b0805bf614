// Applying, on a real API server: order, adoption, ownership, waiting, restarts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { appLabel, appLabelValue, ownerAnnotation } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { configMap, deployment, isSynced, keyFor, Rig } from "./rig.ts";

let plane: ControlPlane;
before(async () => (plane = await startControlPlane({ name: "apply" })));
after(async () => await plane.stop());

const start = (): Promise<Rig> => Rig.start({ kubeconfig: plane.kubeconfig });
const metadataOf = (object: JsonObject | null): JsonObject => (object?.["metadata"] ?? {}) as JsonObject;
const rvOf = (object: JsonObject | null): string => String(metadataOf(object)["resourceVersion"]);
const uidOf = (object: JsonObject | null): string => String(metadataOf(object)["uid"]);

test("objects are created with our marks, in a namespace that is made for them", async () => {
  await using rig = await start();
  const one = configMap("first", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "first" } } } });
  const metadata = metadataOf(await rig.live(one));
  assert.equal((metadata["labels"] as JsonObject)[appLabel], appLabelValue(keyFor("web")));
  assert.equal((metadata["annotations"] as JsonObject)[ownerAnnotation], `${rig.fleet}/default//web`);
});

test("scenario 3, P9: the same bundle again writes nothing, and neither does a restart", async () => {
  await using rig = await start();
  const objects = [configMap("same", "one", { a: "1" }), deployment("same", "web")];
  const spec = { apps: { web: { objects, policy: { namespace: "same" } } } };
  const isWritten = (status: { counts: { applied: number } }): boolean => status.counts.applied === 2;
  await rig.accept(spec, isWritten);
  const versions = await Promise.all(objects.map(async (object) => rvOf(await rig.live(object))));
  const writes = rig.writes.length;
  await rig.accept(spec, isWritten);
  await rig.end();
  await rig.begin();
  await rig.accept(spec, isWritten);
  rig.body.recheck();
  await rig.accept(
    { apps: { ...spec.apps, later: { objects: [configMap("same", "two", {})] } } },
    (status) => status.counts.failed === 0 && status.counts.applied > 0,
  );
  assert.deepEqual(
    rig.writes.slice(writes).map(({ object }) => object),
    ["ConfigMap same/two"],
  );
  assert.deepEqual(await Promise.all(objects.map(async (object) => rvOf(await rig.live(object)))), versions);
});

test("scenario 46: a thousand unchanged objects and a restart: no write", async () => {
  await using rig = await start();
  const objects = Array.from({ length: 1_000 }, (_, i) => configMap("many", `m${i}`, { i: String(i) }));
  const spec = { apps: { many: { objects, policy: { namespace: "many" } } } };
  await rig.accept(spec);
  await rig.quiet();
  assert.equal(rig.writes.length, 1_001);
  assert.ok(rig.reads < 20, `${rig.reads} reads: our own writes are not read back`);
  await rig.end();
  rig.reads = 0;
  await rig.begin();
  await rig.accept(spec);
  await rig.quiet();
  assert.equal(rig.reads, 0, "a restart lists, and reads nothing one by one");
  await rig.accept({ apps: { ...spec.apps, one: { objects: [configMap("many", "extra", {})] } } });
  assert.deepEqual(
    rig.writes.slice(1_001).map(({ object }) => object),
    ["ConfigMap many/extra"],
  );
});

const definition = (group: string): JsonObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } },
        },
      },
    ],
  },
});
const widget = (group: string, namespace: string): JsonObject => ({
  apiVersion: `${group}/v1`,
  kind: "Widget",
  metadata: { name: "w", namespace },
  spec: { size: 3 },
});

test("scenario 6: a definition and its object in one bundle need one pass, also from two Apps", async () => {
  await using rig = await start();
  const namespace: JsonObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "widgets" } };
  await rig.accept(
    {
      apps: {
        user: { objects: [widget("b.example", "widgets")] },
        "z-both": { objects: [namespace, definition("a.example"), widget("a.example", "widgets"), definition("b.example")] },
      },
    },
    (status) => status.counts.applied === status.counts.total && status.counts.failed === 0,
  );
  const refusedWrites = rig.writes.filter(({ object }) => object.startsWith("Widget"));
  assert.equal(refusedWrites.length, 2, "each object was written once");
});

test("scenario 1: an object that does not fit its schema fails alone, and is asked for once", async () => {
  await using rig = await start();
  const good = configMap("schema", "good", { a: "1" });
  const bad: JsonObject = { ...configMap("schema", "bad", {}), nonsense: true };
  await rig.accept(
    { apps: { web: { objects: [bad, good], policy: { namespace: "schema" } } } },
    (status) => status.reason === "ApplyFailed",
  );
  const status = await rig.status("web", (now) => now.counts.applied === 1);
  assert.equal(status.counts.failed, 1);
  assert.notEqual(await rig.live(good), null);
  const again = { objects: [bad, good], policy: { namespace: "schema" } };
  await rig.accept({ apps: { web: again, other: { objects: [configMap("schema", "other", {})] } } }, (now) => now.counts.applied === 1);
  await rig.quiet();
  assert.equal(rig.writes.filter(({ object }) => object === "ConfigMap schema/bad").length, 1, "another round does not ask again");
});

test("I9 a Secret that is refused shows its value nowhere", async () => {
  await using rig = await start();
  const secret: JsonObject = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "secretive" },
    data: { p: "hunter2!!canary" },
  };
  await rig.accept({ apps: { web: { objects: [secret], policy: { namespace: "secretive" } } } }, (status) => status.counts.failed === 1);
  assert.doesNotMatch(JSON.stringify([...rig.body.statuses().values()]), /hunter2/);
});

test("scenario 23: an object that is being deleted is left alone, and written when it is gone", async () => {
  await using rig = await start();
  const one: JsonObject = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "ending", finalizers: ["example.com/hold"] },
    data: { a: "1" },
  };
  const spec = (a: string): JsonObject => ({ ...one, data: { a } });
  await rig.accept({ apps: { web: { objects: [spec("1")], policy: { namespace: "ending" } } } });
  const uid = uidOf(await rig.live(one));
  await plane.kubectl(["delete", "configmap", "one", "-n", "ending", "--wait=false"]);
  await rig.until(async () => (metadataOf(await rig.live(one))["deletionTimestamp"] !== undefined ? true : null));
  const writes = rig.writes.length;
  const bundle = await rig.bundle({ apps: { web: { objects: [spec("2")], policy: { namespace: "ending" } } } });
  rig.body.accept(bundle);
  await rig.status(
    "web",
    (status) => status.generation === bundle.generation && status.problems.some(({ message }) => message.includes("being deleted")),
  );
  assert.equal(rig.writes.length, writes, "nothing was written to it");
  assert.equal(uidOf(await rig.live(one)), uid);
  await plane.kubectl(["patch", "configmap", "one", "-n", "ending", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
  await rig.status("web", isSynced);
  assert.notEqual(uidOf(await rig.live(one)), uid);
  assert.deepEqual((await rig.live(one))?.["data"], { a: "2" });
  await plane.kubectl(["patch", "configmap", "one", "-n", "ending", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
});

test("scenario 23: the same where only others put a finalizer on it, and where it was never ours", async () => {
  await using rig = await start();
  const policy = { namespace: "ending2", adopt: "yes" as const };
  const [ours, theirs] = [configMap("ending2", "ours", { a: "1" }), configMap("ending2", "theirs", { a: "1" })];
  const hold = '{"metadata":{"finalizers":["example.com/hold"]}}';
  const release = '{"metadata":{"finalizers":null}}';
  const patch = (name: string, body: string): Promise<string> =>
    plane.kubectl(["patch", "configmap", name, "-n", "ending2", "--type=merge", "--field-manager=operator", "-p", body]);
  await rig.accept({ apps: { web: { objects: [ours], policy } } });
  await plane.kubectl(["create", "-f", "-"], JSON.stringify({ ...theirs, data: { a: "theirs" } }));
  for (const name of ["ours", "theirs"]) {
    await patch(name, hold);
    await plane.kubectl(["delete", "configmap", name, "-n", "ending2", "--wait=false"]);
  }
  await rig.quiet();
  const before = rig.writes.length;
  const objects = [configMap("ending2", "ours", { a: "2" }), theirs];
  const bundle = await rig.bundle({ apps: { web: { objects, policy } } });
  rig.body.accept(bundle);
  await rig.status("web", (status) => status.generation === bundle.generation && status.problems.length === 2);
  assert.equal(rig.writes.length, before);
  for (const name of ["ours", "theirs"]) await patch(name, release);
  await rig.status("web", isSynced);
});

test("scenario 24, F55: a namespace that is being deleted holds up its own objects only", async () => {
  await using rig = await start();
  await plane.kubectl(["create", "namespace", "leaving"]);
  await plane.kubectl(["delete", "namespace", "leaving", "--wait=false"]);
  await rig.accept(
    {
      apps: {
        stuck: { objects: [configMap("leaving", "x", {})] },
        fine: { objects: [configMap("staying", "y", {})], policy: { namespace: "staying" } },
      },
    },
    (status) => (status.app === keyFor("fine") ? isSynced(status) : status.reason === "NamespaceTerminating"),
  );
});

test("scenario 28: an immutable field is reported as such, and nothing is deleted", async () => {
  await using rig = await start();
  const web = deployment("fixed", "web");
  const other: JsonObject = {
    ...web,
    spec: {
      ...(web["spec"] as JsonObject),
      selector: { matchLabels: { app: "other" } },
      template: { metadata: { labels: { app: "other" } }, spec: { containers: [{ name: "web", image: "nginx:1" }] } },
    },
  };
  const isWritten = (status: { counts: { applied: number } }): boolean => status.counts.applied === 1;
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "fixed" } } } }, isWritten);
  const uid = uidOf(await rig.live(web));
  await rig.accept({ apps: { web: { objects: [other], policy: { namespace: "fixed" } } } }, (status) => status.reason === "Immutable");
  assert.equal(uidOf(await rig.live(web)), uid);
});

test("a live object without marks is refused with what differs, taken when identical or when told to", async () => {
  await using rig = await start();
  const one = configMap("adopt", "one", { a: "1" });
  await plane.kubectl(["create", "namespace", "adopt"]);
  await plane.kubectl(["apply", "-f", "-"], JSON.stringify({ ...one, data: { a: "human", b: "2" } }));
  const spec = (adopt: "never" | "identical" | "yes") => ({ apps: { web: { objects: [one], policy: { adopt } } } });
  await rig.accept(spec("never"), (status) => status.reason === "Exists");
  assert.match((await rig.status("web", () => true)).message, /differs in \/data\/a$/);
  await rig.accept(spec("identical"), (status) => status.reason === "Exists");
  assert.deepEqual((await rig.live(one))?.["data"], { a: "human", b: "2" });
  await rig.accept(spec("yes"));
  assert.deepEqual((await rig.live(one))?.["data"], { a: "1" }, "what kubectl had is folded in and gone");
  await rig.accept({ apps: { web: { objects: [configMap("adopt", "two", {})], policy: {} } } });
  assert.notEqual(await rig.live(one), null, "an adopted object is never pruned");
});

test("scenario 32: an object that another tool owns is refused, and taken only by force", async () => {
  await using rig = await start();
  const one = configMap("tools", "one", { a: "1" });
  await plane.kubectl(["create", "namespace", "tools"]);
  const marked: JsonObject = {
    ...one,
    metadata: { name: "one", namespace: "tools", annotations: { "argocd.argoproj.io/tracking-id": "shop:/ConfigMap:tools/one" } },
    data: { a: "argo" },
  };
  await plane.kubectl(["apply", "--server-side", "--field-manager=argocd-controller", "-f", "-"], JSON.stringify(marked));
  await rig.accept({ apps: { web: { objects: [one], policy: { adopt: "yes" } } } }, (status) => status.reason === "OwnedByOther");
  assert.match((await rig.status("web", () => true)).message, /Argo CD/);
  await rig.accept({ apps: { web: { objects: [one], policy: { adopt: "force" } } } });
  assert.deepEqual((await rig.live(one))?.["data"], { a: "1" });
});

test("scenario 33: two Apps that declare one object equally share it; differently, the one that has it keeps it", async () => {
  await using rig = await start();
  const shared = configMap("share", "both", { a: "1" });
  const policy = { namespace: "share" };
  await rig.accept({ apps: { a: { objects: [shared], policy }, b: { objects: [shared, configMap("share", "b", {})], policy } } });
  const uid = uidOf(await rig.live(shared));
  await rig.accept(
    {
      apps: {
        a: { objects: [shared], policy },
        b: { objects: [configMap("share", "both", { a: "2" }), configMap("share", "b", {})], policy },
      },
    },
    (status) => (status.app === keyFor("a") ? isSynced(status) : status.reason === "OwnershipConflict"),
  );
  const b = await rig.status("b", () => true);
  assert.deepEqual(b.counts, { total: 2, applied: 1, failed: 1, healthy: 1 });
  assert.deepEqual((await rig.live(shared))?.["data"], { a: "1" });
  await rig.accept({
    apps: { a: { objects: [configMap("share", "a", {})], policy }, b: { objects: [shared, configMap("share", "b", {})], policy } },
  });
  assert.equal(uidOf(await rig.live(shared)), uid, "what one no longer declares and the other does stays");
  assert.equal((metadataOf(await rig.live(shared))["labels"] as JsonObject)[appLabel], appLabelValue(keyFor("b")));
});

test("scenario 34: objects that move from one App to another keep their uids", async () => {
  await using rig = await start();
  const [one, two] = [configMap("move", "one", {}), configMap("move", "two", {})];
  const policy = { namespace: "move" };
  await rig.accept({ apps: { old: { objects: [one, two], policy } } });
  const uids = [uidOf(await rig.live(one)), uidOf(await rig.live(two))];
  await rig.accept({
    apps: { new: { objects: [one, two], policy } },
    tombstones: [{ app: keyFor("old"), mode: "delete", notBefore: "2020-01-01T00:00:00Z" }],
  });
  await rig.status("old", (status) => status.inventoryEmpty);
  assert.deepEqual([uidOf(await rig.live(one)), uidOf(await rig.live(two))], uids);
});

test("scenario 35: an object on its way to an App that is not there yet is kept", async () => {
  await using rig = await start();
  const moving = configMap("transit", "one", {});
  const policy = { namespace: "transit" };
  await rig.accept({ apps: { a: { objects: [moving, configMap("transit", "a", {})], policy } } });
  const uid = uidOf(await rig.live(moving));
  const spec = {
    apps: { a: { objects: [configMap("transit", "a", {})], policy }, b: { objects: [moving], policy, dependsOn: ["absent"] } },
  };
  await rig.accept(spec, (status) => (status.app === keyFor("a") ? isSynced(status) : status.reason === "WaitingForDependency"));
  assert.equal(uidOf(await rig.live(moving)), uid);
});

test("an App waits until the one that it depends on is healthy, and a change of the first does not stop what is there", async () => {
  await using rig = await start();
  const policy = { namespace: "depend" };
  const slow: JsonObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "slow", namespace: "depend" },
    spec: { containers: [{ name: "a", image: "a" }] },
  };
  await plane.kubectl(["create", "namespace", "depend"]);
  await plane.kubectl(["create", "serviceaccount", "default", "-n", "depend"]);
  const spec = {
    apps: { base: { objects: [slow], policy }, user: { objects: [configMap("depend", "user", {})], policy, dependsOn: ["base"] } },
  };
  await rig.accept(spec, (status) => status.reason === (status.app === keyFor("base") ? "Progressing" : "WaitingForDependency"));
  assert.equal(await rig.live(configMap("depend", "user", {})), null);
  const ready = {
    status: {
      phase: "Running",
      conditions: [
        { type: "Ready", status: "True" },
        { type: "ContainersReady", status: "True" },
      ],
    },
  };
  await plane.kubectl(["patch", "pod", "slow", "-n", "depend", "--subresource=status", "--type=merge", "-p", JSON.stringify(ready)]);
  await rig.status("user", isSynced);
});

test("while upgrades are paused the old Release is healed and the new one is not applied", async () => {
  await using rig = await start();
  const policy = { namespace: "pause" };
  const [old, next] = [configMap("pause", "one", { a: "old" }), configMap("pause", "one", { a: "new" })];
  await rig.accept({ apps: { web: { objects: [old], policy } } });
  const bundle = await rig.bundle({
    apps: { web: { objects: [next], policy }, fresh: { objects: [configMap("pause", "fresh", {})], policy } },
    paused: true,
  });
  rig.body.accept(bundle);
  await rig.status("web", (status) => status.reason === "Paused");
  await rig.status("fresh", (status) => status.reason === "Paused");
  await plane.kubectl(["patch", "configmap", "one", "-n", "pause", "--type=merge", "-p", '{"data":{"a":"human"}}']);
  await rig.until(async () => (JSON.stringify((await rig.live(old))?.["data"]) === '{"a":"old"}' ? true : null));
  assert.equal(await rig.live(configMap("pause", "fresh", {})), null);
  await rig.accept({ apps: { web: { objects: [next], policy } } });
  assert.deepEqual((await rig.live(old))?.["data"], { a: "new" });
});

test("a hook is not written as a plain object, and says so; crd-install is plain", async () => {
  await using rig = await start();
  const hook: JsonObject = {
    ...configMap("hooks", "hook", {}),
    metadata: { name: "hook", namespace: "hooks", annotations: { "helm.sh/hook": "pre-install" } },
  };
  const plain: JsonObject = {
    ...configMap("hooks", "plain", {}),
    metadata: { name: "plain", namespace: "hooks", annotations: { "helm.sh/hook": "crd-install" } },
  };
  await rig.accept({ apps: { web: { objects: [hook, plain], policy: { namespace: "hooks" } } } });
  assert.equal(await rig.live(hook), null);
  assert.notEqual(await rig.live(plain), null);
  assert.match((await rig.status("web", isSynced)).message, /hook/);
});

test("F46 a field that another manager owned first is left to it and reported; the rest is applied", async () => {
  await using rig = await start();
  const policy = { namespace: "contest" };
  await rig.accept({ apps: { web: { objects: [configMap("contest", "one", { a: "1" })], policy } } });
  await plane.kubectl(
    ["apply", "--server-side", "--field-manager=operator", "-f", "-"],
    JSON.stringify(configMap("contest", "one", { b: "operator" })),
  );
  await rig.accept(
    { apps: { web: { objects: [configMap("contest", "one", { a: "2", b: "ours" })], policy } } },
    (status) => status.reason === "Contested",
  );
  assert.deepEqual((await rig.live(configMap("contest", "one", {})))?.["data"], { a: "2", b: "operator" });
  assert.match((await rig.status("web", () => true)).message, /operator/);
  await plane.kubectl(["patch", "configmap", "one", "-n", "contest", "--type=merge", "-p", '{"data":{"a":"human"}}']);
  await rig.until(async () =>
    JSON.stringify((await rig.live(configMap("contest", "one", {})))?.["data"]).includes('"a":"2"') ? true : null,
  );
  await rig.quiet();
  assert.deepEqual((await rig.live(configMap("contest", "one", {})))?.["data"], { a: "2", b: "operator" }, "a heal leaves it too");
  assert.equal((await rig.status("web", () => true)).reason, "Contested");
});

test("F53 a definition that is deleted is reported, and its objects are not created blindly", async () => {
  await using rig = await start();
  await rig.accept(
    { apps: { user: { objects: [widget("gone.example", "default")], policy: {} } } },
    (status) => status.reason === "KindMissing",
  );
  await plane.kubectl(["apply", "-f", "-"], JSON.stringify(definition("gone.example")));
  rig.body.recheck();
  await rig.status("user", isApplied);
});

const isApplied = (status: { counts: { applied: number; total: number; failed: number } }): boolean =>
  status.counts.applied === status.counts.total && status.counts.failed === 0;
