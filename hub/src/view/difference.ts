// How two sets of objects differ, object by object and field by field. Secrets are masked before anything is compared for people.

import { compareIdentity, identityKey, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { maskObject, type Spell } from "@muster/proto/model/mask";
import { writeYaml } from "../yaml/yaml.ts";
import { unifiedLines } from "./lines.ts";
import type { FieldChange, ObjectChange } from "./questions.ts";

export type Declared = { readonly identity: ObjectIdentity; readonly object: JsonObject };

/** Fields that are listed of one object; the unified text has all of them. */
const fieldsMax = 100;

/** What turns one set of objects into the other: deleted first, then added and changed, each by identity. Equal objects are left out. */
export function differenceOf(before: readonly Declared[], after: readonly Declared[], spell: Spell): readonly ObjectChange[] {
  const old = new Map(before.map((each) => [identityKey(each.identity), each]));
  const now = new Map(after.map((each) => [identityKey(each.identity), each]));
  const changes: ObjectChange[] = [];
  for (const [key, { identity, object }] of old) if (!now.has(key)) changes.push(changeOf("deleted", identity, object, null, spell));
  for (const [key, { identity, object }] of now) {
    const was = old.get(key);
    if (was === undefined) changes.push(changeOf("added", identity, null, object, spell));
    else {
      const change = changeOf("changed", identity, was.object, object, spell);
      if (change.fields.length > 0) changes.push(change);
    }
  }
  return changes.toSorted((a, b) => rank[a.kind] - rank[b.kind] || compareIdentity(a.identity, b.identity));
}

const rank = { deleted: 0, added: 1, changed: 2 } as const satisfies Record<ObjectChange["kind"], number>;

function changeOf(
  kind: ObjectChange["kind"],
  identity: ObjectIdentity,
  before: JsonObject | null,
  after: JsonObject | null,
  spell: Spell,
): ObjectChange {
  const [left, right] = [before, after].map((object) => (object === null ? null : maskObject(object, spell)));
  const text = (object: JsonObject | null | undefined): string => (object == null ? "" : writeYaml(object));
  return {
    kind,
    identity,
    fields: left == null || right == null ? [] : fieldChanges(left, right).slice(0, fieldsMax),
    lines: unifiedLines(text(left), text(right)),
  };
}

/** The leaves at which two values differ. Lists of named items (containers, ports, variables) are compared by name. */
export function fieldChanges(before: JsonValue, after: JsonValue, path = ""): readonly FieldChange[] {
  if (isJsonObject(before) && isJsonObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    return keys.flatMap((key) => memberChanges(own(before, key), own(after, key), `${path}${stepOf(key, path)}`));
  }
  if (Array.isArray(before) && Array.isArray(after))
    return listChanges(before as readonly JsonValue[], after as readonly JsonValue[], path);
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, from: before, to: after }];
}

function memberChanges(before: JsonValue | undefined, after: JsonValue | undefined, path: string): readonly FieldChange[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ path, to: after ?? null }];
  if (after === undefined) return [{ path, from: before }];
  return fieldChanges(before, after, path);
}

function listChanges(before: readonly JsonValue[], after: readonly JsonValue[], path: string): readonly FieldChange[] {
  const [old, now] = [byName(before), byName(after)];
  if (old !== null && now !== null) {
    return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) =>
      memberChanges(old.get(name), now.get(name), `${path}[name=${name}]`),
    );
  }
  return Array.from({ length: Math.max(before.length, after.length) }, (_, i) =>
    memberChanges(before[i], after[i], `${path}[${i}]`),
  ).flat();
}

/** Null where some item has no name, or two have the same. */
function byName(items: readonly JsonValue[]): ReadonlyMap<string, JsonValue> | null {
  const found = new Map<string, JsonValue>();
  for (const item of items) {
    const name = isJsonObject(item) ? item["name"] : undefined;
    if (typeof name !== "string" || found.has(name)) return null;
    found.set(name, item);
  }
  return found;
}

const own = (object: JsonObject, key: string): JsonValue | undefined => (Object.hasOwn(object, key) ? object[key] : undefined);
const stepOf = (key: string, path: string): string =>
  /^[\w-]+$/.test(key) ? `${path === "" ? "" : "."}${key}` : `[${JSON.stringify(key)}]`;
