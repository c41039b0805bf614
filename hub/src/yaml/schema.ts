// Our schema for js-yaml: one implicit type for every plain scalar, and the standard tags where they are written out.

import yaml from "js-yaml";
import { meansSomethingElse, mergeKey, plainScalar, Scalar } from "./scalars.ts";

const prefix = "tag:yaml.org,2002:";

const isPrintedPlain = (value: unknown): boolean => value === null || typeof value === "number" || typeof value === "boolean";

function printed(value: unknown): string {
  if (Object.is(value, -0)) return "-0.0";
  return String(value);
}

const date = /^\d{4}-\d\d?-\d\d?(?:$|[Tt ])/;

/** Every plain scalar goes through here once; it also writes numbers, booleans and null. */
function plainType(isNoString: (text: string) => boolean): yaml.Type {
  return new yaml.Type(`${prefix}plain`, {
    kind: "scalar",
    resolve: (text: unknown) => typeof text === "string" && isNoString(text),
    construct: (text: string) => plainScalar(text),
    predicate: isPrintedPlain,
    represent: printed,
  });
}

type Tagged = { readonly tag: string; readonly fits: (read: ReturnType<typeof plainScalar>) => boolean };

// What `!!int 5` and the like accept: the plain reading has to be of that type. An integer may be called a float.
const tagged: readonly Tagged[] = [
  { tag: "bool", fits: (read) => typeof read === "boolean" },
  { tag: "int", fits: (read) => typeof read === "number" || (read instanceof Scalar && read.kind === "outOfRange") },
  { tag: "float", fits: (read) => typeof read === "number" || (read instanceof Scalar && read.kind !== "null") },
  { tag: "null", fits: (read) => read instanceof Scalar && read.kind === "null" },
  { tag: "merge", fits: (read) => read === mergeKey },
];

const explicit = tagged.map(
  ({ tag, fits }) =>
    new yaml.Type(prefix + tag, {
      kind: "scalar",
      resolve: (text: unknown) => fits(plainScalar(typeof text === "string" ? text : "")),
      construct: (text: unknown) => plainScalar(typeof text === "string" ? text : ""),
    }),
);

// A date stays the text that stands there, as in every Kubernetes tool.
const timestamp = new yaml.Type(`${prefix}timestamp`, {
  kind: "scalar",
  resolve: (text: unknown) => typeof text === "string" && date.test(text),
  construct: (text: string) => text,
});

/** For reading: strings, lists, maps and the types above. Any other tag is unknown, and so an error. */
export const readingSchema = yaml.FAILSAFE_SCHEMA.extend({ implicit: [plainType(meansSomethingElse)], explicit: [...explicit, timestamp] });

/** For writing: it quotes what any YAML reader might take for something else than a string, dates included. */
export const writingSchema = yaml.FAILSAFE_SCHEMA.extend({ implicit: [plainType((text) => meansSomethingElse(text) || date.test(text))] });
