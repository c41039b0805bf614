// Paths of fields as people write them: `helm.values.image.tag`, `spec.containers[name=web].image`, `metadata.labels["a.b/c"]`.

import { OperationError } from "@muster/proto/model/failure";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { maskValue, type Spell } from "@muster/proto/model/mask";

export type Step = string | number;
export type Path = readonly Step[];

const step = /\.?(?:([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[name=([^\]]+)\])/y;

/** Reads a path. `[name=web]` is a step `name=web`. Throws E_USAGE. */
export function readPath(text: string): Path {
  const out: Step[] = [];
  step.lastIndex = 0;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null)
      throw new OperationError("invalid", text, `cannot read the path ${text}`, undefined, {
        code: "E_USAGE",
        remedy: 'write it as spec.replicas, containers[0] or [name=web], labels["a.b/c"]',
      });
    const [, plain, index, quoted, name] = found;
    out.push(plain ?? (index === undefined ? (quoted ?? `name=${name}`) : Number(index)));
  }
  return out;
}

/** What stands at a path; undefined when there is nothing. */
export function valueAt(value: JsonValue, path: Path): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const each of path) at = at === undefined ? undefined : member(at, each);
  return at;
}

function member(value: JsonValue, key: Step): JsonValue | undefined {
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    if (typeof key === "number") return items[key];
    const name = key.startsWith("name=") ? key.slice(5) : undefined;
    return items.find((item) => name !== undefined && isJsonObject(item) && item["name"] === name);
  }
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A copy with another value at a path whose parent is there. */
export function withValue(value: JsonValue, path: Path, next: JsonValue | undefined): JsonValue {
  const [first, ...rest] = path;
  if (first === undefined) return next ?? null;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    const changed = items.map((item, i) => (i === first ? withValue(item, rest, next) : item));
    return rest.length === 0 && next === undefined ? items.filter((_, i) => i !== first) : changed;
  }
  if (!isJsonObject(value)) return value;
  const entries = new Map(Object.entries(value));
  const key = String(first);
  if (rest.length === 0 && next === undefined) entries.delete(key);
  else entries.set(key, withValue(entries.get(key) ?? {}, rest, next));
  return Object.fromEntries(entries);
}

export type Leaf = { readonly path: Path; readonly value: JsonValue };

/** The values that are no maps, and empty maps. Lists are leaves, or looked into. */
export function leavesOf(value: JsonValue, intoLists: boolean, path: Path = []): readonly Leaf[] {
  if (isJsonObject(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([key, item]) => leavesOf(item, intoLists, [...path, key]));
  if (intoLists && Array.isArray(value) && value.length > 0)
    return (value as readonly JsonValue[]).flatMap((item, i) => leavesOf(item, intoLists, [...path, i]));
  return [{ path, value }];
}

/** True when one path leads to the other, or they are the same. */
export function meet(a: Path, b: Path): boolean {
  return a.slice(0, b.length).every((each, i) => String(each) === String(b[i]));
}

/** A value as it may be shown where it stands at a path. */
export function shown(path: Path, value: JsonValue, spell: Spell): JsonValue {
  const names = path.filter((each) => typeof each === "string");
  // `passwords.db` is as secret as `password`.
  const nested = names.reduceRight<JsonValue>((inner, name) => ({ [name]: inner }) as JsonObject, value);
  return valueAt(maskValue("", nested, spell), names) ?? null;
}
