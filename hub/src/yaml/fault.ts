// What can be wrong with YAML, told without a byte of the file: errors are seen by more people than files are.

import yaml from "js-yaml";

export type YamlCode =
  "E_YAML" | "E_YAML_LIMIT" | "E_YAML_DEPTH" | "E_YAML_DUPKEY" | "E_YAML_TAG" | "E_YAML_MERGE" | "E_NUMBER" | "E_ENCODING";

export type YamlFault = {
  /** 0-based document of the file; 0 for faults of the whole file. */
  readonly index: number;
  /** 1-based, in the file. */
  readonly line: number;
  readonly column: number;
  readonly code: YamlCode;
  readonly message: string;
};

/** Thrown while one document is read; `path` leads to the value at fault. */
export class Refusal extends Error {
  readonly code: YamlCode;
  readonly path: readonly (string | number)[];

  constructor(code: YamlCode, message: string, path: readonly (string | number)[] = []) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

type Row = { readonly match: RegExp; readonly code: YamlCode; readonly message: string };

// js-yaml's reasons, some of which quote the file, and what is said instead.
const reasons: readonly Row[] = [
  { match: /^duplicated mapping key/, code: "E_YAML_DUPKEY", message: "a key is given twice" },
  { match: /^nesting exceeded/, code: "E_YAML_DEPTH", message: "nested too deep" },
  { match: /^nested arrays are not supported inside keys/, code: "E_YAML", message: "a key is a list or a map" },
  { match: /explicit tag$|unacceptable node kind/, code: "E_YAML_TAG", message: "the value does not fit its tag" },
  {
    match: /^unknown tag|tag handle|tag name|tag suffix|verbatim tag|tag prefix|TAG directive/,
    code: "E_YAML_TAG",
    message: "a tag that is not read",
  },
  { match: /non-printable|null byte|valid JSON character/, code: "E_ENCODING", message: "a character that YAML does not allow" },
  { match: /^unidentified alias/, code: "E_YAML", message: "an alias without its anchor" },
  { match: /tab characters/, code: "E_YAML", message: "tabs must not be used in indentation" },
  { match: /indentation of a (mapping|sequence) entry/, code: "E_YAML", message: "bad indentation of an entry" },
  {
    match: /^can not read (a block mapping entry|an implicit mapping pair)/,
    code: "E_YAML",
    message: "not a map entry: a colon, a value or an indentation is missing",
  },
  {
    match: /^unexpected end of the (stream|document) within a (single|double) quoted/,
    code: "E_YAML",
    message: "a quoted string is not closed",
  },
  { match: /^unexpected end of the stream within a flow collection/, code: "E_YAML", message: "a bracket is not closed" },
  { match: /flow collection entries|flow sequence/, code: "E_YAML", message: "a comma or a bracket is missing" },
  {
    match: /^end of the stream or a document separator is expected/,
    code: "E_YAML",
    message: "the document goes on where it should end: check the indentation",
  },
  { match: /escape sequence|hexadecimal character/, code: "E_YAML", message: "an unknown escape in a quoted string" },
];

export type Told = { readonly code: YamlCode; readonly message: string };

/** What to say about an exception of js-yaml. */
export function tellReason(error: yaml.YAMLException): Told {
  return reasons.find((row) => row.match.test(error.reason)) ?? { code: "E_YAML", message: "not readable as YAML" };
}
