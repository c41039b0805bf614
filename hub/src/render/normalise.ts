// From rendered documents to the objects of a Release: lists expanded, namespaces filled, everything checked that can be
// checked without a cluster, and one spelling for one meaning. Pure. Messages name fields and keys, never values.

import { canonicalJson } from "@muster/proto/model/canonical";
import { digestOf } from "@muster/proto/model/digest";
import { compareIdentity, identityKey, showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { cleaned } from "./clean.ts";
import { doubledKey } from "./merge-keys.ts";
import { isHook, isNeverRun } from "./hooks.ts";
import { groupOf, isKind, isName, isNamespaceName } from "./names.ts";
import { RenderFault, type ObjectTrace, type Rendered, type RenderedApp, type RenderedObject, type SourcePlace } from "./rendered.ts";
import { isClusterScoped } from "./scopes.ts";

/** A parsed document; `index` is its 0-based place in its file or rendered template. */
export type RenderedDocument = {
  readonly value: JsonValue;
  readonly index: number;
  readonly source: SourcePlace;
  readonly trace?: ObjectTrace;
};

export type NormaliseOptions = {
  /** For namespaced objects without one; undefined: "default". */
  readonly namespace: string | undefined;
  readonly warnings?: readonly string[];
  readonly objectsMax?: number;
};

const ownGroup = "muster.dev";
const reservedPrefix = `${ownGroup}/`;
const documentedAnnotations: ReadonlySet<string> = new Set(["muster.dev/replace", "muster.dev/health"]);
const listDepthMax = 3;
const dataBytesMax = 1024 * 1024;
const defaultObjectsMax = 10_000;

/** Normalises what one App rendered to. Throws a RenderFault for the first thing that is wrong. */
export function normalise(documents: readonly RenderedDocument[], options: NormaliseOptions): Rendered {
  const items = documents.flatMap((document) => expand(document, 0));
  const most = options.objectsMax ?? defaultObjectsMax;
  if (items.length > most) throw new RenderFault("E_LIMIT", `more than ${most} objects in one App`);
  const apps: RenderedApp[] = [];
  const drafts: Draft[] = [];
  for (const item of items) {
    const draft = draftOf(item);
    if (isNeverRun(draft.object)) continue;
    if (draft.group === ownGroup) apps.push({ value: draft.object, source: draft.source });
    else drafts.push(draft);
  }
  if (apps.length + drafts.length === 0) throw new RenderFault("E_EMPTY_RENDER", "nothing was rendered: no document holds an object");
  const scopes = declaredScopes(drafts);
  const warnings = [...(options.warnings ?? []), ...drafts.flatMap(strippedOwners)];
  const objects = namedHooks(drafts.map((draft) => finished(draft, scopes, options.namespace ?? "default")));
  const sorted = objects.toSorted((a, b) => compareIdentity(a.identity, b.identity));
  refuseDoubles(sorted);
  return { kind: "rendered", objects: sorted, apps, warnings: [...new Set(warnings)] };
}

type Item = Omit<RenderedDocument, "value"> & { readonly object: JsonObject };
type Draft = Item & { readonly group: string; readonly kind: string };

// `kind: List` and typed lists (`ConfigMapList`) become their items; an item of a typed list may leave its kind out.
function expand(rendered: RenderedDocument, depth: number): readonly Item[] {
  const { value, ...from } = rendered;
  const { index, source } = from;
  if (value === null) return [];
  if (!isJsonObject(value)) throw invalid({ index, source }, "not an object: a document has to be a map with apiVersion and kind");
  const { kind, items, apiVersion } = value;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [{ object: value, ...from }];
  if (depth >= listDepthMax) throw new RenderFault("E_DEPTH", `${document(index)}: lists in lists deeper than ${listDepthMax}`, source);
  const itemKind = kind.slice(0, -"List".length);
  return items.flatMap((item: JsonValue) => {
    const whole = isJsonObject(item) && itemKind !== "" ? { apiVersion: apiVersion ?? null, kind: itemKind, ...item } : item;
    return expand({ value: whole, ...from }, depth + 1);
  });
}

function draftOf(item: Item): Draft {
  const { apiVersion, kind, metadata } = item.object;
  if (typeof apiVersion !== "string" || apiVersion === "") throw invalid(item, "apiVersion is missing");
  if (typeof kind !== "string" || kind === "") throw invalid(item, "kind is missing");
  const group = groupOf(apiVersion);
  if (group === undefined) throw invalid(item, "apiVersion is not a group and version");
  if (!isKind(kind)) throw invalid(item, "kind is not a kind's name");
  if (metadata !== undefined && !isJsonObject(metadata)) throw invalid(item, "metadata is not a map");
  return { ...item, group, kind };
}

function finished(draft: Draft, scopes: ReadonlyMap<string, string>, namespace: string): RenderedObject {
  const { group, kind, source } = draft;
  const clean = cleaned({ group, kind }, draft.object);
  const metadata = isJsonObject(clean["metadata"]) ? clean["metadata"] : {};
  checkKeys(draft, metadata);
  const name = nameOf(draft, metadata);
  const object = { ...clean, metadata: placed(draft, metadata, isClusterScoped(group, kind, scopes) ? "" : namespace) };
  const identity = { group, kind, namespace: String(object.metadata["namespace"] ?? ""), name };
  checkContent(draft, identity, object);
  return { identity, object, source, ...(draft.trace && { trace: draft.trace }) };
}

// A hook may leave its name to be made: `generateName` stands in until every other object is known.
function nameOf(draft: Draft, metadata: JsonObject): string {
  const { name, generateName } = metadata;
  if (name === undefined && typeof generateName === "string" && generateName !== "") {
    if (!isHook({ metadata })) throw invalid(draft, "generateName is only for hooks: give the object a name");
    return "";
  }
  if (typeof name !== "string" || name === "") throw invalid(draft, "metadata.name is missing");
  if (!isName(draft.group, draft.kind, name)) throw invalid(draft, "metadata.name is not a valid name for this kind");
  return name;
}

function placed(draft: Draft, metadata: JsonObject, namespace: string): JsonObject {
  const { namespace: given, ...rest } = metadata;
  if (namespace === "") return rest;
  if (given === undefined || given === "") return { ...rest, namespace };
  if (typeof given !== "string" || !isNamespaceName(given)) throw invalid(draft, "metadata.namespace is not a valid name");
  return { ...rest, namespace: given };
}

function checkKeys(draft: Draft, metadata: JsonObject): void {
  for (const field of ["labels", "annotations"] as const) {
    const map = metadata[field];
    if (map === undefined) continue;
    if (!isJsonObject(map)) throw invalid(draft, `metadata.${field} is not a map`);
    for (const [key, value] of Object.entries(map)) {
      if (typeof value !== "string") throw invalid(draft, `metadata.${field}.${key} is not a string: quote it`);
      if (!key.startsWith(reservedPrefix) || (field === "annotations" && documentedAnnotations.has(key))) continue;
      throw new RenderFault("E_RESERVED_KEY", `${document(draft.index)}: metadata.${field}.${key} is Muster's own`, draft.source);
    }
  }
}

function checkContent(draft: Draft, identity: ObjectIdentity, object: JsonObject): void {
  const doubled = doubledKey(draft.group, draft.kind, object);
  if (doubled !== undefined) throw invalid(draft, `${showIdentity(identity)}: ${doubled}`);
  if (draft.group !== "" || (draft.kind !== "Secret" && draft.kind !== "ConfigMap")) return;
  const encodedFields = draft.kind === "Secret" ? ["data"] : ["binaryData"];
  let bytes = 0;
  for (const field of ["data", "binaryData"]) {
    for (const [key, value] of Object.entries(isJsonObject(object[field]) ? object[field] : {})) {
      const place = `${showIdentity(identity)}: ${field}.${key}`;
      if (typeof value !== "string") throw invalid(draft, `${place} is not a string: quote it`);
      if (encodedFields.includes(field) && !isBase64(value)) throw invalid(draft, `${place} is not base64`);
      bytes += encodedFields.includes(field) ? (value.length * 3) / 4 : Buffer.byteLength(value);
    }
  }
  if (bytes > dataBytesMax) throw invalid(draft, `${showIdentity(identity)}: more than 1 MiB of data`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function declaredScopes(drafts: readonly Draft[]): ReadonlyMap<string, string> {
  const scopes = new Map<string, string>();
  for (const { group, kind, object } of drafts) {
    if (group !== "apiextensions.k8s.io" || kind !== "CustomResourceDefinition" || !isJsonObject(object["spec"])) continue;
    const { group: of, names, scope } = object["spec"];
    if (typeof of === "string" && isJsonObject(names) && typeof names["kind"] === "string" && typeof scope === "string") {
      scopes.set(`${of}/${names["kind"]}`, scope);
    }
  }
  return scopes;
}

function strippedOwners({ object, kind }: Draft): readonly string[] {
  const metadata = object["metadata"];
  const named = isJsonObject(metadata) && Array.isArray(metadata["ownerReferences"]) && metadata["ownerReferences"].length > 0;
  return named ? [`ownerReferences of a ${kind} are dropped: they name objects of one cluster by their UID`] : [];
}

// A made name changes with anything in the Release, so that the hook runs again: prefix + 8 hex digits over all objects.
function namedHooks(objects: readonly RenderedObject[]): readonly RenderedObject[] {
  if (objects.every(({ identity }) => identity.name !== "")) return objects;
  const all = canonicalJson(objects.map(({ object }) => canonicalJson(object)).toSorted());
  return objects.map((each) => {
    if (each.identity.name !== "") return each;
    const { generateName, ...rest } = each.object["metadata"] as JsonObject;
    const name = `${String(generateName)}${digestOf(all + canonicalJson(each.object)).slice(0, 8)}`;
    return { ...each, identity: { ...each.identity, name }, object: { ...each.object, metadata: { ...rest, name } } };
  });
}

function refuseDoubles(sorted: readonly RenderedObject[]): void {
  for (const [at, { identity, source }] of sorted.entries()) {
    const next = sorted[at + 1];
    if (next === undefined || identityKey(identity) !== identityKey(next.identity)) continue;
    const also = source.path === next.source.path ? "" : ` (also in ${source.path})`;
    throw new RenderFault("E_DUPLICATE_OBJECT", `${showIdentity(identity)} is declared twice${also}`, next.source);
  }
}

function invalid({ index, source }: { readonly index: number; readonly source: SourcePlace }, message: string): RenderFault {
  return new RenderFault("E_OBJECT_INVALID", `${document(index)}: ${message}`, source);
}

function document(index: number): string {
  return `document ${index + 1}`;
}
