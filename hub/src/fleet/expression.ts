// Expressions in strings: `${cluster.labels.region ?? "eu" | upper}`, read once. No control flow, no access to anything but the
// cluster, its facts and the App's name. What they are worth on a cluster is in evaluate.ts.

import type { JsonValue } from "@muster/proto/model/json";
import { pipeTable, type PipeName, type PipeRow } from "./pipes.ts";

/** What a name in an expression leads to. */
export type Ref =
  | { readonly of: "clusterName" }
  | { readonly of: "label"; readonly key: string }
  | { readonly of: "annotation"; readonly key: string }
  | { readonly of: "value"; readonly path: readonly string[] }
  | { readonly of: "kubeVersion" }
  | { readonly of: "appName" };

type Operand = { readonly ref: Ref; readonly text: string } | { readonly literal: JsonValue };
type Pipe = { readonly name: PipeName; readonly args: readonly (string | number)[] };
export type Expression = { readonly text: string; readonly operands: readonly Operand[]; readonly pipes: readonly Pipe[] };
/** Literal text and expressions in turn. */
export type Template = readonly (string | Expression)[];

export class ExpressionError extends Error {}

/** Reads a string. Null when it holds neither an expression nor an escaped one. Throws an ExpressionError. */
export function parseTemplate(text: string): Template | null {
  if (!text.includes("${")) return null;
  const parts: (string | Expression)[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf("${", at);
    if (next === -1) break;
    literal += text.slice(at, next);
    if (next > at && text[next - 1] === "$") {
      literal = `${literal.slice(0, -1)}\${`;
      at = next + 2;
      continue;
    }
    const end = endOfExpression(text, next + 2);
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(parseExpression(text.slice(next + 2, end)));
    at = end + 1;
  }
  literal += text.slice(at);
  if (literal !== "") parts.push(literal);
  return parts;
}

function endOfExpression(text: string, from: number): number {
  let quote = "";
  for (let i = from; i < text.length; i += 1) {
    const c = text[i] ?? "";
    if (quote !== "") {
      if (c === "\\") i += 1;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "}") return i;
    else if (c === "{") throw new ExpressionError("an expression inside an expression is not read");
  }
  throw new ExpressionError("an expression is not closed: write '}' at its end, or $${ for a literal ${");
}

type Token = { readonly kind: "word" | "string" | "number" | "sign"; readonly text: string };
const tokenForm = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\?\?|[|[\]])|(-?[0-9]+(?:\.[0-9]+)?(?![\w./-]))|([A-Za-z_][\w./-]*)|(\S))/y;

function tokens(text: string): Token[] {
  const out: Token[] = [];
  tokenForm.lastIndex = 0;
  while (tokenForm.lastIndex < text.trimEnd().length) {
    const found = tokenForm.exec(text);
    if (found === null) break;
    const [, string, sign, number, word, other] = found;
    if (other !== undefined) throw new ExpressionError(`'${other}' has no meaning in an expression`);
    if (string !== undefined) out.push({ kind: "string", text: string.slice(1, -1).replace(/\\(.)/g, "$1") });
    else if (sign !== undefined) out.push({ kind: "sign", text: sign });
    else if (number !== undefined) out.push({ kind: "number", text: number });
    else out.push({ kind: "word", text: word ?? "" });
  }
  return out;
}

function parseExpression(text: string): Expression {
  const rest = tokens(text);
  const operands = [operand(rest)];
  while (rest[0]?.text === "??" && rest[0].kind === "sign") {
    rest.shift();
    operands.push(operand(rest));
  }
  const pipes: Pipe[] = [];
  while (rest.length > 0) pipes.push(pipe(rest));
  return { text: text.trim(), operands, pipes };
}

const words: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

function operand(rest: Token[]): Operand {
  const token = rest.shift();
  if (token === undefined) throw new ExpressionError("an expression is empty or ends too early");
  if (token.kind === "string") return { literal: token.text };
  if (token.kind === "number") return { literal: Number(token.text) };
  if (token.kind === "sign") throw new ExpressionError(`a name or a value is missing before '${token.text}'`);
  const word = words.get(token.text);
  if (word !== undefined) return { literal: word };
  return { ref: reference(token.text, rest), text: token.text };
}

const known = "cluster.name, cluster.labels.KEY, cluster.annotations.KEY, cluster.values.PATH, facts.kubeVersion, app.name";

function reference(word: string, rest: Token[]): Ref {
  const keys = brackets(rest);
  const form = /^(cluster\.(?:labels|annotations|values))(?:\.(.+))?$/.exec(word);
  const tail = form?.[2];
  const path = [...(tail === undefined ? [] : [tail]), ...keys];
  if (form !== null && path.length > 0) return keyed(form[1] ?? "", path, keys.length);
  if (keys.length === 0) {
    if (word === "cluster.name") return { of: "clusterName" };
    if (word === "facts.kubeVersion") return { of: "kubeVersion" };
    if (word === "app.name") return { of: "appName" };
  }
  throw new ExpressionError(`'${word}' is not known; there are ${known}; $\${ is a literal \${`);
}

function keyed(root: string, path: readonly string[], bracketed: number): Ref {
  if (root === "cluster.values") {
    const dotted = path.length > bracketed ? (path[0] ?? "").split(".") : [];
    return { of: "value", path: [...dotted, ...path.slice(path.length - bracketed)] };
  }
  const [key, more] = path;
  if (key === undefined || more !== undefined) throw new ExpressionError(`${root} is flat: one key is read from it`);
  return { of: root === "cluster.labels" ? "label" : "annotation", key };
}

/** `["a.b/c"]`, as often as it stands there. */
function brackets(rest: Token[]): string[] {
  const keys: string[] = [];
  while (rest[0]?.kind === "sign" && rest[0].text === "[") {
    const [, key, close] = rest.splice(0, 3);
    if (key?.kind !== "string" || close?.text !== "]") throw new ExpressionError("after '[' a quoted key and ']' are needed: [\"a.b/c\"]");
    keys.push(key.text);
  }
  return keys;
}

function pipe(rest: Token[]): Pipe {
  const sign = rest.shift();
  if (sign?.kind !== "sign" || sign.text !== "|") throw new ExpressionError("after a value only '??', '|' or the end may follow");
  const token = rest.shift();
  if (token?.kind !== "word" || !Object.hasOwn(pipeTable, token.text))
    throw new ExpressionError(`'${token?.text ?? ""}' is no function; there are ${Object.keys(pipeTable).join(", ")}`);
  const name = token.text as PipeName;
  const row: PipeRow = pipeTable[name];
  const args: (string | number)[] = [];
  while (rest[0] !== undefined && rest[0].kind !== "sign") {
    const given = rest.shift();
    if (given?.kind === "number") args.push(Number(given.text));
    else if (given?.kind === "string") args.push(given.text);
    else throw new ExpressionError(`${name} takes quoted text or numbers`);
  }
  const fits = args.every((arg, i) => typeof arg === row.args[i] && (typeof arg === "string" || (Number.isInteger(arg) && arg >= 0)));
  if (!fits || args.length > row.args.length || args.length < row.args.length - row.optional)
    throw new ExpressionError(`${name} takes ${row.args.length === 0 ? "no arguments" : row.args.join(" and ")}`);
  return { name, args };
}

/** The names that an expression reads. */
export function refsOf(template: Template): Ref[] {
  return template.flatMap((part) => (typeof part === "string" ? [] : part.operands.flatMap((each) => ("ref" in each ? [each.ref] : []))));
}
