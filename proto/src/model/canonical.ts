// RFC 8785 (JSON Canonicalization Scheme): one spelling for one value, so that digests and signatures mean something.

import type { JsonValue } from "./json.ts";

/**
 * The canonical text of a JSON value: members sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them.
 * Throws a TypeError for what JSON cannot say: NaN, infinities, lone surrogates, undefined.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return value ? "true" : "false";
    case "number":
      return canonicalNumber(value);
    case "string":
      return canonicalString(value);
    case "object":
      return isArray(value) ? `[${value.map(canonicalJson).join(",")}]` : canonicalObject(value);
    default:
      throw new TypeError(`no JSON value: ${typeof value}`);
  }
}

function canonicalObject(value: { readonly [key: string]: JsonValue }): string {
  let text = "";
  for (const key of Object.keys(value).sort(byCodeUnits)) {
    const member = `${canonicalString(key)}:${canonicalJson(value[key] as JsonValue)}`;
    text = text === "" ? member : `${text},${member}`;
  }
  return `{${text}}`;
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`no JSON number: ${value}`);
  return Object.is(value, -0) ? "0" : String(value);
}

function canonicalString(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("a string with a lone surrogate has no canonical form");
  return JSON.stringify(value);
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Orders strings by UTF-16 code units: the one order that every list in this project is sorted by. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
