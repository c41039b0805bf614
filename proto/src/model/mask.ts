// The one place where secret values are taken out of objects before a person sees them: by kind, by the annotation in which kubectl keeps
// a copy, and by name in the environment of containers and in values. What is not a secret stays as it is.

import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/** How a secret value is spelled: a keyed hash shows who is equal to whom, and nothing else. */
export type Spell = (value: string) => string;

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
const secretNames =
  /passw|passphrase|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|credential|bearer|\bdsn\b|connection[-_]?string/i;
/** Names that speak of a secret without holding one: where it lies. */
const references = /(?:ref|name|file|path|key[-_]?name|namespace|enabled|ttl|type)$/i;

/** True for the name of a field or variable that holds a secret, such as `DB_PASSWORD` or `apiKey`. */
export function isSecretName(name: string): boolean {
  return secretNames.test(name) && !references.test(name);
}

/** The object without secret values and without `metadata.managedFields`. Never changes its argument. */
export function maskObject(object: JsonObject, spell: Spell): JsonObject {
  return inObject(object, spell);
}

/** A value that stands under a name: masked when the name is that of a secret, else what is masked inside of it. */
export function maskValue(name: string, value: JsonValue, spell: Spell): JsonValue {
  return below(value, spell, isSecretName(name));
}

/** Below the name of a secret everything is one, but for what says where it lies. */
function below(value: JsonValue, spell: Spell, secret: boolean): JsonValue {
  if (isJsonObject(value)) {
    return mapped(value, (key, item) => below(item, spell, isSecretName(key) || (secret && !references.test(key))));
  }
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => below(item, spell, secret));
  return secret && (typeof value === "string" || typeof value === "number") && value !== "" ? spell(String(value)) : value;
}

function inObject(object: JsonObject, spell: Spell): JsonObject {
  const isSecret = object["kind"] === "Secret" && object["apiVersion"] === "v1";
  return mapped(object, (key, value) => {
    if (isSecret && (key === "data" || key === "stringData")) return allSpelled(value, spell);
    if (key === "metadata" && isJsonObject(value)) return inMetadata(value, spell);
    return inside(key, value, spell);
  });
}

function inMetadata(metadata: JsonObject, spell: Spell): JsonObject {
  const { managedFields: _, annotations, ...rest } = metadata;
  const out = mapped(rest, (key, value) => inside(key, value, spell));
  if (annotations === undefined) return out;
  // A copy of the whole object, as text: no part of it can be told apart safely.
  return {
    ...out,
    annotations: isJsonObject(annotations)
      ? mapped(annotations, (key, value) => (key === lastApplied ? allSpelled(value, spell) : value))
      : annotations,
  };
}

/** Objects in objects (lists, templates of other kinds) and the environment of containers, at any depth. */
function inside(key: string, value: JsonValue, spell: Spell): JsonValue {
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return items.map((item) => (key === "env" && isJsonObject(item) ? inVariable(item, spell) : inside("", item, spell)));
  }
  return isJsonObject(value) ? inObject(value, spell) : value;
}

function inVariable(variable: JsonObject, spell: Spell): JsonObject {
  const { name, value } = variable;
  return typeof name === "string" && typeof value === "string" && isSecretName(name) && value !== ""
    ? { ...variable, value: spell(value) }
    : variable;
}

function allSpelled(value: JsonValue, spell: Spell): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => allSpelled(item, spell));
  if (isJsonObject(value)) return mapped(value, (_, item) => allSpelled(item, spell));
  return value === null ? null : spell(String(value));
}

// Object.fromEntries defines own members, so that `__proto__` stays a plain key.
function mapped(object: JsonObject, change: (key: string, value: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]));
}
