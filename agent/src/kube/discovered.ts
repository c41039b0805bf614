// Reading what the API server says it knows: the aggregated form and the legacy one. Pure; fetching and remembering are discovery's.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

/** A kind as the server knows it now. */
export type Mapping = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

/** One group and version. `known: false`: the server could not say what is in it (its API service is down). */
export type DiscoveredVersion = {
  readonly group: string;
  readonly version: string;
  readonly known: boolean;
  readonly kinds: readonly Mapping[];
};

/** Reads an APIGroupDiscoveryList; undefined when it is something else. Versions stay in the server's order of preference. */
export function readAggregated(body: JsonValue): readonly DiscoveredVersion[] | undefined {
  if (!isJsonObject(body) || body["kind"] !== "APIGroupDiscoveryList") return undefined;
  return objects(body["items"]).flatMap((group) => {
    const name = text(isJsonObject(group["metadata"]) ? group["metadata"]["name"] : undefined);
    return objects(group["versions"]).map((version) => {
      const known = version["freshness"] !== "Stale";
      const at = { group: name, version: text(version["version"]) };
      return { ...at, known, kinds: objects(version["resources"]).map((resource) => aggregatedKind(resource, at)) };
    });
  });
}

function aggregatedKind(resource: JsonObject, at: { readonly group: string; readonly version: string }): Mapping {
  const kind = isJsonObject(resource["responseKind"]) ? text(resource["responseKind"]["kind"]) : "";
  return { ...at, kind, plural: text(resource["resource"]), namespaced: resource["scope"] === "Namespaced" };
}

/** The versions that `/api` names, or the groups with their versions of `/apis`, preferred first; undefined when it is something else. */
export function readLegacyIndex(body: JsonValue): readonly { readonly group: string; readonly version: string }[] | undefined {
  if (!isJsonObject(body)) return undefined;
  if (body["kind"] === "APIVersions") return texts(body["versions"]).map((version) => ({ group: "", version }));
  if (body["kind"] !== "APIGroupList") return undefined;
  return objects(body["groups"]).flatMap((group) => {
    const preferred = isJsonObject(group["preferredVersion"]) ? text(group["preferredVersion"]["version"]) : "";
    const versions = objects(group["versions"]).map((version) => text(version["version"]));
    const ordered = [...versions.filter((version) => version === preferred), ...versions.filter((version) => version !== preferred)];
    return ordered.map((version) => ({ group: text(group["name"]), version }));
  });
}

/** Reads an APIResourceList; subresources are left out. Undefined when it is something else. */
export function readLegacyKinds(body: JsonValue, group: string, version: string): readonly Mapping[] | undefined {
  if (!isJsonObject(body) || body["kind"] !== "APIResourceList") return undefined;
  return objects(body["resources"])
    .map((resource) => ({
      group,
      version,
      kind: text(resource["kind"]),
      plural: text(resource["name"]),
      namespaced: resource["namespaced"] === true,
    }))
    .filter((mapping) => !mapping.plural.includes("/"));
}

function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
}

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter((item) => typeof item === "string") : [];
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
