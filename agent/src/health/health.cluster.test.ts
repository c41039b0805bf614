// The rules on what real controllers really write.

import { match } from "node:assert/strict";
import { after, before, test } from "node:test";
import type { JsonObject } from "@muster/proto/model/json";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { healthOf, type HealthResult } from "./health.ts";

let plane: ControlPlane;

before(async () => {
  plane = await startControlPlane({ name: "health", controllers: true });
});

after(() => plane?.stop());

const pods = (annotations: JsonObject = {}): JsonObject => ({
  metadata: { labels: { app: "x" }, annotations },
  spec: { containers: [{ name: "web", image: "example.com/web" }] },
});
const misbehaving = (how: string): JsonObject => pods({ "muster.test/pod": how });
const selector = { matchLabels: { app: "x" } };
const jobPods = (annotations: JsonObject): JsonObject => {
  const template = pods(annotations);
  return { ...template, metadata: { annotations }, spec: { ...(template["spec"] as JsonObject), restartPolicy: "Never" } };
};

/** A sentence, the object, and the health and reason or message that it comes to. */
const cases: readonly (readonly [sentence: string, object: JsonObject, outcome: RegExp])[] = [
  ["a Deployment becomes healthy", workload("Deployment", { replicas: 2, selector, template: pods() }), /^healthy/],
  [
    "a Deployment whose pods hang is progressing",
    workload("Deployment", { selector, template: misbehaving("hang") }),
    /^progressing .*0 of 1 replicas are available/,
  ],
  [
    "a Deployment past its deadline is degraded",
    workload("Deployment", { selector, progressDeadlineSeconds: 1, template: misbehaving("unready") }),
    /^degraded ProgressDeadlineExceeded/,
  ],
  ["a StatefulSet becomes healthy", workload("StatefulSet", { replicas: 2, serviceName: "x", selector, template: pods() }), /^healthy/],
  ["a DaemonSet becomes healthy", workload("DaemonSet", { selector, template: pods() }), /^healthy/],
  ["a ReplicaSet becomes healthy", workload("ReplicaSet", { selector, template: pods() }), /^healthy/],
  ["a Pod becomes healthy", named("v1", "Pod", pods()), /^healthy/],
  ["a crashing Pod is degraded", named("v1", "Pod", misbehaving("crash")), /^degraded CrashLoopBackOff/],
  ["a Pod without its image is degraded", named("v1", "Pod", misbehaving("image")), /^degraded (ImagePullBackOff|ErrImagePull)/],
  ["a Job becomes healthy", named("batch/v1", "Job", { spec: { template: jobPods({}) } }), /^healthy .*finished/],
  [
    "a failing Job is degraded",
    named("batch/v1", "Job", { spec: { backoffLimit: 0, template: jobPods({ "muster.test/pod": "fail" }) } }),
    /^degraded BackoffLimitExceeded/,
  ],
  ["a suspended Job is suspended", named("batch/v1", "Job", { spec: { suspend: true, template: jobPods({}) } }), /^suspended/],
  [
    "a load balancer without a cloud is progressing",
    named("v1", "Service", { spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }),
    /^progressing .*no address/,
  ],
  ["a disruption budget is healthy", named("policy/v1", "PodDisruptionBudget", { spec: { minAvailable: 1, selector } }), /^healthy/],
  [
    "a claim without a class that exists is progressing at first",
    named("v1", "PersistentVolumeClaim", {
      spec: { storageClassName: "none", accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    }),
    /^progressing Pending/,
  ],
];

for (const [sentence, object, outcome] of cases) {
  test(sentence, { timeout: 60_000 }, async () => {
    const metadata = {
      ...(object["metadata"] as JsonObject),
      name: sentence.toLowerCase().replaceAll(/[^a-z]+/g, "-"),
      namespace: "default",
    };
    // Pods of one case must not be adopted by the controllers of another.
    await plane.kubectl(["create", "-f", "-"], JSON.stringify({ ...object, metadata }).replaceAll('"app":"x"', `"app":"${metadata.name}"`));
    let told = "";
    while (!outcome.test(told)) {
      const verdict = await look(String(object["kind"]), metadata.name);
      told = `${verdict.health} ${verdict.reason ?? ""} ${verdict.message}`;
    }
    match(told, outcome);
  });
}

test("a terminating namespace names what holds it", { timeout: 60_000 }, async () => {
  const held = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "held", namespace: "going", finalizers: ["example.com/hold"] } };
  await plane.kubectl(["create", "namespace", "going"]);
  await plane.kubectl(["create", "-f", "-"], JSON.stringify(held));
  await plane.kubectl(["delete", "namespace", "going", "--wait=false"]);
  while (!/example\.com\/hold in 1 resource/.test((await look("Namespace", "going")).message));
});

async function look(kind: string, name: string): Promise<HealthResult> {
  return healthOf(JSON.parse(await plane.kubectl(["get", kind, name, "-o", "json"])) as JsonObject, Date.now());
}

function named(apiVersion: string, kind: string, parts: JsonObject): JsonObject {
  return { apiVersion, kind, ...parts };
}

function workload(kind: string, spec: JsonObject): JsonObject {
  return named("apps/v1", kind, { spec });
}
