// Whose is a live object? Our marks, put on each object as it is applied, and the marks of other tools.

import { appLabel, appLabelValue, fieldManager, ownerAnnotation, ownerValue, type AppKey } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { annotationsOf, labelsOf } from "./traits.ts";

/** The object with our label and annotation: what is sent to the API server. Throws a TypeError when it has no metadata. */
export function withMarks(object: JsonObject, fleet: string, app: AppKey): JsonObject {
  const metadata = object["metadata"];
  if (!isJsonObject(metadata)) throw new TypeError("object without metadata");
  const labels = isJsonObject(metadata["labels"]) ? metadata["labels"] : {};
  const annotations = isJsonObject(metadata["annotations"]) ? metadata["annotations"] : {};
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...labels, [appLabel]: appLabelValue(app) },
      annotations: { ...annotations, [ownerAnnotation]: ownerValue(fleet, app) },
    },
  };
}

export type Owner =
  | { readonly kind: "none" }
  /** Applied by a Muster: the annotation says for whom, and our field manager has an entry, which a copied annotation has not. */
  | { readonly kind: "muster"; readonly fleet: string; readonly app: AppKey }
  | { readonly kind: "other"; readonly by: string };

/** Marks of other tools, on labels or annotations, and what to call the tool. */
const toolMarks: readonly (readonly [mark: string, tool: string])[] = [
  ["argocd.argoproj.io/tracking-id", "Argo CD"],
  ["kustomize.toolkit.fluxcd.io/name", "Flux Kustomization"],
  ["helm.toolkit.fluxcd.io/name", "Flux HelmRelease"],
  ["meta.helm.sh/release-name", "Helm release"],
  ["config.k8s.io/owning-inventory", "inventory"],
  ["applyset.kubernetes.io/part-of", "ApplySet"],
  ["objectset.rio.cattle.io/id", "Rancher Fleet"],
];

/** Who owns a live object, by its marks. */
export function ownerOf(live: JsonObject): Owner {
  const marks = { ...labelsOf(live), ...annotationsOf(live) };
  const mark = marks[ownerAnnotation];
  if (mark?.includes("/") && isAppliedByUs(live)) {
    const slash = mark.indexOf("/");
    return { kind: "muster", fleet: mark.slice(0, slash), app: mark.slice(slash + 1) as AppKey };
  }
  for (const [name, tool] of toolMarks) if (marks[name] !== undefined) return { kind: "other", by: `${tool} ${marks[name]}` };
  const controller = controllerOf(live);
  return controller === null ? { kind: "none" } : { kind: "other", by: controller };
}

function isAppliedByUs(live: JsonObject): boolean {
  return listIn(live, "managedFields").some((entry) => entry["manager"] === fieldManager && entry["operation"] === "Apply");
}

function controllerOf(live: JsonObject): string | null {
  const owner = listIn(live, "ownerReferences").find((reference) => reference["controller"] === true);
  return owner === undefined ? null : `its controller ${String(owner["kind"])} ${String(owner["name"])}`;
}

function listIn(live: JsonObject, member: string): readonly JsonObject[] {
  const metadata = live["metadata"];
  const list = isJsonObject(metadata) ? metadata[member] : undefined;
  return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isJsonObject) : [];
}
