// Server-side apply said that others own some of our fields: which of them we take, and which we leave and report.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

/** One field as the API server names it, `.spec.ports[port=80,protocol="TCP"].name`, and who owns it. */
export type FieldConflict = { readonly field: string; readonly manager: string };

/** A way into a document: names of members and indexes of items. */
export type Way = readonly (string | number)[];

export type Settled = {
  /** Fields to take by force. */
  readonly force: readonly FieldConflict[];
  /** Fields to leave to their manager, with the way to each in the declared object; null when it cannot be found there. */
  readonly leave: readonly (FieldConflict & { readonly way: Way | null })[];
};

/** Managers whose fields are always taken: people at a keyboard, what was there before apply, and ourselves by other means. */
function isTaken(manager: string, alsoTaken: (manager: string) => boolean): boolean {
  return manager.startsWith("kubectl") || manager === "before-first-apply" || manager === "muster" || alsoTaken(manager);
}

/**
 * Splits conflicts. `ownedBefore` says whether we owned the field in our last answer (then it is drift, and taken); `alsoTaken` names
 * further managers, such as the tool that an object is being adopted from.
 */
export function settleConflicts(
  conflicts: readonly FieldConflict[],
  declared: JsonObject,
  ownedBefore: (way: Way) => boolean,
  alsoTaken: (manager: string) => boolean = () => false,
): Settled {
  const force: FieldConflict[] = [];
  const leave: (FieldConflict & { way: Way | null })[] = [];
  for (const conflict of conflicts) {
    const way = wayTo(declared, conflict.field);
    if (isTaken(conflict.manager, alsoTaken) || (way !== null && ownedBefore(way))) force.push(conflict);
    else leave.push({ ...conflict, way });
  }
  return { force, leave };
}

/**
 * Finds a field by the API server's name for it. Names are not escaped there (`.metadata.labels.app.kubernetes.io/name`), so the
 * object itself says where one ends. Null when no way fits.
 */
export function wayTo(value: JsonValue | undefined, name: string): Way | null {
  if (name === "") return [];
  if (value === undefined) return null;
  if (name.startsWith(".") && isJsonObject(value)) return throughMember(value, name.slice(1));
  if (name.startsWith("[") && Array.isArray(value)) return throughItem(value as readonly JsonValue[], name);
  return null;
}

function throughMember(value: JsonObject, name: string): Way | null {
  const fitting = Object.keys(value).filter((key) => name === key || name.startsWith(`${key}.`) || name.startsWith(`${key}[`));
  for (const key of fitting.toSorted((a, b) => b.length - a.length)) {
    const rest = wayTo(value[key], name.slice(key.length));
    if (rest !== null) return [key, ...rest];
  }
  return null;
}

function throughItem(items: readonly JsonValue[], name: string): Way | null {
  const end = closingBracket(name);
  if (end === -1) return null;
  const inside = name.slice(1, end);
  const index = /^\d+$/.test(inside) ? Number(inside) : items.findIndex((item) => fits(item, inside));
  if (index < 0 || index >= items.length) return null;
  const rest = wayTo(items[index], name.slice(end + 1));
  return rest === null ? null : [index, ...rest];
}

/** `name="web",port=80` against an item of a keyed list, `="x"` against a value of a set. */
function fits(item: JsonValue, inside: string): boolean {
  if (inside.startsWith("=")) return JSON.stringify(item) === inside.slice(1);
  if (!isJsonObject(item)) return false;
  const pairs = inside.match(/[^,=]+=(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? [];
  return (
    pairs.length > 0 &&
    pairs.every((pair) => {
      const equals = pair.indexOf("=");
      const actual = item[pair.slice(0, equals)];
      // A key that the server defaulted (a port's protocol) is not in what was declared.
      return actual === undefined ? pair.slice(0, equals) === "protocol" : JSON.stringify(actual) === pair.slice(equals + 1);
    })
  );
}

function closingBracket(name: string): number {
  let quoted = false;
  for (let i = 1; i < name.length; i += 1) {
    if (name[i] === "\\" && quoted) i += 1;
    else if (name[i] === '"') quoted = !quoted;
    else if (name[i] === "]" && !quoted) return i;
  }
  return -1;
}

/** The value without what lies at a way. */
export function without(value: JsonValue, way: Way): JsonValue {
  const [part, ...rest] = way;
  if (part === undefined) return value;
  if (typeof part === "string") {
    if (!isJsonObject(value)) return value;
    const { [part]: inner, ...others } = value;
    if (rest.length === 0 || inner === undefined) return others;
    return { ...value, [part]: without(inner, rest) };
  }
  if (!Array.isArray(value)) return value;
  const items = value as readonly JsonValue[];
  return items.flatMap((item, index) => (index !== part ? [item] : rest.length === 0 ? [] : [without(item, rest)]));
}
