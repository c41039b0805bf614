// Where two sets of objects differ, object by object. What Muster changes on purpose (docs/language.md, "What is rendered") is done here to
// the native objects, by other code than the hub's.

import { isDeepStrictEqual } from "node:util";

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { demo } from "./native.ts";

/**
 * What differs, in words: `apps/Deployment demo/web: /spec/replicas: 1 in ours, 2 in the native`. Empty: equal. `again` is what the native
 * program gave the second time: what differs between its two runs is random, and left out.
 */
export function differencesOf(ours: readonly JsonObject[], native: readonly JsonObject[], again: readonly JsonObject[]): readonly string[] {
  const [expected, expectedAgain] = [deployed(native), deployed(again)];
  const stems = randomStems(expected, expectedAgain);
  const [mine, first, second] = [ours, expected, expectedAgain].map((objects) => objects.map((object) => withSteadyName(object, stems)));
  const random = new Set(compared(second ?? [], first ?? []).map(partOf));
  return compared(mine ?? [], first ?? []).filter((line) => !random.has(partOf(line)));
}

const deployed = (objects: readonly JsonObject[]): readonly JsonObject[] => objects.filter((object) => !isOnlyTested(object));

/** Hooks of Helm that only `helm test` and `helm rollback` run are no part of what is deployed. */
function isOnlyTested(object: JsonObject): boolean {
  const { annotations } = metadataOf(object);
  const hook = isJsonObject(annotations ?? null) ? (annotations as JsonObject)["helm.sh/hook"] : undefined;
  return typeof hook === "string" && hook.split(",").every((event) => /^\s*(test(-success|-failure)?|(pre|post)-rollback)\s*$/.test(event));
}

function compared(ours: readonly JsonObject[], native: readonly JsonObject[]): readonly string[] {
  const mine = new Map(ours.map((object) => [nameOf(object), settled(object)]));
  const found: string[] = [];
  for (const theirs of native.map(settled)) {
    const own = namesOf(theirs).find((name) => mine.has(name));
    const object = own === undefined ? undefined : mine.get(own);
    if (own === undefined || object === undefined) {
      found.push(`${nameOf(theirs)}: missing in ours`);
      continue;
    }
    mine.delete(own);
    found.push(...pointers(withNamespace(theirs, metadataOf(object)["namespace"]), object).map((pointer) => `${own}: ${pointer}`));
  }
  return [...found, ...[...mine.keys()].map((name) => `${name}: only in ours`)];
}

/** Object and pointer, without the values. */
const partOf = (line: string): string => line.split(": ").slice(0, 2).join(": ");

/** Kind and name up to the last dash, of objects whose name is drawn at random. */
function randomStems(native: readonly JsonObject[], again: readonly JsonObject[]): ReadonlySet<string> {
  const names = new Set(again.map(nameOf));
  return new Set(native.filter((object) => !names.has(nameOf(object))).map(stemOf));
}

const stemOf = (object: JsonObject): string => `${kindOf(object)} ${String(metadataOf(object)["name"]).replace(/-[^-]*$/, "")}`;

function withSteadyName(object: JsonObject, stems: ReadonlySet<string>): JsonObject {
  if (!stems.has(stemOf(object))) return object;
  return { ...object, metadata: { ...metadataOf(object), name: `${stemOf(object).split(" ")[1] ?? ""}-RANDOM` } };
}

const metadataOf = ({ metadata }: JsonObject): JsonObject => (metadata !== undefined && isJsonObject(metadata) ? metadata : {});

function nameOf(object: JsonObject): string {
  const { namespace, name } = metadataOf(object);
  return `${kindOf(object)} ${typeof namespace === "string" ? `${namespace}/` : ""}${String(name)}`;
}

function kindOf({ apiVersion, kind }: JsonObject): string {
  const group = String(apiVersion).includes("/") ? `${String(apiVersion).split("/")[0]}/` : "";
  return `${group}${String(kind)}`;
}

/** An object without a namespace may have got the App's. */
function namesOf(object: JsonObject): readonly string[] {
  const { namespace, name } = metadataOf(object);
  if (typeof namespace === "string" && namespace !== "") return [nameOf(object)];
  return [`${kindOf(object)} ${demo.namespace}/${String(name)}`, `${kindOf(object)} ${String(name)}`];
}

function withNamespace(object: JsonObject, namespace: JsonValue | undefined): JsonObject {
  const { namespace: own, ...metadata } = metadataOf(object);
  const named = own === undefined || own === "" ? namespace : own;
  return { ...object, metadata: { ...metadata, ...(named !== undefined && { namespace: named }) } };
}

/** Without status, what only servers write, members that are null, and empty labels and annotations; stringData as data. */
function settled(object: JsonObject): JsonObject {
  const { status, stringData, ...rest } = withoutNulls(object) as JsonObject;
  void status;
  const { creationTimestamp, ...written } = metadataOf(rest);
  void creationTimestamp;
  const isEmptyMap = (key: string, value: JsonValue): boolean => /^(labels|annotations)$/.test(key) && isDeepStrictEqual(value, {});
  const metadata: JsonObject = Object.fromEntries(Object.entries(written).filter(([key, value]) => !isEmptyMap(key, value)));
  const texts = isJsonObject(stringData ?? null) ? (stringData as JsonObject) : undefined;
  const isSecret = kindOf(object) === "Secret" && texts !== undefined;
  const data = isJsonObject(rest["data"] ?? null) ? (rest["data"] as JsonObject) : {};
  const encoded = Object.fromEntries(
    Object.entries(texts ?? {}).map(([key, value]) => [key, Buffer.from(String(value)).toString("base64")]),
  );
  return {
    ...withProtocols(rest, kindOf(object)),
    metadata,
    ...(isSecret ? { data: { ...data, ...encoded } } : stringData !== undefined && { stringData }),
  };
}

const portLists = /^(?:Pod|PodTemplate|ReplicationController|Service|(?:apps|batch)\/[A-Za-z]+)$/;

/** Server-side apply asks for the protocol of a port, which is a part of its key. */
function withProtocols(object: JsonObject, kind: string): JsonObject {
  if (!portLists.test(kind)) return object;
  const isPort = (item: JsonValue): boolean => isJsonObject(item) && ("containerPort" in item || (kind === "Service" && "port" in item));
  const walk = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map(walk);
    if (!isJsonObject(value)) return value;
    const inner: JsonObject = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each)]));
    return isPort(value) && !("protocol" in value) ? { ...inner, protocol: "TCP" } : inner;
  };
  return walk(object) as JsonObject;
}

function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(withoutNulls);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])));
}

/** JSON pointers at which two values differ; the smallest parts. */
function pointers(native: JsonValue, ours: JsonValue, at = ""): readonly string[] {
  if (isDeepStrictEqual(native, ours)) return [];
  if (isJsonObject(native) && isJsonObject(ours)) {
    const keys = new Set([...Object.keys(native), ...Object.keys(ours)]);
    return [...keys].flatMap((key) => {
      const [theirs, mine] = [native[key], ours[key]];
      const pointer = `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (theirs === undefined) return [`${pointer}: ${shown(mine)} only in ours`];
      if (mine === undefined) return [`${pointer}: ${shown(theirs)} missing in ours`];
      return pointers(theirs, mine, pointer);
    });
  }
  if (Array.isArray(native) && Array.isArray(ours) && native.length === ours.length)
    return (native as readonly JsonValue[]).flatMap((item, index) =>
      pointers(item, (ours as readonly JsonValue[])[index] ?? null, `${at}/${index}`),
    );
  return [`${at}: ${shown(ours)} in ours, ${shown(native)} in the native`];
}

const charsMax = 60;
const shown = (value: JsonValue | undefined): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > charsMax ? `${text.slice(0, charsMax)}...` : text;
};
