import type { JsonObject } from "@muster/proto/model/json";
import { condition, live, type Case } from "../testdata/objects.ts";
import { judge } from "../testdata/judge.test.ts";

const deployment = (status: JsonObject, spec: JsonObject = { replicas: 3 }): JsonObject =>
  live("apps/v1/Deployment", { spec, status: { observedGeneration: 2, ...status } });
const all = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
const rolledOut = condition("Progressing", "True", { reason: "NewReplicaSetAvailable" });
const rolling = condition("Progressing", "True", { reason: "ReplicaSetUpdated" });

const statefulSet = (status: JsonObject, spec: JsonObject = {}): JsonObject =>
  live("apps/v1/StatefulSet", {
    spec: { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } }, ...spec },
    status: {
      observedGeneration: 2,
      replicas: 3,
      readyReplicas: 3,
      updatedReplicas: 3,
      currentRevision: "b",
      updateRevision: "b",
      ...status,
    },
  });
const daemonSet = (status: JsonObject, spec: JsonObject = {}): JsonObject =>
  live("apps/v1/DaemonSet", {
    spec,
    status: { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3, ...status },
  });
const replicaSet = (status: JsonObject): JsonObject =>
  live("apps/v1/ReplicaSet", { spec: { replicas: 2 }, status: { observedGeneration: 2, ...status } });
const pod = (status: JsonObject): JsonObject => live("v1/Pod", { status });
const waiting = (reason: string, message?: string): JsonObject => ({
  name: "web",
  state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
});
const job = (status: JsonObject, spec: JsonObject = {}): JsonObject => live("batch/v1/Job", { spec, status });
const cronJob = (status: JsonObject, spec: JsonObject = {}): JsonObject => live("batch/v1/CronJob", { spec, status });

const cases: readonly Case[] = [
  ["a finished Deployment is healthy", deployment({ ...all, conditions: [rolledOut, condition("Available", "True")] }), "healthy"],
  [
    "a Deployment that no controller has seen is progressing",
    live("apps/v1/Deployment", { spec: { replicas: 0 }, status: {} }),
    "progressing",
    { reason: "OldGeneration" },
  ],
  ["a paused Deployment is suspended", deployment({ ...all }, { replicas: 3, paused: true }), "suspended"],
  [
    "a Deployment past its deadline is degraded at once",
    deployment({ ...all, conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded" })] }),
    "degraded",
    { reason: "ProgressDeadlineExceeded", terminal: true },
  ],
  [
    "a Deployment that cannot create pods is progressing for 30 s",
    deployment({ conditions: [condition("ReplicaFailure", "True", { reason: "FailedCreate", forMs: 10_000 })] }),
    "progressing",
    { recheckInMs: 20_000 },
  ],
  [
    "a Deployment that cannot create pods is degraded after 30 s",
    deployment({ conditions: [condition("ReplicaFailure", "True", { reason: "FailedCreate", message: "exceeded quota", forMs: 30_000 })] }),
    "degraded",
    { reason: "FailedCreate", message: /quota/ },
  ],
  [
    "a Deployment with too few updated replicas is progressing",
    deployment({ ...all, updatedReplicas: 2, conditions: [rolling] }),
    "progressing",
    { message: /2 of 3/ },
  ],
  [
    "a Deployment with old replicas is progressing",
    deployment({ ...all, replicas: 4, conditions: [rolling] }),
    "progressing",
    { message: /1 old/ },
  ],
  [
    "a rolling Deployment whose new pods are not available is progressing",
    deployment({ ...all, availableReplicas: 2, conditions: [rolling, condition("Available", "True")] }),
    "progressing",
  ],
  [
    "a finished Deployment that lost a pod but is Available is healthy",
    deployment({ ...all, availableReplicas: 2, conditions: [rolledOut, condition("Available", "True")] }),
    "healthy",
    { message: /2 of 3/ },
  ],
  [
    "a finished Deployment that is not Available is progressing for 30 s",
    deployment({ ...all, availableReplicas: 0, conditions: [rolledOut, condition("Available", "False", { forMs: 5_000 })] }),
    "progressing",
    { recheckInMs: 25_000 },
  ],
  [
    "a finished Deployment that is not Available for 30 s is degraded",
    deployment({ ...all, availableReplicas: 0, conditions: [rolledOut, condition("Available", "False", { forMs: 31_000 })] }),
    "degraded",
  ],
  ["a Deployment scaled to nothing is healthy", deployment({}, { replicas: 0 }), "healthy"],

  ["a finished StatefulSet is healthy", statefulSet({}), "healthy"],
  ["a StatefulSet without a ready replica is progressing", statefulSet({ readyReplicas: 2 }), "progressing", { message: /2 of 3/ }],
  ["a StatefulSet that is not ready for 10 min is degraded", statefulSet({ readyReplicas: 2 }), "degraded", { sinceMs: 600_000 }],
  [
    "partition 0 is a default: two revisions are progressing",
    statefulSet({ currentRevision: "a" }),
    "progressing",
    { message: /revisions/ },
  ],
  [
    "a StatefulSet updated down to its partition is healthy",
    statefulSet(
      { updatedReplicas: 1, currentRevision: "a" },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
    ),
    "healthy",
  ],
  [
    "a StatefulSet not yet updated down to its partition is progressing",
    statefulSet(
      { updatedReplicas: 0, currentRevision: "a" },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
    ),
    "progressing",
  ],
  [
    "an OnDelete StatefulSet with old pods is healthy with a note",
    statefulSet({ updatedReplicas: 0, currentRevision: "a" }, { updateStrategy: { type: "OnDelete" } }),
    "healthy",
    { message: /OnDelete/ },
  ],
  ["a StatefulSet that scales down is progressing", statefulSet({ replicas: 5 }), "progressing"],

  ["a DaemonSet on all nodes is healthy", daemonSet({}), "healthy"],
  [
    "a DaemonSet that no controller has seen is progressing, although 0 of 0 are there",
    live("apps/v1/DaemonSet", { status: { desiredNumberScheduled: 0, numberAvailable: 0 } }),
    "progressing",
  ],
  ["a DaemonSet with old pods is progressing", daemonSet({ updatedNumberScheduled: 2 }), "progressing", { message: /2 of 3/ }],
  ["a DaemonSet that is not available is degraded after 10 min", daemonSet({ numberAvailable: 2 }), "degraded", { sinceMs: 600_001 }],
  [
    "an OnDelete DaemonSet with old pods is healthy with a note",
    daemonSet({ updatedNumberScheduled: 1 }, { updateStrategy: { type: "OnDelete" } }),
    "healthy",
    { message: /OnDelete/ },
  ],

  ["a ReplicaSet with its pods is healthy", replicaSet({ availableReplicas: 2 }), "healthy"],
  ["a ReplicaSet without is progressing", replicaSet({ availableReplicas: 1 }), "progressing"],
  [
    "a ReplicaSet that cannot create pods for 30 s is degraded",
    replicaSet({ conditions: [condition("ReplicaFailure", "True", { forMs: 40_000 })] }),
    "degraded",
  ],
  [
    "a ReplicationController is judged as a ReplicaSet",
    live("v1/ReplicationController", { spec: { replicas: 1 }, status: { availableReplicas: 1 } }),
    "healthy",
  ],

  ["a ready Pod is healthy", pod({ phase: "Running", conditions: [condition("Ready", "True")] }), "healthy"],
  [
    "a Pod that has finished is healthy",
    pod({ phase: "Succeeded", conditions: [condition("Ready", "False", { reason: "PodCompleted" })] }),
    "healthy",
  ],
  [
    "a failed Pod is degraded",
    pod({ phase: "Failed", reason: "Evicted", message: "low on memory" }),
    "degraded",
    { reason: "Evicted", message: /memory/, terminal: true },
  ],
  [
    "a failed Pod tells which container",
    pod({ phase: "Failed", containerStatuses: [{ name: "web", state: { terminated: { reason: "OOMKilled" } } }] }),
    "degraded",
    { message: /web: OOMKilled/, terminal: true },
  ],
  [
    "a crashing container is degraded",
    pod({ phase: "Running", containerStatuses: [waiting("CrashLoopBackOff", "back-off 5m")] }),
    "degraded",
    { reason: "CrashLoopBackOff", message: /web: back-off/ },
  ],
  [
    "an init container without its image is degraded",
    pod({ phase: "Pending", initContainerStatuses: [waiting("ImagePullBackOff")] }),
    "degraded",
    { reason: "ImagePullBackOff" },
  ],
  [
    "a container without its ConfigMap is degraded",
    pod({ phase: "Pending", containerStatuses: [waiting("CreateContainerConfigError")] }),
    "degraded",
  ],
  ["a starting container is progressing", pod({ phase: "Pending", containerStatuses: [waiting("ContainerCreating")] }), "progressing"],
  [
    "a Pod without a node is progressing for a minute",
    pod({ phase: "Pending", conditions: [condition("PodScheduled", "False", { reason: "Unschedulable", forMs: 59_000 })] }),
    "progressing",
    { recheckInMs: 1_000 },
  ],
  [
    "a Pod without a node for a minute is degraded",
    pod({ phase: "Pending", conditions: [condition("PodScheduled", "False", { reason: "Unschedulable", forMs: 60_000 })] }),
    "degraded",
    { reason: "Unschedulable" },
  ],
  [
    "a running Pod that is not ready is progressing",
    pod({ phase: "Running", conditions: [condition("Ready", "False", { reason: "ContainersNotReady" })] }),
    "progressing",
  ],

  ["a running Job is progressing, not healthy", job({ active: 1 }), "progressing", { message: /0 of 1/ }],
  ["a complete Job is healthy", job({ conditions: [condition("Complete", "True")] }), "healthy"],
  [
    "a complete Job that is suspended afterwards is healthy",
    job({ conditions: [condition("Complete", "True")] }, { suspend: true }),
    "healthy",
  ],
  [
    "a failed Job is degraded",
    job({ conditions: [condition("Failed", "True", { reason: "BackoffLimitExceeded" })] }),
    "degraded",
    { reason: "BackoffLimitExceeded", terminal: true },
  ],
  ["a condition Failed that is False does not fail a Job", job({ conditions: [condition("Failed", "False")] }), "progressing"],
  ["a suspended Job is suspended", job({}, { suspend: true }), "suspended"],

  ["a CronJob is healthy before its first run", cronJob({}), "healthy"],
  ["a suspended CronJob is suspended", cronJob({}, { suspend: true }), "suspended"],
  [
    "a CronJob whose last run failed is healthy with a note",
    cronJob({ lastScheduleTime: "2026-06-01T11:00:00Z", lastSuccessfulTime: "2026-06-01T10:00:00Z" }),
    "healthy",
    { message: /did not succeed/ },
  ],
  [
    "a CronJob whose run goes on has no note",
    cronJob({ lastScheduleTime: "2026-06-01T11:00:00Z", active: [{ name: "x" }] }),
    "healthy",
    { message: /^$/ },
  ],
];

judge(cases);
