// Cuts a stream into its documents by its markers, so that one broken document does not hide its neighbours.
// YAML forbids `---` and `...` at the start of a line inside any scalar, so lines are enough.

export type Chunk = {
  /** 0-based place in the stream. */
  readonly index: number;
  /** 1-based line of the file on which `text` starts. */
  readonly line: number;
  /** The document, with its own `---` and directives. */
  readonly text: string;
};

const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;

/**
 * The documents of a stream. What stands before the first `---` is a document of its own only when it says something:
 * blank lines, comments and directives belong to the document that follows. At most `max` + 1 documents are cut.
 */
export function splitDocuments(text: string, max = Number.POSITIVE_INFINITY): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  let line = 1;
  let opened = false; // whether the piece from `start` on begins with its own `---`
  const cut = (end: number, opensNext: boolean): void => {
    const piece = text.slice(start, end);
    if (opened || !saysNothing(piece)) {
      chunks.push({ index: chunks.length, line, text: piece });
      line += countLines(piece);
      start = end;
    } else if (!opensNext) {
      line += countLines(piece);
      start = end;
    }
    opened = opensNext;
  };
  for (const found of text.matchAll(marker)) {
    if (chunks.length > max) return chunks;
    if (found[0] === "---") cut(found.index, true);
    else cut(endOfLine(text, found.index), false);
  }
  cut(text.length, false);
  return chunks;
}

/** True for blank lines, comments, directives and end marks alone. */
function saysNothing(piece: string): boolean {
  return !/^(?![ \t]*(?:#|\r?$)|%|\.\.\.(?:[ \t\r]|$))/m.test(piece.endsWith("\n") ? piece.slice(0, -1) : piece);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end + 1;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
