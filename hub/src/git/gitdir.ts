// The bare repository of a Source as a folder: making it, and changing the packs in it.

import { access, copyFile, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import git, { type PromiseFsClient } from "isomorphic-git";

/** The commit of the last complete fetch. */
export const heldRef = "refs/muster/held";

/** Makes a bare repository where there is none. */
export async function prepareGitdir(gitdir: string, fs: PromiseFsClient): Promise<void> {
  const ready = await access(join(gitdir, "HEAD")).then(
    () => true,
    () => false,
  );
  if (!ready) await git.init({ fs, gitdir, bare: true, defaultBranch: "main" });
  await git.setConfig({ fs, gitdir, path: "remote.origin.fetch", value: "+refs/heads/*:refs/remotes/origin/*" });
}

/** The commits whose parents are not here. */
export async function shallowOf(gitdir: string): Promise<ReadonlySet<string>> {
  const text = await readFile(join(gitdir, "shallow"), "utf8").catch(() => "");
  return new Set(text.split("\n").filter((line) => line !== ""));
}

/** Where the history of one repository ends, said to another one. */
export async function copyShallow(from: string, to: string): Promise<void> {
  await copyFile(join(from, "shallow"), join(to, "shallow")).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

export const packFolder = (gitdir: string): string => join(gitdir, "objects", "pack");

/** Names of the packs that are in use: those with an index. */
export async function packsIn(gitdir: string): Promise<readonly string[]> {
  const files = await readdir(packFolder(gitdir)).catch(() => []);
  return files.filter((file) => file.endsWith(".idx")).map((file) => file.slice(0, -".idx".length));
}

/** Moves packs, and the end of the history that goes with them, from one repository to another. A pack is there before its index is. */
export async function movePacks(from: string, to: string, packs: readonly string[]): Promise<void> {
  for (const pack of packs)
    for (const ending of ["promisor", "pack", "idx"]) {
      const moved = rename(join(packFolder(from), `${pack}.${ending}`), join(packFolder(to), `${pack}.${ending}`));
      await (ending === "promisor" ? moved.catch(() => undefined) : moved); // only packs of partial fetches have one
    }
  await rm(join(to, "shallow"), { force: true });
  await rename(join(from, "shallow"), join(to, "shallow")).catch(() => undefined); // none: the history is whole
}

/** An index goes before its pack, so that nobody looks for what is gone. */
export async function removePacks(gitdir: string, packs: readonly string[]): Promise<void> {
  for (const pack of packs)
    for (const ending of ["idx", "pack", "promisor"]) await rm(join(packFolder(gitdir), `${pack}.${ending}`), { force: true });
}
