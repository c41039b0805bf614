import assert from "node:assert/strict";
import { test } from "node:test";

import type { JsonObject } from "@muster/proto/model/json";
import { isOwnedBy, newestPods, podSight, readingOf } from "./soak.ts";

const selector = { matchLabels: { app: "web" } };
const owned = (by: string, metadata: JsonObject = {}): JsonObject["metadata"] => ({
  ...metadata,
  ownerReferences: [{ uid: by, controller: true }],
});

const deployment: JsonObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { uid: "d1", generation: 3, annotations: { "deployment.kubernetes.io/revision": "2" } },
  spec: { selector },
  status: { observedGeneration: 3, updatedReplicas: 4 },
};
const replicaSet = (uid: string, revision: string, by = "d1"): JsonObject => ({
  metadata: owned(by, {
    uid,
    annotations: { "deployment.kubernetes.io/revision": revision },
    labels: { "pod-template-hash": `hash-${uid}` },
  }) as JsonObject,
});

test("a Deployment's newest pods are those of the ReplicaSet of its revision", () => {
  const sets = [replicaSet("r1", "1"), replicaSet("stranger", "2", "d2"), replicaSet("r2", "2")];
  const expected = { owner: "r2", template: "hash-r2", labelSelector: "app=web,pod-template-hash=hash-r2", count: 4 };
  assert.deepEqual(newestPods(deployment, sets), expected);
  assert.equal(newestPods(deployment, sets.slice(0, 2)), null, "its ReplicaSet is not there yet");
  assert.equal(newestPods({ ...deployment, status: { observedGeneration: 2 } }, sets), null, "its controller is behind");
});

test("a StatefulSet's newest pods are of its update revision", () => {
  const metadata = { uid: "s1", generation: 1 };
  const status = { observedGeneration: 1, currentRevision: "web-a", updateRevision: "web-b", replicas: 3, updatedReplicas: 1 };
  const set: JsonObject = { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { selector }, status };
  const expected = { owner: "s1", template: "web-b", labelSelector: "app=web,controller-revision-hash=web-b", count: 1 };
  assert.deepEqual(newestPods(set, []), expected);
  const done = newestPods({ ...set, status: { ...status, currentRevision: "web-b", updatedReplicas: 0 } }, []);
  assert.equal(done?.count, 3);
});

test("a DaemonSet's newest pods are of its highest revision", () => {
  const set: JsonObject = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { uid: "n1", generation: 1 },
    spec: { selector: { matchExpressions: [{ key: "app", operator: "In", values: ["a", "b"] }] } },
    status: { observedGeneration: 1, updatedNumberScheduled: 7 },
  };
  const revision = (hash: string, number: number, by = "n1"): JsonObject => ({
    metadata: owned(by, { labels: { "controller-revision-hash": hash } }) as JsonObject,
    revision: number,
  });
  const found = newestPods(set, [revision("h9", 9), revision("h10", 10), revision("other", 11, "n2")]);
  assert.deepEqual(found, { owner: "n1", template: "h10", labelSelector: "app in (a,b),controller-revision-hash=h10", count: 7 });
});

test("a Job's pods are all of one template; other kinds have no pods to look at", () => {
  const job: JsonObject = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { uid: "j1", generation: 1 },
    spec: { selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "j1" } } },
    status: { active: 1, failed: 2 },
  };
  const expected = { owner: "j1", template: "", labelSelector: "batch.kubernetes.io/controller-uid=j1", count: 3 };
  assert.deepEqual(newestPods(job, []), expected);
  assert.deepEqual([readingOf("", "Service"), readingOf("example.com", "Deployment"), readingOf("", "toString")], Array(3).fill(undefined));
  assert.equal(newestPods({ ...deployment, spec: {} }, [replicaSet("r2", "2")]), null, "nothing selects nothing, never everything");
});

test("a pod is of who controls it, not of who only shares its labels", () => {
  const pod = { metadata: { ownerReferences: [{ uid: "r1", controller: true }, { uid: "x1" }] } };
  assert.deepEqual(
    ["r1", "x1", "r2", ""].map((uid) => isOwnedBy(uid)(pod)),
    [true, false, false, false],
  );
});

test("a pod tells of restarts, back-offs and ends for want of memory of all its containers", () => {
  const kill = (id: string): JsonObject => ({ terminated: { reason: "OOMKilled", containerID: id, finishedAt: "t" } });
  const sight = podSight({
    metadata: { uid: "p1", name: "web-1" },
    status: {
      initContainerStatuses: [{ name: "init", restartCount: 4, state: { waiting: { reason: "CrashLoopBackOff" } } }],
      containerStatuses: [
        { name: "web", restartCount: 2, lastState: kill("k1"), state: kill("k2") },
        { name: "side", lastState: { terminated: { reason: "Error" } }, state: { running: {} } },
      ],
    },
  });
  assert.deepEqual(sight, {
    uid: "p1",
    name: "web-1",
    containers: [
      { name: "init", restarts: 4, backsOff: true, oomKills: [] },
      { name: "web", restarts: 2, backsOff: false, oomKills: ["k1", "k2"] },
      { name: "side", restarts: 0, backsOff: false, oomKills: [] },
    ],
  });
  assert.deepEqual(podSight({}), { uid: "", name: "", containers: [] });
});
