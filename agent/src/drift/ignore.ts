// Fields that others may change: the rules of an App, and what is nobody's drift on any cluster. A rule's field is a JSON pointer
// whose parts may be `*` or `[name=x]`. No regular expressions.

import type { IgnoreRule } from "@muster/proto/model/bundle";
import type { ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { minusFields, segmentOf, step, unionFields, type FieldSet } from "./fields.ts";
import { entriesOf, ownFields } from "./entry.ts";

/** One pointer, cut into its parts. */
export type Pattern = readonly string[];

/** What is ignored of one object. */
export type Ignored = { readonly patterns: readonly Pattern[]; readonly managers: readonly string[] };

export const nothingIgnored: Ignored = { patterns: [], managers: [] };

const restartedAt = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
const always: readonly string[] = ["/status", "/metadata/annotations/deployment.kubernetes.io~1revision", restartedAt];

/** The rules that speak of an object. */
export function rulesFor(rules: readonly IgnoreRule[], id: ObjectIdentity): readonly IgnoreRule[] {
  const meant = (rule: string, actual: string): boolean => rule === "*" || rule === actual;
  return rules.filter((rule) => meant(rule.group, id.group) && meant(rule.kind, id.kind) && meant(rule.name, id.name));
}

/** What is ignored of an object by these rules, by default, and because an autoscaler owns its size. */
export function ignoredOf(rules: readonly IgnoreRule[], scaled: boolean): Ignored {
  const pointers = [...always, ...(scaled ? ["/spec/replicas"] : []), ...rules.flatMap((rule) => rule.fields)];
  return { patterns: pointers.map(parsePointer), managers: [...new Set(rules.flatMap((rule) => rule.managers))] };
}

/** The parts of a JSON pointer, unescaped. */
export function parsePointer(pointer: string): Pattern {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A set of fields without those that a pattern meets. */
export function withoutPatterns(fields: FieldSet, patterns: readonly Pattern[]): FieldSet {
  if (patterns.length === 0) return fields;
  const out: Record<string, JsonValue> = {};
  for (const [segment, below] of Object.entries(fields)) {
    const met = patterns.filter((pattern) => meetsSegment(pattern[0], segment));
    if (met.some((pattern) => pattern.length === 1)) continue;
    const rest = met.map((pattern) => pattern.slice(1));
    if (!isJsonObject(below) || rest.length === 0 || Object.keys(below).length === 0) out[segment] = below;
    else {
      const kept = withoutPatterns(below, rest);
      if (Object.keys(kept).length > 0) out[segment] = kept;
    }
  }
  return out;
}

/** A value without what a pattern meets. Shares what it does not change. */
export function mask(value: JsonValue, patterns: readonly Pattern[]): JsonValue {
  if (patterns.length === 0) return value;
  if (isJsonObject(value)) {
    const out: Record<string, JsonValue> = {};
    for (const [key, member] of Object.entries(value)) {
      const met = patterns.filter((pattern) => pattern[0] === "*" || pattern[0] === key);
      if (met.some((pattern) => pattern.length === 1)) continue;
      out[key] = mask(
        member,
        met.map((pattern) => pattern.slice(1)),
      );
    }
    return out;
  }
  if (!Array.isArray(value)) return value;
  return (value as readonly JsonValue[]).flatMap((item, index) => {
    const met = patterns.filter((pattern) => meetsItem(pattern[0], item, index));
    if (met.some((pattern) => pattern.length === 1)) return [];
    return [
      mask(
        item,
        met.map((pattern) => pattern.slice(1)),
      ),
    ];
  });
}

/** The fields that the ignored managers hold on a live object. */
export function fieldsOfManagers(live: JsonObject, managers: readonly string[]): FieldSet {
  if (managers.length === 0) return {};
  return entriesOf(live)
    .filter((entry) => managers.includes(entry.manager))
    .reduce<FieldSet>((all, entry) => unionFields(all, entry.fields), {});
}

/** What the ignored managers hold on a live object and we do not. */
export function heldByManagers(live: JsonObject, ignored: Ignored): FieldSet {
  return minusFields(fieldsOfManagers(live, ignored.managers), ownFields(live) ?? {});
}

/** The recorded fields of ours that are no longer ours and that an ignored manager holds now. */
export function yieldedFields(recorded: FieldSet, live: JsonObject, ignored: Ignored): FieldSet {
  const lost = minusFields(recorded, ownFields(live) ?? {});
  return minusFields(lost, minusFields(lost, fieldsOfManagers(live, ignored.managers)));
}

/**
 * What to declare of an object that is there already: ignored fields that others hold are left out, those that are still ours get the
 * value that they have now. `own` are our fields on the live object.
 */
export function declareAround(
  declared: JsonValue,
  live: JsonValue | undefined,
  own: FieldSet | null,
  patterns: readonly Pattern[],
): JsonValue {
  if (patterns.length === 0) return declared;
  if (isJsonObject(declared)) {
    const out: Record<string, JsonValue> = {};
    for (const [key, member] of Object.entries(declared)) {
      const met = patterns.filter((pattern) => pattern[0] === "*" || pattern[0] === key);
      const kept = declareOne(member, isJsonObject(live) ? live[key] : undefined, below(own, `f:${key}`), met);
      if (kept !== undefined) out[key] = kept;
    }
    return out;
  }
  if (!Array.isArray(declared)) return declared;
  return (declared as readonly JsonValue[]).flatMap((item, index) => {
    const met = patterns.filter((pattern) => meetsItem(pattern[0], item, index));
    const segment = own === null ? undefined : segmentOf(own, declared as readonly JsonValue[], index);
    const liveItem = segment !== undefined ? step(live, segment) : Array.isArray(live) ? (live as readonly JsonValue[])[index] : undefined;
    const kept = declareOne(item, liveItem, segment === undefined ? wholeOrNone(own) : below(own, segment), met);
    return kept === undefined ? [] : [kept];
  });
}

function declareOne(
  declared: JsonValue,
  live: JsonValue | undefined,
  own: FieldSet | null,
  met: readonly Pattern[],
): JsonValue | undefined {
  if (met.some((pattern) => pattern.length === 1)) return own === null ? undefined : live;
  return declareAround(
    declared,
    live,
    own,
    met.map((pattern) => pattern.slice(1)),
  );
}

/** Our fields below a segment; a leaf stands for everything below it. */
function below(own: FieldSet | null, segment: string): FieldSet | null {
  if (own === null || Object.keys(own).length === 0) return own;
  const fields = own[segment];
  return isJsonObject(fields) ? fields : null;
}

function wholeOrNone(own: FieldSet | null): FieldSet | null {
  return own !== null && Object.keys(own).length === 0 ? own : null;
}

function meetsSegment(part: string | undefined, segment: string): boolean {
  if (part === undefined || segment === ".") return false;
  const rest = segment.slice(2);
  if (part === "*") return true;
  if (segment.startsWith("k:")) {
    const keys: unknown = JSON.parse(rest);
    return isJsonObject(keys) && meetsKeys(part, keys);
  }
  return (segment.startsWith("f:") || segment.startsWith("i:")) && rest === part;
}

function meetsItem(part: string | undefined, item: JsonValue, index: number): boolean {
  if (part === undefined) return false;
  return part === "*" || part === String(index) || (isJsonObject(item) && meetsKeys(part, item));
}

function meetsKeys(part: string, keys: JsonObject): boolean {
  if (!part.startsWith("[") || !part.endsWith("]")) return false;
  return part
    .slice(1, -1)
    .split(",")
    .every((pair) => {
      const equals = pair.indexOf("=");
      const value = keys[pair.slice(0, equals)];
      return value !== undefined && (typeof value === "string" ? value : JSON.stringify(value)) === pair.slice(equals + 1);
    });
}
