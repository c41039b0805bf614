// The bare repository of a Source as a folder: making it, and changing the packs in it.

import { access, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import git, { type PromiseFsClient } from "isomorphic-git";

/** Makes a bare repository where there is none. */
export async function prepareGitdir(gitdir: string, fs: PromiseFsClient): Promise<void> {
  const ready = await access(join(gitdir, "HEAD")).then(
    () => true,
    () => false,
  );
  if (!ready) await git.init({ fs, gitdir, bare: true, defaultBranch: "main" });
  await git.setConfig({ fs, gitdir, path: "remote.origin.fetch", value: "+refs/heads/*:refs/remotes/origin/*" });
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
    for (const ending of ["pack", "idx"])
      await rename(join(packFolder(from), `${pack}.${ending}`), join(packFolder(to), `${pack}.${ending}`));
  await rm(join(to, "shallow"), { force: true });
  await rename(join(from, "shallow"), join(to, "shallow")).catch(() => undefined); // none: the history is whole
}

/** An index goes before its pack, so that nobody looks for what is gone. */
export async function removePacks(gitdir: string, packs: readonly string[]): Promise<void> {
  for (const pack of packs) for (const ending of ["idx", "pack"]) await rm(join(packFolder(gitdir), `${pack}.${ending}`), { force: true });
}
