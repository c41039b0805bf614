// When two things say the same. What says the same keeps its old object, so that those who compare by identity see no change.

import { canonicalJson } from "@muster/proto/model/canonical";
import type { JsonValue } from "@muster/proto/model/json";

/** For plain data. Members that are absent and members that are undefined are one thing. */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left).filter((key) => left[key] !== undefined);
  if (keys.length !== Object.keys(right).filter((key) => right[key] !== undefined).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && sameData(left[key], right[key]));
}

/** The old list where the new one says the same, element by element. */
export function keepList<T>(was: readonly T[], now: readonly T[], same: (a: T, b: T) => boolean = Object.is): readonly T[] {
  return was.length === now.length && now.every((each, i) => same(each, was[i] as T)) ? was : now;
}

export function keepSet<T>(was: ReadonlySet<T>, now: ReadonlySet<T>): ReadonlySet<T> {
  return was.size === now.size && [...now].every((each) => was.has(each)) ? was : now;
}

export function keepMap<K, V>(was: ReadonlyMap<K, V>, now: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  return sameMap(was, now) ? was : now;
}

export function sameMap<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of b) if (a.get(key) !== value) return false;
  return true;
}

export const textOf = (value: unknown): string => canonicalJson(value as JsonValue);
