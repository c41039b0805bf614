// Where an object lies on the API server, and what it is called.

import { OperationError } from "@muster/proto/model/failure";
import { showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import type { Mapping } from "./discovered.ts";

/** `/api/v1/namespaces/shop/configmaps`; without a namespace the list over all of them. */
export function collectionPath(mapping: Mapping, namespace: string): string {
  const base = mapping.group === "" ? `/api/${mapping.version}` : `/apis/${mapping.group}/${mapping.version}`;
  const within = mapping.namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${base}${within}/${mapping.plural}`;
}

/** The path of one object. Throws an OperationError("invalid") when a namespaced kind has no namespace or there is no name. */
export function objectPath(mapping: Mapping, id: ObjectIdentity): string {
  if (id.name === "") throw new OperationError("invalid", showIdentity(id), `${showIdentity(id)} has no name`);
  if (mapping.namespaced && id.namespace === "")
    throw new OperationError("invalid", showIdentity(id), `${showIdentity(id)} needs a namespace`);
  return `${collectionPath(mapping, id.namespace)}/${encodeURIComponent(id.name)}`;
}

/** Group and version of an apiVersion: `apps/v1`, `v1`. */
export function groupVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? { group: "", version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export function apiVersionOf(mapping: Mapping): string {
  return mapping.group === "" ? mapping.version : `${mapping.group}/${mapping.version}`;
}

/** What an object says it is. Throws an OperationError("invalid") when it lacks apiVersion, kind or metadata. */
export function selfOf(object: JsonObject): { readonly identity: ObjectIdentity; readonly version: string } {
  const { apiVersion, kind, metadata } = object;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || !isJsonObject(metadata))
    throw new OperationError("invalid", "object", "an object needs apiVersion, kind and metadata");
  const { group, version } = groupVersion(apiVersion);
  const { name, namespace } = metadata;
  const identity = { group, kind, namespace: typeof namespace === "string" ? namespace : "", name: typeof name === "string" ? name : "" };
  return { identity, version };
}

export function query(parameters: { readonly [name: string]: string | number | undefined }): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}
