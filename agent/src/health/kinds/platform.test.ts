import type { JsonObject } from "@muster/proto/model/json";
import { ago, condition, live, type Case } from "../testdata/objects.ts";
import { judge } from "../testdata/judge.test.ts";

const claim = (phase: string, more: JsonObject = {}, annotations: JsonObject = {}): JsonObject =>
  live("v1/PersistentVolumeClaim", { metadata: { annotations, ...more }, spec: { storageClassName: "fast" }, status: { phase } });
const provisioned = { "volume.kubernetes.io/storage-provisioner": "csi.example.com" };
const service = (ingress: readonly JsonObject[]): JsonObject =>
  live("v1/Service", { spec: { type: "LoadBalancer" }, status: { loadBalancer: { ingress } } });
const conditions = (type: string, ...list: readonly JsonObject[]): JsonObject =>
  live(type, { status: { observedGeneration: 2, conditions: list } });
const route = (...list: readonly JsonObject[]): JsonObject =>
  live("gateway.networking.k8s.io/v1/HTTPRoute", { status: { parents: [{ parentRef: { name: "edge" }, conditions: list }] } });
const webhook = (age: number, caBundle: string): JsonObject =>
  live("admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration", {
    metadata: { creationTimestamp: ago(age) },
    webhooks: [{ name: "a.example.com", clientConfig: { service: { name: "a" }, caBundle } }],
  });

const cases: readonly Case[] = [
  ["a bound claim is healthy", claim("Bound"), "healthy"],
  ["a lost claim is degraded", claim("Lost"), "degraded", { reason: "Lost", terminal: true }],
  ["a claim that waits for its first consumer is healthy with a note", claim("Pending"), "healthy", { reason: "WaitForFirstConsumer" }],
  ["a fresh claim is progressing", claim("Pending", { creationTimestamp: ago(10_000) }), "progressing", { recheckInMs: 20_000 }],
  ["a claim whose volume is being made is progressing", claim("Pending", {}, provisioned), "progressing"],
  ["a claim whose volume is not made in 10 min is degraded", claim("Pending", {}, provisioned), "degraded", { sinceMs: 600_000 }],
  ["a free volume is healthy", live("v1/PersistentVolume", { status: { phase: "Available" } }), "healthy"],
  [
    "a failed volume is degraded",
    live("v1/PersistentVolume", { status: { phase: "Failed", message: "cannot delete" } }),
    "degraded",
    { message: /cannot delete/, terminal: true },
  ],

  ["a Service within the cluster is healthy", live("v1/Service", { spec: { type: "ClusterIP" } }), "healthy"],
  ["a load balancer with an address is healthy", service([{ ip: "192.0.2.1" }]), "healthy"],
  ["a load balancer without an address is progressing", service([]), "progressing"],
  ["a load balancer without an address for 10 min is degraded", service([]), "degraded", { sinceMs: 600_000 }],
  ["an Ingress without an address is healthy", live("networking.k8s.io/v1/Ingress", { status: { loadBalancer: {} } }), "healthy"],

  [
    "a programmed Gateway is healthy",
    conditions("gateway.networking.k8s.io/v1/Gateway", condition("Accepted", "True"), condition("Programmed", "True")),
    "healthy",
  ],
  [
    "a Gateway that is not programmed is progressing",
    conditions("gateway.networking.k8s.io/v1/Gateway", condition("Accepted", "True"), condition("Programmed", "False")),
    "progressing",
    { recheckInMs: 600_000 },
  ],
  [
    "a refused Gateway is degraded after a minute",
    conditions("gateway.networking.k8s.io/v1/Gateway", condition("Accepted", "False", { reason: "InvalidParameters", forMs: 60_000 })),
    "degraded",
    { reason: "InvalidParameters" },
  ],
  [
    "an accepted GatewayClass is healthy",
    conditions("gateway.networking.k8s.io/v1/GatewayClass", condition("Accepted", "True")),
    "healthy",
  ],
  ["a route that all parents accept is healthy", route(condition("Accepted", "True"), condition("ResolvedRefs", "True")), "healthy"],
  [
    "a route without a parent's word is progressing",
    live("gateway.networking.k8s.io/v1/HTTPRoute", { status: { parents: [] } }),
    "progressing",
  ],
  [
    "a route to a missing Service is degraded after a minute",
    route(condition("Accepted", "True"), condition("ResolvedRefs", "False", { reason: "BackendNotFound", forMs: 61_000 })),
    "degraded",
    { reason: "BackendNotFound", message: /gateway edge/ },
  ],
  [
    "a parent's word on an older generation of a route does not count",
    route(condition("Accepted", "True", { observedGeneration: 1 }), condition("ResolvedRefs", "True", { observedGeneration: 2 })),
    "progressing",
  ],

  [
    "a working autoscaler is healthy",
    conditions("autoscaling/v2/HorizontalPodAutoscaler", condition("AbleToScale", "True"), condition("ScalingActive", "True")),
    "healthy",
  ],
  [
    "a fresh autoscaler without metrics is progressing",
    conditions(
      "autoscaling/v2/HorizontalPodAutoscaler",
      condition("AbleToScale", "True"),
      condition("ScalingActive", "False", { reason: "FailedGetResourceMetric", forMs: 60_000 }),
    ),
    "progressing",
    { recheckInMs: 240_000 },
  ],
  [
    "an autoscaler without metrics for 5 min is degraded",
    conditions(
      "autoscaling/v2/HorizontalPodAutoscaler",
      condition("AbleToScale", "True"),
      condition("ScalingActive", "False", { reason: "FailedGetResourceMetric", forMs: 300_000 }),
    ),
    "degraded",
    { reason: "FailedGetResourceMetric" },
  ],
  [
    "an autoscaler whose target has 0 replicas is healthy",
    conditions(
      "autoscaling/v2/HorizontalPodAutoscaler",
      condition("AbleToScale", "True"),
      condition("ScalingActive", "False", { reason: "ScalingDisabled", forMs: 900_000 }),
    ),
    "healthy",
  ],

  [
    "a disruption budget that allows nothing now is healthy",
    conditions("policy/v1/PodDisruptionBudget", condition("DisruptionAllowed", "False", { reason: "InsufficientPods" })),
    "healthy",
  ],
  [
    "a disruption budget that cannot be computed is degraded",
    conditions("policy/v1/PodDisruptionBudget", condition("DisruptionAllowed", "False", { reason: "SyncFailed" })),
    "degraded",
  ],

  ["an available API service is healthy", conditions("apiregistration.k8s.io/v1/APIService", condition("Available", "True")), "healthy"],
  [
    "an API service that is down is progressing for 2 min",
    conditions("apiregistration.k8s.io/v1/APIService", condition("Available", "False", { forMs: 119_000 })),
    "progressing",
    { recheckInMs: 1_000 },
  ],
  [
    "an API service that is down for 2 min is degraded",
    conditions("apiregistration.k8s.io/v1/APIService", condition("Available", "False", { reason: "MissingEndpoints", forMs: 120_000 })),
    "degraded",
    { reason: "MissingEndpoints" },
  ],
  [
    "an established definition is healthy",
    conditions("apiextensions.k8s.io/v1/CustomResourceDefinition", condition("NamesAccepted", "True"), condition("Established", "True")),
    "healthy",
  ],
  [
    "a definition that is being installed is progressing",
    conditions(
      "apiextensions.k8s.io/v1/CustomResourceDefinition",
      condition("NamesAccepted", "True"),
      condition("Established", "False", { reason: "Installing" }),
    ),
    "progressing",
  ],
  [
    "a definition whose names are taken is degraded",
    conditions("apiextensions.k8s.io/v1/CustomResourceDefinition", condition("NamesAccepted", "False", { reason: "ListKindConflict" })),
    "degraded",
    { reason: "ListKindConflict", terminal: true },
  ],
  [
    "a definition that is not accepted is degraded",
    conditions(
      "apiextensions.k8s.io/v1/CustomResourceDefinition",
      condition("NamesAccepted", "True"),
      condition("Established", "False", { reason: "NotAccepted" }),
    ),
    "degraded",
    { terminal: true },
  ],
  ["an active namespace is healthy", live("v1/Namespace", { status: { phase: "Active" } }), "healthy"],
  ["a namespace without a phase is progressing", live("v1/Namespace"), "progressing"],

  ["a webhook with a CA bundle is healthy", webhook(3_600_000, "Q0E="), "healthy", { message: /^$/ }],
  ["a fresh webhook may still get its CA bundle", webhook(20_000, ""), "healthy", { message: /^$/, recheckInMs: 40_000 }],
  [
    "a webhook without a CA bundle is healthy with a note",
    webhook(61_000, ""),
    "healthy",
    { reason: "NoCaBundle", message: /a\.example\.com/ },
  ],
  ["a ConfigMap is healthy because it is there", live("v1/ConfigMap", { data: {} }), "healthy"],
];

judge(cases);
