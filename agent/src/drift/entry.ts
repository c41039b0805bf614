// Who manages what on a live object: its managedFields, ours among them, and those of people at a keyboard.

import { fieldManager } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import type { FieldSet } from "./fields.ts";

/** One entry of metadata.managedFields. */
export type ManagerEntry = {
  readonly manager: string;
  /** `Apply` or `Update`. */
  readonly operation: string;
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339, or null. */
  readonly time: string | null;
  readonly fields: FieldSet;
};

/** The managedFields of a live object. */
export function entriesOf(live: JsonObject): readonly ManagerEntry[] {
  const metadata = live["metadata"];
  const list = isJsonObject(metadata) ? metadata["managedFields"] : undefined;
  return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isJsonObject).map(parseEntry) : [];
}

/** Our own fields: what the entry of manager `muster`, Apply, without a subresource holds. Null when there is none. */
export function ownFields(live: JsonObject): FieldSet | null {
  return entriesOf(live).find(isOwn)?.fields ?? null;
}

export function isOwn(entry: ManagerEntry): boolean {
  return entry.manager === fieldManager && entry.operation === "Apply" && entry.subresource === "";
}

/**
 * True for what a person did with kubectl to the object itself: the fields that a heal takes back. A rollout restart is not undone:
 * that would restart again.
 */
export function isPersons(entry: ManagerEntry): boolean {
  return entry.subresource === "" && entry.manager.startsWith("kubectl") && entry.manager !== "kubectl-rollout";
}

function parseEntry(value: JsonObject): ManagerEntry {
  const text = (name: string): string => (typeof value[name] === "string" ? value[name] : "");
  return {
    manager: text("manager"),
    operation: text("operation"),
    apiVersion: text("apiVersion"),
    subresource: text("subresource"),
    time: text("time") || null,
    fields: isJsonObject(value["fieldsV1"]) ? value["fieldsV1"] : {},
  };
}
