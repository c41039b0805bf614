// What of an object may leave its cluster: the one place where values of Secrets become unreadable (I9). Equal values keep equal masks,
// so that a person sees what differs; a mask is keyed, so that nobody finds the value by guessing.

import { createHmac } from "node:crypto";

import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/** A key of one answer: made by whoever masks, and never told. */
export type MaskKey = Uint8Array;

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** `[masked 3f9c21d07a4e]` for any value. */
export function maskValue(value: JsonValue, key: MaskKey): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `[masked ${createHmac("sha256", key).update(text).digest("hex").slice(0, 12)}]`;
}

/** True for kinds whose values are secret. */
export function isSecretKind(object: JsonObject): boolean {
  return object["kind"] === "Secret" && object["apiVersion"] === "v1";
}

/**
 * An object as it may be shown. Of a Secret every value in `data` and `stringData` is masked, and so is the copy of it that kubectl keeps
 * in an annotation; managedFields go, for they can spell values. Of all kinds, values of environment variables whose names speak of a
 * secret are masked, wherever a pod is described. A Secret inside of a list is found too. Everything else stays.
 */
export function maskObject(object: JsonObject, key: MaskKey): JsonObject {
  return isSecretKind(object) ? maskSecret(object, key) : (maskInside(object, key) as JsonObject);
}

function maskSecret(object: JsonObject, key: MaskKey): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const [member, value] of Object.entries(object)) {
    if (member === "metadata") out[member] = isJsonObject(value) ? maskMetadata(value, key) : value;
    else out[member] = shown.has(member) ? value : maskMembers(value, key);
  }
  return out;
}

/** Members of a Secret that are no secret. What else there is, today or in a later version, is masked. */
const shown: ReadonlySet<string> = new Set(["apiVersion", "kind", "type", "immutable"]);

function maskMembers(value: JsonValue, key: MaskKey): JsonValue {
  if (!isJsonObject(value)) return value === null ? null : maskValue(value, key);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, maskValue(member, key)]));
}

function maskMetadata(metadata: JsonObject, key: MaskKey): JsonObject {
  const { managedFields: _, annotations, ...rest } = metadata;
  if (!isJsonObject(annotations)) return annotations === undefined ? rest : { ...rest, annotations };
  const copy = annotations[lastApplied];
  return { ...rest, annotations: copy === undefined ? annotations : { ...annotations, [lastApplied]: maskValue(copy, key) } };
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

function maskInside(value: JsonValue, key: MaskKey): JsonValue {
  if (isList(value)) return value.map((item) => maskInside(item, key));
  if (!isJsonObject(value)) return value;
  if (isSecretKind(value)) return maskSecret(value, key);
  const out: Record<string, JsonValue> = {};
  for (const [member, below] of Object.entries(value)) {
    if (member === "env" && isList(below)) out[member] = below.map((item) => maskVariable(item, key));
    else if (member === lastApplied && typeof below === "string") out[member] = maskText(below, key);
    else out[member] = maskInside(below, key);
  }
  return out;
}

/** Letters that names of secret variables have in them: `DB_PASSWORD`, `API_TOKEN`, `AWS_SECRET_ACCESS_KEY`. */
const speaksOfSecret = /pass|secret|token|key|cred|auth/i;

function maskVariable(item: JsonValue, key: MaskKey): JsonValue {
  if (!isJsonObject(item)) return item;
  const { name, value } = item;
  const isSecret = typeof name === "string" && speaksOfSecret.test(name) && typeof value === "string" && value !== "";
  return isSecret ? { ...item, value: maskValue(value, key) } : item;
}

/** A copy of an object in an annotation, as JSON; what is none is masked whole. */
function maskText(text: string, key: MaskKey): string {
  try {
    return JSON.stringify(maskInside(JSON.parse(text) as JsonValue, key));
  } catch {
    return maskValue(text, key);
  }
}
