// The order of writing: phase, wave, stage, namespace, name. Deletes go the other way round.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { ObjectIdentity } from "@muster/proto/model/identity";

/** 0 what others stand on, 1 who may do what, 2 what is read at the start, 3 everything that runs, 4 what can block all of it. */
export type Stage = 0 | 1 | 2 | 3 | 4;

/** `sync` is all there is now; the phases of hooks come before and after it. */
export const phases = ["sync"] as const;
export type Phase = (typeof phases)[number];

/** By `group/Kind`; a kind that is not named is of stage 3. */
const stages: { readonly [kind: string]: Stage } = {
  "apiextensions.k8s.io/CustomResourceDefinition": 0,
  "/Namespace": 0,
  "/ResourceQuota": 1,
  "/LimitRange": 1,
  "networking.k8s.io/NetworkPolicy": 1,
  "storage.k8s.io/StorageClass": 1,
  "networking.k8s.io/IngressClass": 1,
  "scheduling.k8s.io/PriorityClass": 1,
  "node.k8s.io/RuntimeClass": 1,
  "storage.k8s.io/VolumeAttributesClass": 1,
  "/ServiceAccount": 1,
  "rbac.authorization.k8s.io/Role": 1,
  "rbac.authorization.k8s.io/ClusterRole": 1,
  "rbac.authorization.k8s.io/RoleBinding": 1,
  "rbac.authorization.k8s.io/ClusterRoleBinding": 1,
  "/Secret": 2,
  "/ConfigMap": 2,
  "/PersistentVolume": 2,
  "/PersistentVolumeClaim": 2,
  "/Service": 2,
  "apiregistration.k8s.io/APIService": 4,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": 4,
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": 4,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": 4,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": 4,
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": 4,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": 4,
};

export const stagesInOrder: readonly Stage[] = [0, 1, 2, 3, 4];

/** The stage of a kind; other `*Class` kinds of the gateway and snapshot groups count as classes too. */
export function stageOf(id: ObjectIdentity): Stage {
  return stages[`${id.group}/${id.kind}`] ?? (id.kind.endsWith("Class") && id.namespace === "" ? 1 : 3);
}

type Placed = { readonly identity: ObjectIdentity; readonly phase: Phase; readonly wave: number; readonly stage: Stage };

/** Orders what is written. */
export function compareWrites(a: Placed, b: Placed): number {
  return (
    phases.indexOf(a.phase) - phases.indexOf(b.phase) ||
    a.wave - b.wave ||
    a.stage - b.stage ||
    byCodeUnits(a.identity.namespace, b.identity.namespace) ||
    byCodeUnits(a.identity.name, b.identity.name) ||
    byCodeUnits(`${a.identity.group}/${a.identity.kind}`, `${b.identity.group}/${b.identity.kind}`)
  );
}

/** The rounds of a prune: each waits for the one before. Definitions and namespaces go last, when nothing of ours is left in them. */
export function pruneRound(id: ObjectIdentity): number {
  if (id.kind === "Namespace" && id.group === "") return 6;
  return id.kind === "CustomResourceDefinition" && id.group === "apiextensions.k8s.io" ? 5 : 4 - stageOf(id);
}
