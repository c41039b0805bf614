// The words in which the kinds are described: one table per kind (tables.ts) is read by the parser, by the writer of defaults and
// by the writer of the JSON Schemas, so the three cannot disagree.

import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { FleetCode } from "./problem.ts";
import { labelName, subdomainName } from "./names.ts";

export type Shape =
  | {
      readonly is: "text";
      /** Anchored on both ends. */
      readonly pattern?: string;
      /** What the pattern asks for, to a person. */
      readonly says?: string;
      readonly code?: FleetCode;
      readonly max?: number;
      /** Expressions `${...}` are read in it. */
      readonly template?: boolean;
      /** What is wrong may be a password: it is not shown. */
      readonly secret?: boolean;
    }
  | { readonly is: "flag" }
  | { readonly is: "integer"; readonly min: number; readonly max: number }
  /** Above `above`, and at most `max`. */
  | { readonly is: "number"; readonly above: number; readonly max: number }
  | { readonly is: "choice"; readonly of: readonly (string | boolean)[]; readonly notYet?: readonly (string | boolean)[] }
  | { readonly is: "duration"; readonly minMs: number; readonly maxMs: number }
  | { readonly is: "list"; readonly of: Shape; readonly max: number; readonly min?: number }
  | { readonly is: "map"; readonly of: Shape; readonly keyPattern?: string; readonly code?: FleetCode }
  /** Free data of the user. */
  | { readonly is: "data"; readonly template?: boolean }
  | { readonly is: "either"; readonly of: readonly Shape[]; readonly says: string }
  /** What is wrong in it has this code, where it would have none of its own: E_FIELD, E_DURATION, E_LIMIT. */
  | { readonly is: "coded"; readonly code: FleetCode; readonly of: Shape }
  | { readonly is: "object"; readonly fields: Fields; readonly rule?: Rule };

export type Fields = { readonly [name: string]: Field };

export type Field = {
  readonly shape: Shape;
  readonly description: string;
  /** Null or absence is an error. Every other field may be null, which means: as if it were not written. */
  readonly required?: true;
  /** What an absent field means. Without one it is null. */
  readonly default?: JsonValue;
  /** Said when the field is given: it is part of the language, and this version does not act on it. */
  readonly notYet?: string;
};

/** A rule over several fields: what it says when broken, the same as a JSON Schema. */
export type Rule = {
  readonly code: FleetCode;
  readonly says: string;
  readonly holds: (value: JsonObject) => boolean;
  readonly schema: JsonObject;
};

export const text: Shape = { is: "text" };
export const template: Shape = { is: "text", template: true };
export const flag: Shape = { is: "flag" };
export const name: Shape = {
  is: "text",
  pattern: labelName,
  says: "must be a DNS label: lower-case letters, digits and '-', at most 63",
  code: "E_NAME_INVALID",
};
export const objectName: Shape = {
  is: "text",
  pattern: subdomainName,
  max: 253,
  says: "must be a DNS name: lower-case letters, digits, '-' and '.'",
  code: "E_NAME_INVALID",
};

export const listOf = (of: Shape, max = 1000): Shape => ({ is: "list", of, max });
export const mapOf = (of: Shape): Shape => ({ is: "map", of });
export const object = (fields: Fields, rule?: Rule): Shape =>
  rule === undefined ? { is: "object", fields } : { is: "object", fields, rule };

export const coded = (code: FleetCode, of: Shape): Shape => ({ is: "coded", code, of });

/** Of what an `either` takes, that which may be a map. */
export function mapAmong(shapes: readonly Shape[]): Shape | undefined {
  const bare = (shape: Shape): Shape => (shape.is === "coded" ? bare(shape.of) : shape);
  return shapes.find((each) => bare(each).is === "object");
}

export const present = (value: JsonObject, key: string): boolean => Object.hasOwn(value, key) && value[key] !== null;
export const isGiven = (key: string): JsonObject => ({ required: [key], properties: { [key]: { not: { type: "null" } } } });

/** Exactly one of the fields is given. */
export function exactlyOne(code: FleetCode, says: string, ...keys: readonly string[]): Rule {
  return { code, says, holds: (value) => keys.filter((key) => present(value, key)).length === 1, schema: { oneOf: keys.map(isGiven) } };
}

/** At most one of the fields is given. */
export function atMostOne(code: FleetCode, says: string, ...keys: readonly string[]): Rule {
  const none: JsonObject = { not: { anyOf: keys.map(isGiven) } };
  return {
    code,
    says,
    holds: (value) => keys.filter((key) => present(value, key)).length <= 1,
    schema: { oneOf: [none, ...keys.map(isGiven)] },
  };
}
