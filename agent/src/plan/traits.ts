// What an object says of itself that changes how it is written or deleted: hooks, keep marks, what a definition defines, what an
// autoscaler scales. Read once per object of a Release.

import type { ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

export type Traits = {
  /** `helm pre-install`, `argocd PreSync`: why it is not written as a plain object; null when it is. */
  readonly hook: string | null;
  /** The kind that a CustomResourceDefinition defines. */
  readonly defines: { readonly group: string; readonly kind: string } | null;
  /** What a HorizontalPodAutoscaler or ScaledObject resizes. */
  readonly scales: ObjectIdentity | null;
  /** Only created, never changed (Flux `IfNotPresent`), or not written at all (Flux `Ignore`). */
  readonly writing: "always" | "ifAbsent" | "never";
  readonly replace: boolean;
};

export const plainTraits: Traits = { hook: null, defines: null, scales: null, writing: "always", replace: false };

/** Annotations that keep an object when it would be pruned: on what was declared, or on the live object. */
const keepMarks: readonly (readonly [annotation: string, value: string])[] = [
  ["helm.sh/resource-policy", "keep"],
  ["kustomize.toolkit.fluxcd.io/prune", "disabled"],
  ["cli-utils.sigs.k8s.io/on-remove", "keep"],
  ["client.lifecycle.config.k8s.io/deletion", "detach"],
];

export function traitsOf(object: JsonObject, id: ObjectIdentity): Traits {
  const annotations = annotationsOf(object);
  return {
    hook: hookOf(annotations),
    defines: definedKind(object, id),
    scales: scaledObject(object, id),
    writing: writingOf(annotations["kustomize.toolkit.fluxcd.io/ssa"]),
    replace: annotations["muster.dev/replace"] === "true" || listed(annotations["argocd.argoproj.io/sync-options"], "Force=true"),
  };
}

/** True when an object asks to be kept by whoever prunes it. */
export function isKept(object: JsonObject): boolean {
  const annotations = annotationsOf(object);
  return (
    keepMarks.some(([annotation, value]) => annotations[annotation] === value) ||
    listed(annotations["argocd.argoproj.io/sync-options"], "Prune=false")
  );
}

/** The annotations of an object; values that are not text are left out. */
export function annotationsOf(object: JsonObject): { readonly [name: string]: string } {
  return textsOf(object, "annotations");
}

export function labelsOf(object: JsonObject): { readonly [name: string]: string } {
  return textsOf(object, "labels");
}

function textsOf(object: JsonObject, member: "annotations" | "labels"): { readonly [name: string]: string } {
  const metadata = object["metadata"];
  const values = isJsonObject(metadata) ? metadata[member] : undefined;
  if (!isJsonObject(values)) return {};
  return Object.fromEntries(Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
}

// An object's Argo annotation beats its Helm one.
function hookOf(annotations: { readonly [name: string]: string }): string | null {
  const argo = annotations["argocd.argoproj.io/hook"];
  if (argo !== undefined) return `argocd ${argo}`;
  const helm = annotations["helm.sh/hook"];
  return helm === undefined || helm.trim() === "crd-install" ? null : `helm ${helm}`;
}

function definedKind(object: JsonObject, id: ObjectIdentity): Traits["defines"] {
  if (id.kind !== "CustomResourceDefinition" || id.group !== "apiextensions.k8s.io") return null;
  const spec = object["spec"];
  const names = isJsonObject(spec) ? spec["names"] : undefined;
  if (!isJsonObject(spec) || !isJsonObject(names)) return null;
  const [group, kind] = [spec["group"], names["kind"]];
  return typeof group === "string" && typeof kind === "string" ? { group, kind } : null;
}

function scaledObject(object: JsonObject, id: ObjectIdentity): ObjectIdentity | null {
  const scaler = `${id.group}/${id.kind}`;
  if (scaler !== "autoscaling/HorizontalPodAutoscaler" && scaler !== "keda.sh/ScaledObject") return null;
  const spec = object["spec"];
  const target = isJsonObject(spec) ? spec["scaleTargetRef"] : undefined;
  if (!isJsonObject(target) || typeof target["name"] !== "string") return null;
  const apiVersion = typeof target["apiVersion"] === "string" ? target["apiVersion"] : "apps/v1";
  const kind = typeof target["kind"] === "string" ? target["kind"] : "Deployment";
  return {
    group: apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "",
    kind,
    namespace: id.namespace,
    name: target["name"],
  };
}

function writingOf(ssa: string | undefined): Traits["writing"] {
  if (ssa === "Ignore") return "never";
  return ssa === "IfNotPresent" ? "ifAbsent" : "always";
}

function listed(options: string | undefined, wanted: string): boolean {
  return (options ?? "").split(",").some((option) => option.trim() === wanted);
}
