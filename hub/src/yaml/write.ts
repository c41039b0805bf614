// Prints a value as YAML that every Kubernetes tool reads back as the same value.

import jsYaml from "js-yaml";
import { isJsonObject, type JsonValue } from "@muster/proto/model/json";
import { writingSchema } from "./schema.ts";

const first = ["apiVersion", "kind", "metadata", "spec"];

/**
 * One document, without `---`, ending in a line break. A Kubernetes object starts with apiVersion, kind, metadata and spec;
 * all other keys keep their order. Strings that would be read as something else are quoted.
 */
export function writeYaml(value: JsonValue): string {
  return jsYaml.dump(inOrder(value), { schema: writingSchema, noRefs: true, lineWidth: -1 });
}

function inOrder(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const known = first.filter((key) => Object.hasOwn(value, key));
  const rest = Object.keys(value).filter((key) => !first.includes(key));
  return Object.fromEntries([...known, ...rest].map((key) => [key, value[key] ?? null]));
}
