// Whether a commit is there completely: only then it may become a Snapshot.

import { gitError } from "./faults.ts";
import { heldObjects } from "./held.ts";
import type { GitObjects } from "./objects.ts";

type Pair = { readonly now: string; readonly before: string | undefined };

/**
 * Throws E_GIT_CORRUPT unless every folder of a commit can be read and every file is in a pack; E_LIMIT for more than `filesMax` new files
 * and folders. What `known`, a commit that was complete, has at the same path is not looked at again. `filesToo`: false for a partial
 * fetch, whose files come later.
 */
export async function checkComplete(
  gitdir: string,
  objects: GitObjects,
  name: string,
  filesMax: number,
  commit: string,
  known: string | null,
  filesToo = true,
): Promise<void> {
  const has = await heldObjects(gitdir, name);
  const rootOf = async (oid: string) => (await objects.commit(oid)).tree;
  const pending: Pair[] = [{ now: await rootOf(commit), before: known === null ? undefined : await rootOf(known) }];
  let files = 0;
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    if (pair.now === pair.before) continue;
    const before = new Map((pair.before === undefined ? [] : await objects.tree(pair.before)).map((line) => [line.name, line]));
    for (const line of await objects.tree(pair.now)) {
      files += 1;
      if (files > filesMax) throw gitError("E_LIMIT", name, `commit ${commit} has more than ${filesMax} files`);
      const was = before.get(line.name);
      if (line.kind === "tree") pending.push({ now: line.oid, before: was?.kind === "tree" ? was.oid : undefined });
      else if (filesToo && line.kind !== "submodule" && was?.oid !== line.oid && !has(line.oid))
        throw gitError("E_GIT_CORRUPT", name, `the server did not send file ${line.oid} of commit ${commit}`);
    }
  }
}
