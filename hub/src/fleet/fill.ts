// Puts defaults in. What comes in was checked; what goes out has every field of its table.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { durationMs } from "./names.ts";
import type { Fields, Shape } from "./shape.ts";

/** A checked value with every default of its shape; durations become milliseconds. */
export function fill(shape: Shape, value: JsonValue): JsonValue {
  switch (shape.is) {
    case "object":
      return isJsonObject(value) ? fillFields(shape.fields, value) : value;
    case "list":
      return Array.isArray(value) ? (value as readonly JsonValue[]).map((item) => fill(shape.of, item)) : value;
    case "coded":
      return fill(shape.of, value);
    case "duration":
      return typeof value === "string" ? durationMs(value) : value;
    default:
      return value;
  }
}

export function fillFields(fields: Fields, value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => {
      const given = Object.hasOwn(value, key) ? value[key] : undefined;
      const meant = given ?? field.default ?? null;
      return [key, meant === null ? null : fill(field.shape, meant)];
    }),
  );
}
