// Another revision of a Source than the one that is followed, fetched for a preview into a repository of its own.

import type { GitSource, Snapshot } from "../../git/git.ts";

/** Opens what fetches one revision. */
export type OpenAt = (source: string, revision: string) => Promise<GitSource>;

/** The Snapshot that a branch, tag or commit of a Source means now. Throws what the Source's Git says, such as E_REF_MISSING. */
export type TreeAt = (source: string, revision: string, signal: AbortSignal) => Promise<Snapshot>;

export function fetchAt(open: OpenAt): TreeAt {
  return async (source, revision, signal) => {
    const git = await open(source, revision);
    const fetched = await git.fetch(signal);
    return fetched.kind === "snapshot" ? fetched.snapshot : git.snapshot(fetched.commit);
  };
}
