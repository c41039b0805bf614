// Finds a program that the machine already has, and asks it for its version.

import { access, constants, realpath, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { run } from "./run.ts";

/** A program that found no answer in this time is not one that we would use. */
const VERSION_TIMEOUT_MS = 20_000;

/** The folders to look in: those of `KUBEBUILDER_ASSETS` and `PATH`, without the links of this or another clone. */
export function searchFolders(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const folders = [environment["KUBEBUILDER_ASSETS"] ?? "", ...(environment["PATH"] ?? "").split(delimiter)];
  return folders.filter((folder) => folder !== "" && !folder.replace(/\/+$/, "").endsWith("/.tools/bin"));
}

/** Every executable file of that name, each once, in the order of the folders. */
export async function programsCalled(name: string, folders: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const folder of folders) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      async () => (await stat(path)).isFile(),
      () => false,
    );
    if (usable) found.add(await realpath(path));
  }
  return [...found];
}

/** The version `1.2.3` that a program says of itself, or `undefined` when it says none. */
export async function versionOf(program: string, args: readonly string[]): Promise<string | undefined> {
  const said = await run(program, args, { timeoutMs: VERSION_TIMEOUT_MS }).catch(() => "");
  return firstVersion(said);
}

/** The first `1.2.3` in a text. */
export function firstVersion(text: string): string | undefined {
  return /(?<![\d.])v?(\d+\.\d+\.\d+)(?![\d.])/.exec(text)?.[1];
}

/** True when `version` will do for `wanted`: the same, or of the same minor version where that is accepted. */
export function accepts(wanted: string, rule: "same-minor" | "exact", version: string): boolean {
  if (rule === "exact") return version === wanted;
  return minorOf(version) === minorOf(wanted);
}

/** True when `version` is `oldest` or newer. */
export function atLeast(oldest: string, version: string): boolean {
  const [want, have] = [oldest, version].map((text) => text.split(".").map(Number));
  for (const [index, number] of (want ?? []).entries()) {
    const difference = (have?.[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
