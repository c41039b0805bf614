// One object on the cluster that is ours, as the inventory keeps it: written before the first write to the API server, gone only when
// the object is gone.

import { isDigest, type Digest } from "@muster/proto/model/digest";
import type { AppKey, ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

import type { FieldConflict } from "./conflict.ts";

export type Entry = {
  readonly identity: ObjectIdentity;
  readonly app: AppKey;
  /** The apiVersion that it was applied at: fields belong to a version. "" before the first apply. */
  readonly apiVersion: string;
  /** Null until the API server answered for the first time. */
  readonly uid: string | null;
  /** Adopted objects were there before us: they are never pruned. */
  readonly origin: "created" | "adopted";
  readonly state: "pending" | "applied" | "pruning";
  /** False for objects that are only ever created: what becomes of them then is others' matter. */
  readonly kept: boolean;
  /** What was declared when it was applied last (see desiredKey), or "" when nothing was yet. */
  readonly desired: string;
  /** From the answer to the last apply. */
  readonly rv: string;
  readonly generation: number;
  /** Canonical JSON of our FieldsV1 in that answer, less the ignored fields. */
  readonly fields: string;
  readonly valueHash: string;
  /** Fields that were left to other managers when it was applied, as the API server names them. */
  readonly left: readonly FieldConflict[];
  /** The approval under which it is being pruned. */
  readonly approval: Digest | null;
};

export type Inventory = ReadonlyMap<string, Entry>;

/** An entry for an object that is about to be written for the first time. */
export function pendingEntry(identity: ObjectIdentity, app: AppKey, origin: Entry["origin"]): Entry {
  return {
    identity,
    app,
    apiVersion: "",
    uid: null,
    origin,
    state: "pending",
    kept: true,
    desired: "",
    rv: "",
    generation: 0,
    fields: "{}",
    valueHash: "",
    left: [],
    approval: null,
  };
}

/** An entry as the journal keeps it. */
export function entryRecord(entry: Entry): JsonObject {
  return entry as unknown as JsonObject;
}

/** Reads an entry back; null when the record is not one. */
export function parseEntry(record: JsonObject): Entry | null {
  const id = record["identity"];
  const texts = ["app", "apiVersion", "desired", "rv", "fields", "valueHash"].every((name) => typeof record[name] === "string");
  const identity = isJsonObject(id) && ["group", "kind", "namespace", "name"].every((name) => typeof id[name] === "string");
  const closed =
    (record["origin"] === "created" || record["origin"] === "adopted") &&
    ["pending", "applied", "pruning"].includes(String(record["state"])) &&
    (record["uid"] === null || typeof record["uid"] === "string") &&
    (record["approval"] === null || isDigest(record["approval"])) &&
    typeof record["generation"] === "number" &&
    typeof record["kept"] === "boolean" &&
    Array.isArray(record["left"]);
  return texts && identity && closed ? (record as unknown as Entry) : null;
}

/** The objects of each App. */
export function byApp(inventory: Inventory): ReadonlyMap<AppKey, readonly Entry[]> {
  const apps = new Map<AppKey, Entry[]>();
  for (const entry of inventory.values()) {
    const list = apps.get(entry.app);
    if (list) list.push(entry);
    else apps.set(entry.app, [entry]);
  }
  return apps;
}
