// managedFields' FieldsV1 as a set of paths: walk an object with it, add, subtract, name its leaves. In it `f:` is a member, `k:{..}` the
// list item with those keys, `v:` a value of a set, `i:` an index, `.` the thing itself; a leaf `{}` stands for the whole subtree.
// No schema is needed.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

/** A set of fields as the API server writes it. */
export type FieldSet = JsonObject;

/** One path, in the segments of FieldsV1: `["f:spec", "k:{\"name\":\"web\"}", "f:image"]`. */
export type FieldPath = readonly string[];

/** What a segment leads to inside a value; undefined when it is not there. */
export function step(value: JsonValue | undefined, segment: string): JsonValue | undefined {
  if (value === undefined) return undefined;
  if (segment === ".") return value;
  const rest = segment.slice(2);
  switch (segment.slice(0, 2)) {
    case "f:":
      return isJsonObject(value) && Object.hasOwn(value, rest) ? value[rest] : undefined;
    case "k:":
      return isList(value) ? (value.find((item) => hasKeys(item, rest)) ?? value.find((item) => mayHaveKeys(item, rest))) : undefined;
    case "v:":
      return isList(value) ? value.find((item) => JSON.stringify(item) === rest) : undefined;
    case "i:":
      return isList(value) ? value[Number(rest)] : undefined;
    default:
      return undefined;
  }
}

/**
 * The values that a set of fields covers in an object: the same tree, with values at the leaves and absent ones left out. Where
 * `declared` has `{}` or `[]`, only that the field exists counts: whoever fills it does not change what was declared.
 */
export function project(object: JsonValue, fields: FieldSet, declared?: JsonValue): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const [segment, below] of Object.entries(fields)) {
    const value = step(object, segment);
    if (value === undefined) continue;
    out[segment] = projectOne(value, segment, isJsonObject(below) ? below : {}, step(declared, segment));
  }
  return out;
}

function projectOne(value: JsonValue, segment: string, below: FieldSet, declared: JsonValue | undefined): JsonValue {
  if (segment === ".") return true;
  if (Object.keys(below).length > 0) return project(value, below, declared);
  return declared !== undefined && isHollow(declared) ? true : value;
}

/** Every path of a set that has nothing below it. `.` beside other segments is left out: the paths below say more. */
export function leaves(fields: FieldSet, at: FieldPath = []): readonly FieldPath[] {
  const entries = Object.entries(fields);
  return entries.flatMap(([segment, below]) => {
    if (segment === ".") return entries.length === 1 ? [at] : [];
    const path = [...at, segment];
    return isJsonObject(below) && Object.keys(below).length > 0 ? leaves(below, path) : [path];
  });
}

/** True when the set holds the path, something above it as a whole, or something below it. */
export function covers(fields: FieldSet, path: FieldPath): boolean {
  let at: JsonValue | undefined = fields;
  for (const segment of path) {
    if (!isJsonObject(at)) return false;
    if (Object.keys(at).length === 0) return true;
    at = at[segment];
    if (at === undefined) return false;
  }
  return true;
}

/** True when the set holds the field at a way (members and indexes) into a value. */
export function coversWay(fields: FieldSet, value: JsonValue | undefined, way: readonly (string | number)[]): boolean {
  const [part, ...rest] = way;
  if (part === undefined || Object.keys(fields).length === 0) return true;
  const segment = segmentOf(fields, value, part);
  const below = segment === undefined ? undefined : fields[segment];
  return segment !== undefined && isJsonObject(below) && coversWay(below, step(value, segment), rest);
}

/** The segment of a set that stands for a member or an item of a value. */
export function segmentOf(fields: FieldSet, value: JsonValue | undefined, part: string | number): string | undefined {
  if (typeof part === "string") return Object.hasOwn(fields, `f:${part}`) ? `f:${part}` : undefined;
  const item = value !== undefined && isList(value) ? value[part] : undefined;
  return Object.keys(fields).find(
    (segment) =>
      segment === `i:${part}` ||
      (item !== undefined && segment.startsWith("v:") && JSON.stringify(item) === segment.slice(2)) ||
      (item !== undefined && segment.startsWith("k:") && mayHaveKeys(item, segment.slice(2))),
  );
}

/** The value without what a set of fields covers. */
export function dropFields(value: JsonValue, fields: FieldSet): JsonValue {
  if (isJsonObject(value)) {
    const out: Record<string, JsonValue> = {};
    for (const [key, member] of Object.entries(value)) {
      const below = fields[`f:${key}`];
      if (below === undefined) out[key] = member;
      else if (isJsonObject(below) && Object.keys(below).length > 0) out[key] = dropFields(member, below);
    }
    return out;
  }
  if (!isList(value)) return value;
  return value.flatMap((item, index) => {
    const segment = segmentOf(fields, value, index);
    const below = segment === undefined ? undefined : fields[segment];
    if (below === undefined) return [item];
    return isJsonObject(below) && Object.keys(below).length > 0 ? [dropFields(item, below)] : [];
  });
}

/** All of both sets. */
export function unionFields(a: FieldSet, b: FieldSet): FieldSet {
  const out: Record<string, JsonValue> = { ...a };
  for (const [segment, below] of Object.entries(b)) {
    const own = out[segment];
    out[segment] = isJsonObject(own) && isJsonObject(below) ? unionFields(own, below) : below;
  }
  return out;
}

/** What of `a` is not in `b`. A leaf of `b` takes everything below it. */
export function minusFields(a: FieldSet, b: FieldSet): FieldSet {
  const out: Record<string, JsonValue> = {};
  for (const [segment, below] of Object.entries(a)) {
    const other = b[segment];
    if (!isJsonObject(other)) out[segment] = below;
    else if (isJsonObject(below) && Object.keys(other).length > 0 && Object.keys(below).length > 0) {
      const rest = minusFields(below, other);
      if (Object.keys(rest).length > 0) out[segment] = rest;
    }
  }
  return out;
}

/** The set that holds just these paths. */
export function fieldsOf(paths: Iterable<FieldPath>): FieldSet {
  let out: FieldSet = {};
  for (const path of paths) {
    out = unionFields(
      out,
      path.reduceRight<FieldSet>((below, segment) => ({ [segment]: below }), {}),
    );
  }
  return out;
}

/** How a person reads a path, and how an ignore rule writes it: `/spec/containers/[name=web]/image`. */
export function pointerOf(path: FieldPath): string {
  return path.map((segment) => `/${pointerSegment(segment)}`).join("");
}

function pointerSegment(segment: string): string {
  const rest = segment.slice(2);
  if (segment.startsWith("k:")) {
    const keys: unknown = JSON.parse(rest);
    if (!isJsonObject(keys)) return rest;
    return `[${Object.entries(keys)
      .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(",")}]`;
  }
  if (segment.startsWith("v:")) return `[=${rest.replace(/^"|"$/g, "")}]`;
  return rest.replaceAll("~", "~0").replaceAll("/", "~1");
}

function hasKeys(item: JsonValue, keysText: string): boolean {
  const keys: unknown = JSON.parse(keysText);
  if (!isJsonObject(item) || !isJsonObject(keys)) return false;
  return Object.entries(keys).every(([key, value]) => JSON.stringify(item[key]) === JSON.stringify(value));
}

// A key that the API server defaults (a port's protocol) need not be in what was declared.
function mayHaveKeys(item: JsonValue, keysText: string): boolean {
  const keys: unknown = JSON.parse(keysText);
  if (!isJsonObject(item) || !isJsonObject(keys)) return false;
  return Object.entries(keys).every(([key, value]) => item[key] === undefined || JSON.stringify(item[key]) === JSON.stringify(value));
}

function isHollow(value: JsonValue): boolean {
  return (isJsonObject(value) && Object.keys(value).length === 0) || (isList(value) && value.length === 0);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
