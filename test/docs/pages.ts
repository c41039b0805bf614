// The documents as data: their links, their code, their tables.

import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));

export type Page = {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  /** The text without fenced blocks. */
  readonly prose: string;
  readonly blocks: readonly { readonly language: string; readonly text: string }[];
};

export const read = (path: string): Promise<string> => readFile(join(repository, path), "utf8");

/** All documents of the project, sorted by path. */
export async function readPages(): Promise<readonly Page[]> {
  const found: string[] = [];
  const patterns = ["*.md", "docs/**/*.md", "test/**/*.md", "examples/**/*.md"];
  for await (const path of glob(patterns, { cwd: repository, exclude: ["**/node_modules/**"] })) found.push(path);
  return Promise.all(found.toSorted().map(async (path) => pageOf(path, await read(path))));
}

const fence = /^ *```(\w*)[^\n]*\n(.*?)^ *```$/gms;

function pageOf(path: string, text: string): Page {
  const blocks = [...text.matchAll(fence)].map(([, language = "", inner = ""]) => ({ language, text: inner }));
  return { path, text, prose: text.replaceAll(fence, ""), blocks };
}

/** Targets of the links in a page, as written. */
export function linksOf({ prose }: Page): readonly string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** What stands between backticks in a text. */
export function codeIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

/** The names that a page's headings can be linked by. */
export function anchorsOf({ prose }: Page): readonly string[] {
  return [...prose.matchAll(/^#+ +(.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The cells of all table rows of a page, trimmed; heads and rules included. */
export function rowsOf({ prose }: Page): readonly (readonly string[])[] {
  const lines = prose.split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .slice(1, line.lastIndexOf("|"))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}
