// What a machine may mend in a document without asking what was meant: a key that only one known key can be, text that YAML reads as
// something else, a name that is listed twice, an apiVersion of Muster's group that is none. Edits of the text itself, so that comments and
// layout stay. An empty selector is not among them: it would become every cluster.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node, type Pair, type Scalar } from "yaml";

import { nearest } from "./nearest.ts";
import { mapAmong, type Field, type Shape } from "./shape.ts";
import { apiVersion, documentShape, fleetKinds } from "./tables.ts";

/** `start` and `end` count UTF-16 units of the text; `line` and `column` from 1. */
export type Fix = {
  readonly line: number;
  readonly column: number;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly says: string;
};

/** What can be mended in a file, in its order. A document that is no YAML has nothing: its neighbours have theirs. */
export function fixesOf(text: string): readonly Fix[] {
  const lines = new LineCounter();
  const edits: Edit[] = [];
  const documents = parseAllDocuments(text, { lineCounter: lines, version: "1.1", uniqueKeys: false, logLevel: "silent" });
  for (const document of documents) if (document.errors.length === 0) new Mending(text, document as Document, edits).mend();
  return edits
    .toSorted((a, b) => a.start - b.start)
    .map((edit) => {
      const { line, col } = lines.linePos(edit.start);
      return { ...edit, line, column: col };
    });
}

/** The text with these fixes made. */
export function applyFixes(text: string, fixes: readonly Fix[]): string {
  return fixes.toReversed().reduce((done, { start, end, replacement }) => done.slice(0, start) + replacement + done.slice(end), text);
}

type Edit = Omit<Fix, "line" | "column">;
type Entry = Pair<Node, Node | null>;

class Mending {
  readonly #text: string;
  readonly #document: Document;
  readonly #edits: Edit[];

  constructor(text: string, document: Document, edits: Edit[]) {
    this.#text = text;
    this.#document = document;
    this.#edits = edits;
  }

  mend(): void {
    const root = this.#document.contents;
    if (!isMap<Node, Node | null>(root)) return;
    const [version, kind] = ["apiVersion", "kind"].map((name) => root.items.find(({ key }) => nameOf(key) === name)?.value);
    const known = fleetKinds.find((name) => isScalar(kind) && kind.value === name);
    if (known === undefined || !isScalar(version) || typeof version.value !== "string" || !version.value.startsWith("muster.dev/")) return;
    if (version.value !== apiVersion) this.#replace(version, apiVersion, `apiVersion is ${apiVersion}`);
    this.#value(documentShape(known), root);
  }

  #value(shape: Shape, node: Node | null): void {
    // What an anchor holds is mended where it stands, for one of its uses could mean another thing.
    if (node === null || isAlias(node)) return;
    if (shape.is === "coded") return this.#value(shape.of, node);
    if (shape.is === "either") {
      const map = isMap(node) ? mapAmong(shape.of) : undefined;
      if (map !== undefined) this.#value(map, node);
    } else if (shape.is === "object" && isMap<Node, Node | null>(node)) this.#object(shape.fields, node.items);
    else if (shape.is === "list" && isSeq<Node>(node)) this.#list(shape.of, node.items);
    else if (shape.is === "map" && isMap<Node, Node | null>(node)) for (const { value } of node.items) this.#value(shape.of, value);
    else if (shape.is === "text" && isScalar(node)) this.#quote(node);
  }

  #object(fields: Readonly<Record<string, Field>>, items: readonly Entry[]): void {
    const names = items.map(({ key }) => nameOf(key));
    const free = Object.keys(fields).filter((name) => !names.includes(name));
    const meant = names.map((name) => (name === undefined || Object.hasOwn(fields, name) ? name : onlyMeant(name, free)));
    items.forEach(({ key, value }, index) => {
      const [name, known] = [names[index], meant[index]];
      // Two keys that would become one were perhaps meant as two.
      if (known === undefined || meant.indexOf(known) !== meant.lastIndexOf(known)) return;
      if (known !== name) this.#replace(key, known, `${name} is called ${known}`);
      const field = fields[known];
      if (field !== undefined) this.#value(field.shape, value);
    });
  }

  /** A name that is there already, in a list of block style, one to a line. */
  #list(of: Shape, items: readonly Node[]): void {
    const seen = new Set<unknown>();
    for (const item of items) {
      this.#value(of, item);
      if (of.is !== "text" || !isScalar(item) || typeof item.value !== "string") continue;
      if (seen.has(item.value)) this.#dropLine(item);
      seen.add(item.value);
    }
  }

  #dropLine(item: Scalar): void {
    const [from, to] = rangeOf(item);
    const start = this.#text.lastIndexOf("\n", from - 1) + 1;
    const lineEnd = this.#text.indexOf("\n", to);
    const end = lineEnd === -1 ? this.#text.length : lineEnd + 1;
    const alone = /^[ \t]*-[ \t]+$/.test(this.#text.slice(start, from)) && this.#text.slice(to, end).trim() === "";
    if (alone) this.#edits.push({ start, end, replacement: "", says: `${String(item.value)} is listed twice` });
  }

  /** Text that YAML 1.1 takes for a boolean or a number. An empty value is left alone: it may be meant as none. */
  #quote(node: Scalar): void {
    const { value, type } = node;
    if (type !== "PLAIN" || (typeof value !== "boolean" && typeof value !== "number")) return;
    const [start, end] = rangeOf(node);
    const written = this.#text.slice(start, end);
    this.#replace(node, JSON.stringify(written), `${written} is text here, and needs quotes`);
  }

  #replace(node: Node, replacement: string, says: string): void {
    const [start, end] = rangeOf(node);
    this.#edits.push({ start, end, replacement, says });
  }
}

/** The one known key that a strange one can be. */
function onlyMeant(name: string, free: readonly string[]): string | undefined {
  const first = nearest(name, free);
  const second = nearest(
    name,
    free.filter((each) => each !== first),
  );
  return second === undefined ? first : undefined;
}

const nameOf = (key: Node): string | undefined => (isScalar(key) && typeof key.value === "string" ? key.value : undefined);

function rangeOf(node: Node): readonly [number, number] {
  const range = node.range;
  if (range === null || range === undefined) throw new TypeError("a node that was read has a range");
  return [range[0], range[1]];
}
