import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { healthOf, needsBody, worst } from "./health.ts";
import { ago, condition, live, now, type Case } from "./testdata/objects.ts";
import { judge } from "./testdata/judge.test.ts";

const conditions = (...list: readonly ReturnType<typeof condition>[]): ReturnType<typeof live> =>
  live("example.com/v1/Thing", { status: { conditions: list } });

const cases: readonly Case[] = [
  ["an absent object is missing", undefined, "missing"],
  [
    "an object that is being deleted is progressing",
    live("v1/ConfigMap", { metadata: { deletionTimestamp: ago(0) } }),
    "progressing",
    { reason: "Terminating" },
  ],
  [
    "a deletion that a finalizer holds is degraded after 10 min, and names it",
    live("v1/ConfigMap", { metadata: { deletionTimestamp: ago(600_000), finalizers: ["example.com/hold"] } }),
    "degraded",
    { message: /example\.com\/hold/ },
  ],
  [
    "a deletion that a finalizer holds is looked at again",
    live("v1/ConfigMap", { metadata: { deletionTimestamp: ago(590_000), finalizers: ["example.com/hold"] } }),
    "progressing",
    { recheckInMs: 10_000 },
  ],
  [
    "a terminating namespace says what remains",
    live("v1/Namespace", {
      metadata: { deletionTimestamp: ago(1_000) },
      spec: { finalizers: ["kubernetes"] },
      status: {
        phase: "Terminating",
        conditions: [
          condition("NamespaceContentRemaining", "True", { message: "things.example.com has 2 resource instances" }),
          condition("NamespaceDeletionContentFailure", "False", { message: "all content deleted" }),
        ],
      },
    }),
    "progressing",
    { message: /held by kubernetes; things\.example\.com has 2 resource instances$/, recheckInMs: 599_000 },
  ],
  [
    "a status of an older generation is progressing",
    live("apps/v1/Deployment", { spec: { replicas: 0 }, status: { observedGeneration: 1 } }),
    "progressing",
    { reason: "OldGeneration" },
  ],
  [
    "an unknown kind whose controller is behind is progressing",
    live("example.com/v1/Thing", { status: { observedGeneration: 1, conditions: [condition("Ready", "True")] } }),
    "progressing",
    { reason: "OldGeneration" },
  ],
  ["a stalled object is degraded", conditions(condition("Ready", "True"), condition("Stalled", "True")), "degraded"],
  ["a reconciling object is progressing", conditions(condition("Ready", "True"), condition("Reconciling", "True")), "progressing"],
  [
    "a condition of an older generation does not count",
    conditions(condition("Stalled", "True", { observedGeneration: 1 }), condition("Ready", "True")),
    "healthy",
  ],

  ["an unknown kind is healthy when it is Ready", conditions(condition("Ready", "True")), "healthy"],
  ["an unknown kind is healthy when it is Available", conditions(condition("Available", "True")), "healthy"],
  ["an unknown kind is healthy when it has Succeeded", conditions(condition("Succeeded", "True")), "healthy"],
  [
    "an unknown kind that is not Ready is progressing",
    conditions(condition("Ready", "False", { forMs: 1_000, message: "waits for disk" })),
    "progressing",
    { recheckInMs: 599_000, message: /disk/ },
  ],
  ["an unknown kind that is not Ready for 10 min is degraded", conditions(condition("Ready", "False", { forMs: 600_000 })), "degraded"],
  ["an unknown kind whose readiness is unknown is progressing", conditions(condition("Ready", "Unknown")), "progressing"],
  [
    "an unknown kind without a status is progressing for 30 s",
    live("example.com/v1/Thing", { metadata: { creationTimestamp: ago(20_000) } }),
    "progressing",
    { reason: "NoStatus", recheckInMs: 10_000 },
  ],
  [
    "an unknown kind without a status is healthy after 30 s",
    live("example.com/v1/Thing", { status: {} }),
    "healthy",
    { reason: "NoStatus" },
  ],
  ["an unknown kind with a status but no known condition is healthy", live("example.com/v1/Thing", { status: { size: 1 } }), "healthy"],
  [
    "a kind of the same name in another group is unknown",
    live("example.com/v1/Job", { status: { conditions: [condition("Ready", "True")] } }),
    "healthy",
  ],
];

judge(cases);

test("nothing of any shape makes it throw", () => {
  const values = [
    null,
    1,
    "x",
    [],
    [null],
    {},
    { conditions: "x" },
    { conditions: [null, 1, { type: 1 }] },
    { parents: [{}] },
    { phase: 7 },
  ];
  for (const type of [
    "apps/v1/Deployment",
    "v1/Pod",
    "batch/v1/Job",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "argoproj.io/v1alpha1/Rollout",
    "example.com/v1/X",
  ]) {
    for (const value of values) healthOf({ ...live(type), spec: value, status: value }, now);
  }
  healthOf({}, now);
  healthOf({ apiVersion: 1, kind: [], metadata: "x" } as never, now);
  equal(healthOf({ apiVersion: "argoproj.io/v1", kind: "Rollout", status: { phase: "constructor" } }, now).health, "progressing");
  equal(healthOf({ apiVersion: "constructor", kind: "x" }, now).health, "progressing");
});

test("the worst health of an App's objects is the App's", () => {
  equal(worst(["healthy", "suspended", "progressing"]), "progressing");
  equal(worst(["unknown", "missing", "healthy"]), "missing");
  equal(worst(["missing", "degraded"]), "degraded");
  equal(worst(["suspended", "healthy"]), "suspended");
  equal(worst([]), "healthy");
});

test("metadata is enough to watch what has no health of its own", () => {
  const slim = [
    ["", "Secret"],
    ["", "ConfigMap"],
    ["rbac.authorization.k8s.io", "ClusterRole"],
    ["networking.k8s.io", "Ingress"],
  ] as const;
  const whole = [
    ["apps", "Deployment"],
    ["", "Service"],
    ["example.com", "Thing"],
    ["batch", "CronJob"],
  ] as const;
  deepEqual(
    [slim.map(([group, kind]) => needsBody(group, kind)), whole.map(([group, kind]) => needsBody(group, kind))],
    [slim.map(() => false), whole.map(() => true)],
  );
});
