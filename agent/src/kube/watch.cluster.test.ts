// Watches against a real API server: what they tell, and what they make of gaps, lost kinds and a store that went back in time.

import { deepEqual, equal, ok } from "node:assert/strict";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { connectKube, type Kube } from "./kube.ts";
import { startLine } from "./testdata/cut-line.ts";
import { isKind, mappingOf, nameOf, namesOf, startWatch, tells } from "./testdata/seen.ts";

const impatient = {
  relistJitterMinMs: 1,
  relistJitterMaxMs: 10,
  watchBackoffMinMs: 10,
  watchBackoffMaxMs: 100,
  kindMissingRetryMs: 100,
  kindGoneAfterMs: 200,
  discoveryPauseMs: 0,
};
const selected = { labelSelector: "set=watched" };

let plane: ControlPlane;
let kube: Kube;

before(async () => {
  plane = await startControlPlane({ name: "watch", users: [{ name: "poor" }] });
  kube = await connectKube({ kubeconfig: plane.kubeconfig, limits: impatient });
});

after(async () => {
  await kube?.close();
  await plane?.stop();
});

test("a watch tells the complete list first, then each change and delete of what is selected", async () => {
  await put("first", "1");
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), selected);
  ok(namesOf(await seen.next(isKind("synced"))).includes("first"));
  await put("second", "1");
  await seen.next(tells("changed", "second"));
  await put("second", "2");
  const changed = await seen.next(tells("changed", "second"));
  deepEqual(changed.kind === "changed" && [changed.object["apiVersion"], changed.object["kind"], changed.object["data"]], [
    "v1",
    "ConfigMap",
    { a: "2" },
  ]);
  await plane.kubectl(["create", "configmap", "unselected"]);
  await drop("second");
  await seen.next(tells("deleted", "second"));
  deepEqual(
    seen.events.filter((event) => (event.kind === "changed" || event.kind === "deleted") && nameOf(event.object) === "unselected"),
    [],
  );
});

test("12 a lost label is a change of an object that is still there, never a delete", async () => {
  await put("unlabelled", "1");
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), selected);
  await seen.next(isKind("synced"));
  await plane.kubectl(["label", "configmap", "unlabelled", "set-"]);
  await seen.next(tells("changed", "unlabelled", (object) => (object["metadata"] as JsonObject)["labels"] === undefined));
  deepEqual(seen.events.filter(isKind("deleted")), []);
});

test("a watch of metadata names the true kind and carries no values", async () => {
  await using seen = startWatch(kube, mappingOf(kube, "", "Secret"), { ...selected, metadataOnly: true });
  await seen.next(isKind("synced"));
  await kube.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "slim", namespace: "default", labels: { set: "watched" } },
    data: { p: "aHVudGVyMg==" },
  });
  const event = await seen.next(tells("changed", "slim"));
  deepEqual(event.kind === "changed" && [event.object["apiVersion"], event.object["kind"], event.object["data"]], [
    "v1",
    "Secret",
    undefined,
  ]);
});

test("F53 a kind that goes away is missing, its objects are not called deleted by guess; when it comes back they are listed", async () => {
  const crd = { group: "apiextensions.k8s.io", kind: "CustomResourceDefinition", namespace: "", name: "things.example.com" };
  await kube.apply(things);
  await until(async () => (await kube.apply(thing)).kind === "applied");
  await using seen = startWatch(kube, mappingOf(kube, "example.com", "Thing"), {});
  await seen.next(isKind("synced"));
  await kube.remove(crd, { uid: await uidOf(crd) });
  await seen.next(isKind("kindMissing"));
  equal(seen.events.filter(isKind("kindMissing")).length, 1);
  await kube.apply(things);
  deepEqual(namesOf(await seen.next(isKind("synced"))), []);
  await until(async () => (await kube.apply(thing)).kind === "applied");
  await seen.next(tells("changed", "a"));
});

test("F56 without the right a watch is interrupted, not empty; with it, it goes on", async () => {
  await using poor = await connectKube({ kubeconfig: await plane.kubeconfigFor("poor"), limits: impatient });
  await put("visible", "1");
  await using seen = startWatch(poor, mappingOf(poor, "", "ConfigMap"), selected);
  const event = await seen.next(isKind("interrupted"));
  equal(event.kind === "interrupted" && event.error.code, "forbidden");
  await plane.kubectl(["create", "clusterrolebinding", "poor", "--clusterrole=cluster-admin", "--user=poor"]);
  ok(namesOf(await seen.next(isKind("synced"))).includes("visible"));
  equal(seen.events.filter(isKind("interrupted")).length, 1);
});

test("a connection that breaks is resumed where it was: nothing is lost, nothing is listed again", async () => {
  await using line = await startLine(plane.url, plane.kubeconfig);
  await using far = await connectKube({ kubeconfig: line.kubeconfig, limits: impatient });
  await put("over-the-gap", "1");
  await using seen = startWatch(far, mappingOf(far, "", "ConfigMap"), selected);
  await seen.next(isKind("synced"));
  line.cut();
  await seen.next(isKind("interrupted"));
  await put("over-the-gap", "2");
  await drop("over-the-gap");
  line.mend();
  await seen.next(tells("deleted", "over-the-gap"));
  deepEqual([seen.events.filter(isKind("synced")).length, seen.events.filter(isKind("resumed")).length], [1, 1]);
});

test("F48 a version that etcd has compacted: a new complete list, and nobody is called deleted", async () => {
  await using line = await startLine(plane.url, plane.kubeconfig);
  await using far = await connectKube({ kubeconfig: line.kubeconfig, limits: impatient });
  await put("stays", "1");
  await put("goes", "1");
  await using seen = startWatch(far, mappingOf(far, "", "ConfigMap"), selected);
  await seen.next(isKind("synced"));
  line.cut();
  await seen.next(isKind("interrupted"));
  await drop("goes");
  await put("comes", "1");
  await compactEtcd();
  await plane.restart("kube-apiserver"); // its own memory would bridge the gap
  line.mend();
  const names = namesOf(await seen.next(isKind("synced")));
  deepEqual([names.includes("stays"), names.includes("goes"), names.includes("comes")], [true, false, true]);
  deepEqual(seen.events.filter(isKind("deleted")), []);
  await put("comes", "2");
  await seen.next(tells("changed", "comes"));
});

test("11 F57 a store that was restored from an older copy is noticed in silence, and all is read again", { timeout: 120_000 }, async () => {
  const [store, copy] = [join(plane.dir, "etcd"), join(plane.dir, "etcd-copy")];
  await put("before", "1");
  await plane.kill("etcd");
  await cp(store, copy, { recursive: true });
  await plane.restart("etcd");
  await using patient = await connectKube({ kubeconfig: plane.kubeconfig, limits: { ...impatient, watchSilenceMs: 3_000 } });
  for (let i = 0; i < 20; i += 1) await put("after", String(i));
  await using seen = startWatch(patient, mappingOf(patient, "", "ConfigMap"), selected);
  ok(namesOf(await seen.next(isKind("synced"))).includes("after"));
  await plane.kill("etcd");
  await rm(store, { recursive: true });
  await cp(copy, store, { recursive: true });
  await plane.restart("etcd");
  await plane.restart("kube-apiserver"); // as every restore demands
  await seen.next(isKind("rewound"));
  const names = namesOf(await seen.next(isKind("synced")));
  deepEqual([names.includes("before"), names.includes("after")], [true, false]);
  await put("after", "again");
  await seen.next(tells("changed", "after"));
});

const things: JsonObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
const thing: JsonObject = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "a", namespace: "default" }, spec: {} };

async function put(name: string, value: string): Promise<void> {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "default", labels: { set: "watched" } },
    data: { a: value },
  };
  const result = await kube.apply(object, { force: true });
  equal(result.kind, "applied", JSON.stringify(result));
}

async function drop(name: string): Promise<void> {
  const id = { group: "", kind: "ConfigMap", namespace: "default", name };
  deepEqual(await kube.remove(id, { uid: await uidOf(id) }), { kind: "deleted" });
}

async function uidOf(id: ObjectIdentity): Promise<string> {
  const found = await kube.get(id, { metadataOnly: true });
  ok(found.kind === "found");
  return String((found.object["metadata"] as JsonObject)["uid"]);
}

/** Forgets all of etcd's past, as it does by itself each five minutes. */
async function compactEtcd(): Promise<void> {
  const script = await readFile(join(plane.dir, "etcd.sh"), "utf8");
  const address = /--advertise-client-urls=([^' ]+)/.exec(script)?.[1] ?? "";
  const post = async (path: string, body: unknown): Promise<JsonObject> =>
    (await (await fetch(address + path, { method: "POST", body: JSON.stringify(body) })).json()) as JsonObject;
  const { header } = await post("/v3/kv/range", { key: "AA==" });
  const { revision } = header as { revision: string };
  ok((await post("/v3/kv/compaction", { revision, physical: true }))["header"]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
