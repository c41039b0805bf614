// Who changed our fields: the fields whose values differ between the live object before a heal and after it, and the entry of
// managedFields that held them before.

import { canonicalJson } from "@muster/proto/model/canonical";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";

import { entriesOf, isOwn, ownFields, type ManagerEntry } from "./entry.ts";
import { covers, leaves, pointerOf, step, type FieldPath, type FieldSet } from "./fields.ts";

export const fieldsShownMax = 20;

export type Attribution = {
  /** JSON pointers, at most 20. */
  readonly fields: readonly string[];
  readonly paths: readonly FieldPath[];
  /** Who held them; `unknown` when nobody does: a webhook, or a removal. */
  readonly manager: string;
  readonly operation: string;
  readonly subresource: string;
  /** RFC 3339, or null. */
  readonly changedAt: string | null;
};

/** The paths of `fields` whose values differ between two states of an object. */
export function changedFields(before: JsonObject, after: JsonObject, fields: FieldSet): readonly FieldPath[] {
  return leaves(fields).filter((path) => spell(valueAt(before, path)) !== spell(valueAt(after, path)));
}

/** Names the manager of most of the changed fields, the newest where there are several with as many. */
export function attribute(before: JsonObject, after: JsonObject): Attribution {
  const own = ownFields(after) ?? {};
  const added = leaves(ownFields(before) ?? {}).filter((path) => !covers(own, path)); // folded in from a person, then dropped
  const paths = [...changedFields(before, after, own), ...added, ...additionsGone(before, after)];
  const holders = entriesOf(before)
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ entry, held: paths.filter((path) => covers(entry.fields, path)).length }))
    .filter(({ held }) => held > 0)
    .toSorted((a, b) => b.held - a.held || compareTimes(b.entry, a.entry));
  const entry = holders[0]?.entry;
  return {
    fields: [...new Set(paths.map(pointerOf))].slice(0, fieldsShownMax),
    paths,
    manager: entry?.manager || "unknown",
    operation: entry?.operation || "unknown",
    subresource: entry?.subresource ?? "",
    changedAt: entry?.time ?? null,
  };
}

/** What others held before and is gone now: a person's additions that the heal took back. */
function additionsGone(before: JsonObject, after: JsonObject): readonly FieldPath[] {
  return entriesOf(before)
    .filter((entry) => !isOwn(entry) && entry.subresource === "")
    .flatMap((entry) => leaves(entry.fields))
    .filter((path) => valueAt(before, path) !== undefined && valueAt(after, path) === undefined);
}

function valueAt(object: JsonObject, path: FieldPath): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(step, object);
}

function spell(value: JsonValue | undefined): string {
  return value === undefined ? "" : canonicalJson(value);
}

function compareTimes(a: ManagerEntry, b: ManagerEntry): number {
  return Date.parse(a.time ?? "") - Date.parse(b.time ?? "") || 0;
}
