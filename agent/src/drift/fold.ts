// Folding: server-side apply leaves alone what others added. To take back what a person added at a keyboard, their entries are first
// made ours, by a patch of managedFields under the object's resourceVersion; the apply that follows then drops what is not declared.

import { fieldManager } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { entriesOf, isOwn, isPersons, type ManagerEntry } from "./entry.ts";
import { minusFields, unionFields, type FieldSet } from "./fields.ts";
import { parsePointer, withoutPatterns, type Ignored, type Pattern } from "./ignore.ts";

/** Fields that the cluster gave an object and that cannot be taken back: whoever applies without them is refused. */
const lasting: { readonly [kind: string]: readonly string[] } = {
  PersistentVolumeClaim: ["/spec/volumeName"],
  PersistentVolume: ["/spec/claimRef"],
  Job: [
    "/spec/selector",
    "/spec/template/metadata/labels/controller-uid",
    "/spec/template/metadata/labels/job-name",
    "/spec/template/metadata/labels/batch.kubernetes.io~1controller-uid",
    "/spec/template/metadata/labels/batch.kubernetes.io~1job-name",
  ],
  Service: ["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort", "/spec/ports/*/nodePort"],
};

/** Managers whose fields are taken over at adoption, beside those of people. */
export type AlsoFold = (entry: ManagerEntry) => boolean;

/** The fields of an entry that a fold would make ours. */
export function foldable(entry: ManagerEntry, live: JsonObject, ignored: Ignored, also: AlsoFold = () => false): FieldSet {
  if (isOwn(entry) || entry.subresource !== "") return {};
  const ownUpdate = entry.manager === fieldManager && entry.operation === "Update";
  if (!isPersons(entry) && !ownUpdate && !also(entry)) return {};
  return withoutPatterns(entry.fields, [...ignored.patterns, ...lastingPatterns(live)]);
}

/**
 * The JSON patch that makes people's fields ours, guarded by the resourceVersion that it was computed from; null when there is
 * nothing to fold. Entries of another apiVersion than ours stay: their paths mean something else.
 */
export function fold(live: JsonObject, ignored: Ignored, apiVersion: string, also?: AlsoFold): readonly JsonObject[] | null {
  const metadata = isJsonObject(live["metadata"]) ? live["metadata"] : {};
  const raw = Array.isArray(metadata["managedFields"]) ? (metadata["managedFields"] as readonly JsonValue[]).filter(isJsonObject) : [];
  const entries = entriesOf(live);
  let own: FieldSet = entries.find(isOwn)?.fields ?? {};
  const others: JsonObject[] = [];
  let folded = false;
  entries.forEach((entry, index) => {
    const value = raw[index];
    if (isOwn(entry) || value === undefined) return;
    const taken = entry.apiVersion === apiVersion ? foldable(entry, live, ignored, also) : {};
    if (Object.keys(taken).length === 0) {
      others.push(value);
      return;
    }
    folded = true;
    own = unionFields(own, taken);
    const rest = minusFields(entry.fields, taken);
    if (Object.keys(rest).length > 0) others.push({ ...value, fieldsV1: rest });
  });
  if (!folded) return null;
  const ours: JsonObject = { manager: fieldManager, operation: "Apply", apiVersion, fieldsType: "FieldsV1", fieldsV1: own };
  return [
    { op: "replace", path: "/metadata/managedFields", value: [ours, ...others] },
    { op: "replace", path: "/metadata/resourceVersion", value: metadata["resourceVersion"] ?? "" },
  ];
}

function lastingPatterns(live: JsonObject): readonly Pattern[] {
  const kind = live["kind"];
  return typeof kind === "string" ? (lasting[kind] ?? []).map(parsePointer) : [];
}
