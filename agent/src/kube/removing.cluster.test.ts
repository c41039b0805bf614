// What a delete takes with it, with the real controllers.

import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { connectKube, type Kube, type RemoveOptions } from "./kube.ts";
import { mappingOf } from "./testdata/seen.ts";

let plane: ControlPlane;
let kube: Kube;

before(async () => {
  plane = await startControlPlane({ name: "removing", controllers: true });
  kube = await connectKube({ kubeconfig: plane.kubeconfig });
});

after(async () => {
  await kube?.close();
  await plane?.stop();
});

test("44 a removed Job leaves no pod behind", { timeout: 60_000 }, async () => {
  await runJob("background");
  await removeJob("background", {});
  await until(async () => (await podsOf("background")) === 0);
});

test("a Job removed in the foreground is pending until its pods are gone", { timeout: 60_000 }, async () => {
  await runJob("foreground");
  deepEqual(await removeJob("foreground", { propagation: "Foreground" }), { kind: "pending", finalizers: ["foregroundDeletion"] });
  await until(async () => (await kube.get(jobId("foreground"))).kind === "absent");
  equal(await podsOf("foreground"), 0);
});

test("Orphan keeps the dependents", { timeout: 60_000 }, async () => {
  await runJob("orphan");
  await removeJob("orphan", { propagation: "Orphan" });
  await until(async () => (await kube.get(jobId("orphan"))).kind === "absent");
  equal(await podsOf("orphan"), 1);
});

function job(name: string, annotations: JsonObject): JsonObject {
  const spec = { restartPolicy: "Never", containers: [{ name: "c", image: "example.com/c" }] };
  const template = { metadata: { annotations, labels: { job: name } }, spec };
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace: "default" }, spec: { template } };
}

function jobId(name: string): ObjectIdentity {
  return { group: "batch", kind: "Job", namespace: "default", name };
}

async function runJob(name: string): Promise<void> {
  equal((await kube.apply(job(name, { "muster.test/pod": "hang" }))).kind, "applied");
  await until(async () => (await podsOf(name)) === 1);
}

async function removeJob(name: string, options: Omit<RemoveOptions, "uid">): Promise<unknown> {
  const found = await kube.get(jobId(name));
  ok(found.kind === "found");
  return kube.remove(jobId(name), { ...options, uid: String((found.object["metadata"] as JsonObject)["uid"]) });
}

async function podsOf(name: string): Promise<number> {
  return (await kube.list(mappingOf(kube, "", "Pod"), { labelSelector: `job=${name}`, namespace: "default" })).items.length;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 100));
}
