// Reading members of objects whose shape nobody promises: what is not there or of another type is undefined or empty.

import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

export function at(object: JsonObject, ...path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = object;
  for (const member of path) value = isJsonObject(value) && Object.hasOwn(value, member) ? value[member] : undefined;
  return value;
}

export function numberAt(object: JsonObject, ...path: readonly string[]): number | undefined {
  const value = at(object, ...path);
  return typeof value === "number" ? value : undefined;
}

export function textAt(object: JsonObject, ...path: readonly string[]): string | undefined {
  const value = at(object, ...path);
  return typeof value === "string" ? value : undefined;
}

export function objectsAt(object: JsonObject, ...path: readonly string[]): readonly JsonObject[] {
  return listAt(object, ...path).filter(isJsonObject);
}

export function textsAt(object: JsonObject, ...path: readonly string[]): readonly string[] {
  return listAt(object, ...path).filter((item) => typeof item === "string");
}

/** Milliseconds since 1970. */
export function timeAt(object: JsonObject, ...path: readonly string[]): number | undefined {
  const time = Date.parse(textAt(object, ...path) ?? "");
  return Number.isNaN(time) ? undefined : time;
}

function listAt(object: JsonObject, ...path: readonly string[]): readonly JsonValue[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
