// Which pods are of a workload's newest template: what its controller wrote says so, by revision and hash.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { at, numberAt, objectsAt, textAt, textsAt } from "@muster/proto/model/members";

export type WorkloadKind = "Deployment" | "StatefulSet" | "DaemonSet" | "Job";

export type NewestPods = {
  /** UID of what owns the pods, as their controller. */
  readonly owner: string;
  /** The template's hash; "" for a Job, which has one template for life. */
  readonly template: string;
  /** Selects them, and perhaps others. */
  readonly labelSelector: string;
  /** How many there were, as the controller counted. */
  readonly count: number;
};

type Reading = {
  readonly group: "apps" | "batch";
  /** The kind that holds its revisions, where one has to be asked. */
  readonly revisions: string | null;
  readonly newest: (workload: JsonObject, revisions: readonly JsonObject[]) => NewestPods | null;
};

const readings: { readonly [Kind in WorkloadKind]: Reading } = {
  Deployment: { group: "apps", revisions: "ReplicaSet", newest: ofDeployment },
  StatefulSet: { group: "apps", revisions: null, newest: ofStatefulSet },
  DaemonSet: { group: "apps", revisions: "ControllerRevision", newest: ofDaemonSet },
  Job: { group: "batch", revisions: null, newest: ofJob },
};

/** How to read a kind whose pods are watched; undefined for any other. */
export function readingOf(group: string, kind: string): Reading | undefined {
  const reading = Object.hasOwn(readings, kind) ? readings[kind as WorkloadKind] : undefined;
  return reading?.group === group ? reading : undefined;
}

/** Null: its controller has not seen the newest change yet, or nobody knows which pods are new. */
export function newestPods(workload: JsonObject, revisions: readonly JsonObject[]): NewestPods | null {
  const apiVersion = textAt(workload, "apiVersion") ?? "";
  const reading = readingOf(apiVersion.slice(0, Math.max(0, apiVersion.indexOf("/"))), textAt(workload, "kind") ?? "");
  const observed = numberAt(workload, "status", "observedGeneration") ?? Infinity;
  if (reading === undefined || observed < (numberAt(workload, "metadata", "generation") ?? 0)) return null;
  return reading.newest(workload, revisions.filter(isOwnedBy(textAt(workload, "metadata", "uid") ?? "")));
}

/** True for what this object controls. */
export function isOwnedBy(uid: string): (object: JsonObject) => boolean {
  return (object) =>
    uid !== "" && objectsAt(object, "metadata", "ownerReferences").some((owner) => owner["uid"] === uid && owner["controller"] === true);
}

const revisionOf = (object: JsonObject): string | undefined =>
  textAt(object, "metadata", "annotations", "deployment.kubernetes.io/revision");

function ofDeployment(workload: JsonObject, revisions: readonly JsonObject[]): NewestPods | null {
  const revision = revisionOf(workload);
  const newest = revision === undefined ? undefined : revisions.find((set) => revisionOf(set) === revision);
  const template = newest && textAt(newest, "metadata", "labels", "pod-template-hash");
  return pods(workload, newest && textAt(newest, "metadata", "uid"), ["pod-template-hash", template], ["updatedReplicas"]);
}

function ofStatefulSet(workload: JsonObject): NewestPods | null {
  const template = textAt(workload, "status", "updateRevision");
  // Once all are of the newest template, `updatedReplicas` is no longer kept.
  const counts = template === textAt(workload, "status", "currentRevision") ? ["replicas"] : ["updatedReplicas"];
  return pods(workload, textAt(workload, "metadata", "uid"), ["controller-revision-hash", template], counts);
}

function ofDaemonSet(workload: JsonObject, revisions: readonly JsonObject[]): NewestPods | null {
  const newest = revisions.toSorted((a, b) => (numberAt(b, "revision") ?? 0) - (numberAt(a, "revision") ?? 0))[0];
  const template = newest && textAt(newest, "metadata", "labels", "controller-revision-hash");
  return pods(workload, textAt(workload, "metadata", "uid"), ["controller-revision-hash", template], ["updatedNumberScheduled"]);
}

function ofJob(workload: JsonObject): NewestPods | null {
  return pods(workload, textAt(workload, "metadata", "uid"), ["", ""], ["active", "succeeded", "failed"]);
}

function pods(
  workload: JsonObject,
  owner: string | undefined,
  [label, template]: readonly [label: string, template: string | undefined],
  counts: readonly string[],
): NewestPods | null {
  const selector = selectorText(at(workload, "spec", "selector"));
  if (owner === undefined || template === undefined || selector === "") return null;
  const labelSelector = label === "" ? selector : `${selector},${label}=${template}`;
  const count = counts.reduce((sum, name) => sum + (numberAt(workload, "status", name) ?? 0), 0);
  return { owner, template, labelSelector, count };
}

/** A selector as a list call takes it; "" for none. */
function selectorText(selector: JsonValue | undefined): string {
  if (!isJsonObject(selector)) return "";
  const labels = isJsonObject(selector["matchLabels"]) ? Object.entries(selector["matchLabels"]) : [];
  const equal = labels.map(([name, value]) => `${name}=${String(value)}`);
  return [...equal, ...objectsAt(selector, "matchExpressions").map(expressionText)].join(",");
}

function expressionText(expression: JsonObject): string {
  const key = textAt(expression, "key") ?? "";
  const values = `(${textsAt(expression, "values").join(",")})`;
  const words: { readonly [operator: string]: string } = {
    In: `${key} in ${values}`,
    NotIn: `${key} notin ${values}`,
    Exists: key,
    DoesNotExist: `!${key}`,
  };
  return words[textAt(expression, "operator") ?? ""] ?? key;
}
