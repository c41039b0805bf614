// Who comes from whom, as far as the history that is here tells.

import { shallowOf } from "./gitdir.ts";
import type { GitObjects } from "./objects.ts";

const commitsMax = 2_000;

/** Whether `ancestor` is `commit` or in its history; "unknown" when what is here ends, or 2,000 commits are looked at, before that is clear. */
export async function isAncestor(gitdir: string, objects: GitObjects, commit: string, ancestor: string): Promise<"yes" | "no" | "unknown"> {
  const boundary = await shallowOf(gitdir);
  const seen = new Set([commit]);
  let ended = false;
  for (const oid of seen) {
    if (oid === ancestor) return "yes";
    if (boundary.has(oid) || seen.size > commitsMax) ended = true;
    else for (const parent of (await objects.commit(oid)).parents) seen.add(parent);
  }
  return ended ? "unknown" : "no";
}
