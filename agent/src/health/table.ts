// Which rule judges which kind.

import { canary, certificate, conditionsTrue, flux, issuer, rollout } from "./kinds/addons.ts";
import { apiService, definition, namespace, webhooks } from "./kinds/cluster.ts";
import { daemonSet } from "./kinds/daemonset.ts";
import { deployment } from "./kinds/deployment.ts";
import { cronJob, job } from "./kinds/job.ts";
import { gateway, gatewayClass, route, service } from "./kinds/network.ts";
import { pod } from "./kinds/pod.ts";
import { replicaSet } from "./kinds/replicaset.ts";
import { autoscaler, disruptionBudget } from "./kinds/scaling.ts";
import { statefulSet } from "./kinds/statefulset.ts";
import { claim, volume } from "./kinds/storage.ts";
import { unknownKind } from "./kinds/unknown.ts";
import { healthy, type Rule } from "./verdict.ts";

/** What has no health of its own: it exists, and that is all. */
const exists: Rule = () => healthy();

const rules = {
  "/ConfigMap": exists,
  "/Endpoints": exists,
  "/LimitRange": exists,
  "/Namespace": namespace,
  "/PersistentVolume": volume,
  "/PersistentVolumeClaim": claim,
  "/Pod": pod,
  "/PodTemplate": exists,
  "/ReplicationController": replicaSet,
  "/ResourceQuota": exists,
  "/Secret": exists,
  "/Service": service,
  "/ServiceAccount": exists,
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": exists,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": exists,
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": webhooks,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": exists,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": exists,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": webhooks,
  "apiextensions.k8s.io/CustomResourceDefinition": definition,
  "apiregistration.k8s.io/APIService": apiService,
  "apps/ControllerRevision": exists,
  "apps/DaemonSet": daemonSet,
  "apps/Deployment": deployment,
  "apps/ReplicaSet": replicaSet,
  "apps/StatefulSet": statefulSet,
  "argoproj.io/Rollout": rollout,
  "autoscaling/HorizontalPodAutoscaler": autoscaler,
  "batch/CronJob": cronJob,
  "batch/Job": job,
  "bitnami.com/SealedSecret": conditionsTrue("Synced"),
  "cert-manager.io/Certificate": certificate,
  "cert-manager.io/ClusterIssuer": issuer,
  "cert-manager.io/Issuer": issuer,
  "coordination.k8s.io/Lease": exists,
  "discovery.k8s.io/EndpointSlice": exists,
  "external-secrets.io/ClusterSecretStore": conditionsTrue("Ready"),
  "external-secrets.io/ExternalSecret": conditionsTrue("Ready"),
  "external-secrets.io/SecretStore": conditionsTrue("Ready"),
  "flagger.app/Canary": canary,
  "gateway.networking.k8s.io/GRPCRoute": route,
  "gateway.networking.k8s.io/Gateway": gateway,
  "gateway.networking.k8s.io/GatewayClass": gatewayClass,
  "gateway.networking.k8s.io/HTTPRoute": route,
  "gateway.networking.k8s.io/ReferenceGrant": exists,
  "gateway.networking.k8s.io/TCPRoute": route,
  "gateway.networking.k8s.io/TLSRoute": route,
  "gateway.networking.k8s.io/UDPRoute": route,
  "networking.k8s.io/Ingress": exists,
  "networking.k8s.io/IngressClass": exists,
  "networking.k8s.io/NetworkPolicy": exists,
  "node.k8s.io/RuntimeClass": exists,
  "policy/PodDisruptionBudget": disruptionBudget,
  "rbac.authorization.k8s.io/ClusterRole": exists,
  "rbac.authorization.k8s.io/ClusterRoleBinding": exists,
  "rbac.authorization.k8s.io/Role": exists,
  "rbac.authorization.k8s.io/RoleBinding": exists,
  "scheduling.k8s.io/PriorityClass": exists,
  "serving.knative.dev/Service": conditionsTrue("Ready"),
  "storage.k8s.io/CSIDriver": exists,
  "storage.k8s.io/StorageClass": exists,
  "storage.k8s.io/VolumeAttributesClass": exists,
} as const satisfies Record<string, Rule>;

/** Groups whose every kind is judged alike, by the end of their name. */
const families: readonly (readonly [suffix: string, rule: Rule])[] = [
  [".toolkit.fluxcd.io", flux],
  [".crossplane.io", conditionsTrue("Synced", "Ready")],
  [".upbound.io", conditionsTrue("Synced", "Ready")],
];

export type KnownKind = keyof typeof rules;
export const knownKinds = Object.keys(rules) as readonly KnownKind[];

/** Kinds whose controllers always say which generation they saw: until they do, their counts of 0 mean nothing. */
const observers: ReadonlySet<string> = new Set<KnownKind>([
  "apps/DaemonSet",
  "apps/Deployment",
  "apps/ReplicaSet",
  "apps/StatefulSet",
  "policy/PodDisruptionBudget",
]);

export function observesGeneration(group: string, kind: string): boolean {
  return observers.has(`${group}/${kind}`);
}

export function ruleFor(group: string, kind: string): Rule {
  const key = `${group}/${kind}`;
  if (Object.hasOwn(rules, key)) return rules[key as KnownKind];
  return families.find(([suffix]) => group.endsWith(suffix))?.[1] ?? unknownKind;
}

/** False for kinds whose existence is all there is to know: their metadata is enough to watch. */
export function hasHealth(group: string, kind: string): boolean {
  return ruleFor(group, kind) !== exists;
}
