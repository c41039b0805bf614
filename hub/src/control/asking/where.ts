// `where`: which clusters run a commit, an image or a Release, which were given it, and for which it waits. The work is one look per
// distinct Release and commit, not per cluster; equal clusters are one row.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { WhereAnswer, WhereRow, WhereState } from "../../view/questions.ts";
import { ancestry, type CommitOf } from "./history.ts";
import { isImage, readImage, type ImageQuery } from "./images.ts";
import { Names, pageOf, visit } from "./page.ts";

/** A commit, or a version, that a pin was made from. `source`: whose; null where nobody knows any more. */
export type Made = { readonly source: string | null; readonly commit: string };

/** One App on one cluster in one of its states. `made`: all that it rests on, what its files are of last. */
export type Held = {
  readonly cluster: ClusterName;
  readonly app: AppKey;
  readonly state: WhereState;
  readonly release: Digest;
  readonly made: readonly Made[];
};

export type WhereSight = {
  /** By cluster, in the order of names; asked for more than once. */
  readonly held: () => Iterable<Held>;
  readonly imagesOf: (release: Digest) => readonly string[];
  /** Of one content, or of whichever has it. */
  readonly commitOf: (source: string | null, commit: string) => ReturnType<CommitOf>;
  readonly signal: AbortSignal;
};

export const whereLimits = { rows: 500, releases: 20_000, commits: 500 } as const;

type Found = Omit<WhereAnswer, "what" | "asOf">;
type Hit = { readonly found: string; readonly made: Made | undefined };

/** Throws E_USAGE for what is neither a commit nor a Release nor an image. A word that may be several is what is found first. */
export async function where(what: string, after: string | undefined, sight: WhereSight): Promise<Found> {
  if (/^[0-9a-f]{6,64}$/.test(what)) {
    const releases = await collect("release", sight, after, ({ release, made }) =>
      release.startsWith(what) ? { found: release, made: made.at(-1) } : undefined,
    );
    if (releases.total > 0) return releases;
    if (what.length <= 40) return byCommit(what, after, sight);
    const images = await byImage({ parts: [], tag: null, digest: `sha256:${what}` }, after, sight);
    return images.total > 0 ? images : releases;
  }
  const query = readImage(what);
  if (query === null)
    throw new OperationError("invalid", what, `${what} is no commit, no Release and no image`, undefined, {
      code: "E_USAGE",
      remedy: "give a commit, the digest of a Release, or an image as name[:tag][@digest]",
    });
  return byImage(query, after, sight);
}

async function byImage(query: ImageQuery, after: string | undefined, sight: WhereSight): Promise<Found> {
  const hits = new Map<Digest, string | undefined>();
  let unseen = 0;
  await visit(sight.held(), sight.signal, ({ release }) => {
    if (!hits.has(release)) hits.set(release, undefined);
  });
  await visit([...hits.keys()].entries(), sight.signal, ([i, release]) => {
    if (i < whereLimits.releases)
      hits.set(
        release,
        sight.imagesOf(release).find((image) => isImage(image, query)),
      );
    else unseen += 1;
  });
  const answer = await collect("image", sight, after, ({ release, made }) => {
    const image = hits.get(release);
    return image === undefined ? undefined : { found: image, made: made.at(-1) };
  });
  return { ...answer, unseen };
}

/** A pin counts when something that it was made from is the commit, or one after it. */
async function byCommit(what: string, after: string | undefined, sight: WhereSight): Promise<Found> {
  const { commitOf, signal } = sight;
  const known = new Map<string, Made>();
  await visit(sight.held(), signal, ({ made }) => {
    for (const each of made) known.set(keyOf(each), each);
  });
  const hits = new Map<string, string>();
  let [walks, commits, complete] = [0, 0, known.size > 0];
  for (const [key, { source, commit }] of known) {
    signal.throwIfAborted();
    const behind = await behindOf(what, commit, (id) => commitOf(source, id), walks < whereLimits.commits);
    walks += 1;
    commits = Math.max(commits, behind.count);
    // A commit that was found is found, however the history goes on behind it.
    if (behind.hit === undefined) complete &&= behind.complete;
    else hits.set(key, behind.hit);
  }
  const answer = await collect("commit", sight, after, ({ made }) => {
    const one = made.find((each) => hits.has(keyOf(each)));
    return one === undefined ? undefined : { found: hits.get(keyOf(one)) ?? "", made: one };
  });
  return { ...answer, history: { commits, complete } };
}

const keyOf = ({ source, commit }: Made): string => `${source ?? ""} ${commit}`;

async function behindOf(what: string, commit: string, commitOf: CommitOf, walks: boolean) {
  if (commit.startsWith(what)) return { hit: commit, count: 0, complete: true };
  if (!/^[0-9a-f]{40}$/.test(commit)) return { hit: undefined, count: 0, complete: true }; // a version: nothing lies behind it
  if (!walks) return { hit: undefined, count: 0, complete: false };
  const behind = await ancestry(commit, commitOf);
  return { hit: [...behind.commits.keys()].find((each) => each.startsWith(what)), count: behind.commits.size, complete: behind.complete };
}

type Group = { readonly row: Omit<WhereRow, "clusters" | "clusterCount">; readonly key: string; readonly names: Names };

const order = { runs: 0, released: 1, waits: 2 } as const satisfies Record<WhereState, number>;

/** Rows by App, state, Release and commit; clusters of one row are equal. */
async function collect(
  as: WhereAnswer["as"],
  { held, signal }: WhereSight,
  after: string | undefined,
  hitOf: (each: Held) => Hit | undefined,
): Promise<Found> {
  const groups = new Map<string, Group>();
  const states = { runs: new Set<ClusterName>(), released: new Set<ClusterName>(), waits: new Set<ClusterName>() };
  await visit(held(), signal, (each) => {
    const hit = hitOf(each);
    if (hit === undefined) return;
    const { app, state, release, cluster } = each;
    const { commit = null, source = null } = hit.made ?? {};
    const key = [app, order[state], release, source ?? "", commit ?? "", hit.found].join("\0");
    const group = groups.get(key) ?? { key, row: { app, state, release, commit, source, found: hit.found }, names: new Names() };
    groups.set(key, group);
    group.names.add(cluster);
    states[state].add(cluster);
  });
  const page = pageOf([...groups.values()], ({ key }) => key, after, whereLimits.rows);
  return {
    as,
    ...page,
    items: page.items.map(({ row, names }): WhereRow => ({ ...names.told, ...row })),
    states: { runs: states.runs.size, released: states.released.size, waits: states.waits.size },
    history: null,
    unseen: 0,
  };
}
