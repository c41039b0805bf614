// What a revision means on a server now.

import { printable } from "@muster/proto/model/printable";

import { checkRevision, isCommitId, isRefName, maskUrl } from "./address.ts";
import type { Carrier, RemoteRef } from "./carrier.ts";
import { gitError } from "./faults.ts";
import { highestTag, parseRange } from "./versions.ts";

/** `ref`: the full name that was followed, null for a commit id. `commit`: where that is known without fetching. */
export type Tip = { readonly ref: string | null; readonly oid: string; readonly commit: string | null };

type Wanted = { readonly name: string; readonly url: string; readonly revision: string | null };

const tags = "refs/tags/";

/** Throws E_SOURCE_EMPTY for a repository without commits, E_REF_MISSING for a branch, tag or version that is not there. */
export async function tipOf(carrier: Carrier, { name, url, revision }: Wanted, signal: AbortSignal): Promise<Tip> {
  if (revision !== null && isCommitId(revision)) return { ref: null, oid: revision, commit: revision };
  for (const ref of candidates(revision)) {
    const exact = (await carrier.refs(ref, signal)).find((line) => line.ref === ref);
    if (exact !== undefined) return tipAt(name, exact);
  }
  if (revision === null) throw gitError("E_SOURCE_EMPTY", name, `${maskUrl(url)} has no commit on its HEAD branch`);
  const range = parseRange(revision);
  if (range === null) throw gitError("E_REF_MISSING", name, `${maskUrl(url)} has no branch or tag ${printable(revision)}`);
  const found = new Map((await carrier.refs(tags, signal)).map((line) => [line.ref.slice(tags.length), line]));
  const best = found.get(highestTag(range, [...found.keys()]) ?? "");
  if (best !== undefined) return tipAt(name, best);
  throw gitError("E_REF_MISSING", name, `${maskUrl(url)} has no tag with a version in ${printable(revision)}, of ${found.size} tags`);
}

/** The full names that a revision may mean, in the order in which they win: a branch may be called `1.x`. */
function candidates(revision: string | null): readonly string[] {
  if (revision === null) return ["HEAD"];
  if (!isRefName(revision)) return [];
  return revision.startsWith("refs/") ? [revision] : [`refs/heads/${revision}`, `${tags}${revision}`];
}

function tipAt(name: string, found: RemoteRef): Tip {
  const ref = found.target ?? found.ref;
  checkRevision(name, ref); // a server may call its refs what it likes
  return { ref, oid: found.oid, commit: found.peeled ?? (ref.startsWith(tags) ? null : found.oid) };
}
