// What the history at hand tells: which commit changed a file last, and which commits lie behind another. A hub keeps few commits, so
// "not known" is an answer here, and never guessed.

import type { Snapshot } from "../../git/git.ts";
import type { ChangedBy, CommitRow } from "../../view/questions.ts";

export type CommitOf = (commit: string) => Promise<Snapshot | undefined>;

const stepsMax = 300;
const subjectMax = 120;

/** For each path the commit that changed it last, following first parents; null beyond the history at hand. */
export async function lastChanges(
  head: Snapshot,
  paths: readonly string[],
  commitOf: CommitOf,
): Promise<ReadonlyMap<string, ChangedBy | null>> {
  const found = new Map<string, ChangedBy | null>();
  let open = new Map<string, string | null>();
  for (const path of new Set(paths)) open.set(path, await idOf(head, path));
  let at: Snapshot = head;
  for (let steps = 0; open.size > 0 && steps < stepsMax; steps += 1) {
    const parents = at.parents;
    const [first] = parents ?? [];
    const parent = first === undefined ? undefined : await commitOf(first);
    const rest = new Map<string, string | null>();
    for (const [path, id] of open) {
      // The very first commit changed all that is in it; where the parent is only not at hand, nobody knows.
      if (parent === undefined) found.set(path, parents?.length === 0 ? changedBy(at) : null);
      else if ((await idOf(parent, path)) !== id) found.set(path, changedBy(at));
      else rest.set(path, id);
    }
    open = rest;
    if (parent === undefined) break;
    at = parent;
  }
  for (const path of open.keys()) if (!found.has(path)) found.set(path, null);
  return found;
}

export type Ancestry = {
  readonly commits: ReadonlyMap<string, Snapshot>;
  /** False: there are more, and they are not at hand. */ readonly complete: boolean;
};

/** A commit and those behind it, up to `until` (which is not among them), as far as they are at hand. */
export async function ancestry(from: string, commitOf: CommitOf, until: ReadonlySet<string> = new Set()): Promise<Ancestry> {
  const commits = new Map<string, Snapshot>();
  const open = [from];
  let complete = true;
  for (const id of open) {
    if (commits.has(id) || until.has(id)) continue;
    const snapshot = commits.size < stepsMax ? await commitOf(id) : undefined;
    if (snapshot === undefined) complete = false;
    else {
      commits.set(id, snapshot);
      open.push(...(snapshot.parents ?? []));
    }
  }
  return { commits, complete };
}

export const commitRow = (source: string, snapshot: Snapshot): CommitRow => ({ ...changedBy(snapshot), source });

function changedBy({ commit, author, committedAt, message }: Snapshot): ChangedBy {
  const subject = (message.split("\n")[0] ?? "").slice(0, subjectMax);
  return { commit, author: author.name, at: new Date(committedAt).toISOString(), subject };
}

async function idOf({ tree }: Snapshot, path: string): Promise<string | null> {
  const entry = await tree.entry(path).catch(() => undefined);
  return entry?.oid ?? null;
}
