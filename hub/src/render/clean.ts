// Takes out of an object what the server owns, what says nothing, and what server-side apply would stumble over,
// and spells the rest in one way. Pure: gives a new object.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { podSpecPath } from "./pods.ts";

/** Members of metadata that only a server may write. */
const serverOwned = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
];

type Kind = { readonly group: string; readonly kind: string };

/** The object as it goes into the Release; its identity is unchanged. */
export function cleaned({ group, kind }: Kind, object: JsonObject): JsonObject {
  const { status: _status, ...rest } = object;
  let result = withoutNulls(rest) as JsonObject;
  result = replaced(result, ["metadata"], cleanMetadata);
  if (group === "" && kind === "Secret") result = cleanSecret(result);
  if (group === "" && kind === "Service") result = replaced(result, ["spec", "ports"], tcpPorts);
  if (group === "rbac.authorization.k8s.io" && kind === "ClusterRole" && "aggregationRule" in result) {
    const { rules: _rules, ...aggregated } = result;
    result = aggregated;
  }
  if (group === "apiextensions.k8s.io") result = replaced(result, ["spec", "conversion", "webhook", "clientConfig"], dropBadBundle);
  const pod = podSpecPath(group, kind);
  return pod === undefined ? result : replaced(result, pod, cleanPod);
}

// Server-side apply stores `y: null` as an empty value and owns it. Items of lists keep their nulls.
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutNulls(item));
  if (!isJsonObject(value)) return value;
  const members: [string, JsonValue][] = [];
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (member !== null && member !== undefined) members.push([key, withoutNulls(member)]);
  }
  return Object.fromEntries(members);
}

function cleanMetadata(metadata: JsonValue): JsonValue {
  if (!isJsonObject(metadata)) return metadata;
  const kept = Object.entries(metadata).filter(([key, value]) => !serverOwned.includes(key) && !isEmptyMap(key, value));
  return Object.fromEntries(kept);
}

function isEmptyMap(key: string, value: JsonValue): boolean {
  return (key === "labels" || key === "annotations") && isJsonObject(value) && Object.keys(value).length === 0;
}

// `stringData` is written into `data` by the server, but owned apart: an edit of `data` would go unseen.
function cleanSecret(secret: JsonObject): JsonObject {
  const { stringData, ...rest } = secret;
  const data = isJsonObject(rest["data"]) ? rest["data"] : {};
  const entries = Object.entries(data).map(([key, value]) => [key, typeof value === "string" ? value.replaceAll(/[\r\n]/g, "") : value]);
  const texts = isJsonObject(stringData) ? Object.entries(stringData) : [];
  const encoded = texts.map(([key, value]) => [key, typeof value === "string" ? Buffer.from(value, "utf8").toString("base64") : value]);
  const all = Object.fromEntries([...entries, ...encoded]) as JsonObject;
  return Object.keys(all).length === 0 ? rest : { ...rest, data: all };
}

function cleanPod(spec: JsonValue): JsonValue {
  if (!isJsonObject(spec)) return spec;
  const lists = ["containers", "initContainers", "ephemeralContainers"].filter((list) => Array.isArray(spec[list]));
  const changed = lists.map((list) => [list, (spec[list] as readonly JsonValue[]).map(cleanContainer)]);
  return { ...spec, ...(Object.fromEntries(changed) as JsonObject) };
}

function cleanContainer(container: JsonValue): JsonValue {
  return isJsonObject(container) ? replaced(container, ["ports"], tcpPorts) : container;
}

// Ports are keyed by number and protocol; without the default spelled out, two appliers miss each other.
function tcpPorts(ports: JsonValue): JsonValue {
  if (!Array.isArray(ports)) return ports;
  return ports.map((port: JsonValue) => (isJsonObject(port) && port["protocol"] === undefined ? { ...port, protocol: "TCP" } : port));
}

// Generators leave `caBundle: Cg==`, which the server refuses and cert-manager fills in later.
function dropBadBundle(config: JsonValue): JsonValue {
  if (!isJsonObject(config) || typeof config["caBundle"] !== "string") return config;
  const text = Buffer.from(config["caBundle"], "base64").toString("latin1");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return config;
  const { caBundle: _caBundle, ...rest } = config;
  return rest;
}

function replaced(object: JsonObject, path: readonly string[], change: (value: JsonValue) => JsonValue): JsonObject {
  const [step, ...rest] = path;
  if (step === undefined) return object;
  const member = object[step];
  if (member === undefined) return object;
  if (rest.length === 0) return { ...object, [step]: change(member) };
  return isJsonObject(member) ? { ...object, [step]: replaced(member, rest, change) } : object;
}
