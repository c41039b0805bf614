// Where a field stands in a file: a second, slow reading with a parser that keeps places, for error messages only.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import { splitDocuments, type Chunk } from "./split.ts";

export type Place = { readonly line: number; readonly column: number };

// Beyond this a line number is not worth the time.
const charsMax = 1024 * 1024;

/**
 * The 1-based place of a field, or of the deepest part of its path that exists. Undefined when there is no such document
 * or it is too large to look through.
 */
export function locate(text: string, documentIndex: number, path: readonly (string | number)[]): Place | undefined {
  const stream = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const chunk = splitDocuments(stream).find((each) => each.index === documentIndex);
  return chunk === undefined ? undefined : locateInChunk(chunk, path);
}

/** The same within one document. */
export function locateInChunk(chunk: Chunk, path: readonly (string | number)[]): Place | undefined {
  if (chunk.text.length > charsMax) return undefined;
  const lines = new LineCounter();
  try {
    const document = parseDocument(chunk.text, { lineCounter: lines, version: "1.1", uniqueKeys: false, logLevel: "silent" });
    const start = startOf(document, path);
    if (start === undefined) return undefined;
    const { line, col } = lines.linePos(start);
    return { line: chunk.line + line - 1, column: col };
  } catch {
    return undefined; // no place is better than no message
  }
}

function startOf(document: Document, path: readonly (string | number)[]): number | undefined {
  let node: Node | null = document.contents;
  let start = node?.range?.[0];
  for (const step of path) {
    const next = child(document, node, step);
    if (next === undefined) return start;
    node = next.node;
    start = next.start ?? start;
  }
  return start;
}

type Child = { readonly node: Node | null; readonly start: number | undefined };

function child(document: Document, parent: Node | null, step: string | number): Child | undefined {
  const node = isAlias(parent) ? (parent.resolve(document) ?? null) : parent;
  if (isSeq<Node>(node) && typeof step === "number") {
    const item = node.items[step];
    return item === undefined ? undefined : { node: item, start: item.range?.[0] };
  }
  if (isMap<Node, Node | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && (String(key.value) === String(step) || key.source === String(step)));
    return pair === undefined ? undefined : { node: pair.value, start: pair.key.range?.[0] };
  }
  return undefined;
}
