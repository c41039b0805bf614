// Reads which file imports what, from the sources' own import statements.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = normalize(join(dirname(fileURLToPath(import.meta.url)), "..", ".."));

export type Import = {
  /** Path in the repository. */
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  /** Path in the repository, for imports of our own; null for packages and the platform. */
  readonly target: string | null;
};

/** Source files under a folder of the repository: no tests, nothing generated unless asked for. */
export async function sourceFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") && !entry.name.endsWith(".d.ts"))
    .map((entry) => relative(repository, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules") && !file.includes("/testdata/"))
    .toSorted();
}

const statement =
  /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|new URL\(\s*["'](\.[^"']+\.ts)["']/g;

export async function importsOf(file: string): Promise<Import[]> {
  const text = await readFile(join(repository, file), "utf8");
  return [...text.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? match[4] ?? "";
    const line = text.slice(0, match.index).split("\n").length;
    return { file, line, specifier, target: targetOf(file, specifier) };
  });
}

function targetOf(file: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return normalize(join(dirname(file), specifier));
  const [, name, rest] = /^@muster\/(proto|hub|agent)\/(.+)$/.exec(specifier) ?? [];
  return name === undefined ? null : `${name}/src/${rest}.ts`;
}
