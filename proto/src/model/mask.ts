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

/**
 * The object without secret values. Of a Secret its managedFields are left out and everything but its names and type is masked, also in a
 * list or in another object; of every kind the values of environment variables whose names speak of a secret, and both in the copy that
 * kubectl keeps. Never changes its argument.
 */
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

/** Members of a Secret that are no secret. What else there is, today or in a later version, is masked. */
const shownOfSecrets: ReadonlySet<string> = new Set(["apiVersion", "kind", "type", "immutable"]);

function inObject(object: JsonObject, spell: Spell): JsonObject {
  const isSecret = object["kind"] === "Secret" && object["apiVersion"] === "v1";
  return mapped(object, (key, value) => {
    if (key === "metadata" && isJsonObject(value)) return inMetadata(value, spell, isSecret);
    if (isSecret) return shownOfSecrets.has(key) ? value : allSpelled(value, spell);
    return inside(key, value, spell);
  });
}

// Of a Secret the managedFields go, for they can spell values; and of its copy no part can be told apart safely.
function inMetadata(metadata: JsonObject, spell: Spell, ofSecret: boolean): JsonObject {
  if (!ofSecret) return mapped(metadata, (key, value) => inside(key, value, spell));
  const { managedFields: _, ...rest } = metadata;
  return mapped(rest, (key, value) => {
    if (key !== "annotations" || !isJsonObject(value)) return inside(key, value, spell);
    return mapped(value, (name, text) => (name === lastApplied ? allSpelled(text, spell) : text));
  });
}

/** Objects in objects (lists, templates of other kinds), copies of objects, and the environment of containers, at any depth. */
function inside(key: string, value: JsonValue, spell: Spell): JsonValue {
  if (key === lastApplied && typeof value === "string") return inCopy(value, spell);
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return items.map((item) => (key === "env" && isJsonObject(item) ? inVariable(item, spell) : inside("", item, spell)));
  }
  return isJsonObject(value) ? inObject(value, spell) : value;
}

/** A copy of an object as JSON; what is none is masked whole. */
function inCopy(text: string, spell: Spell): string {
  try {
    return JSON.stringify(inside("", JSON.parse(text) as JsonValue, spell));
  } catch {
    return spell(text);
  }
}

/** Variables are called in fewer ways than fields of values: more of them are taken for secrets. */
const speaksOfSecret = /pass|secret|token|key|cred|auth/i;

function inVariable(variable: JsonObject, spell: Spell): JsonObject {
  const { name, value } = variable;
  const isSecret = typeof name === "string" && (speaksOfSecret.test(name) || isSecretName(name));
  if (isSecret && typeof value === "string" && value !== "") return { ...variable, value: spell(value) };
  return variable;
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
