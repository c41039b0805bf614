// `where`: which clusters run a commit, an image or a Release, which were given it, and for which it waits. The work is one look per
// distinct Release and commit, not per cluster.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { WhereAnswer, WhereRow, WhereState } from "../../view/questions.ts";
import type { Decided } from "../fleet-state.ts";
import type { Member } from "../memory.ts";
import { ancestry, type CommitOf } from "./history.ts";
import { isImage, readImage } from "./images.ts";

/** One App on one cluster in one of its states. */
export type Held = {
  readonly cluster: ClusterName;
  readonly app: AppKey;
  readonly state: WhereState;
  readonly release: Digest;
  readonly commit: string | null;
};

export type WhereSight = {
  readonly held: readonly Held[];
  readonly imagesOf: (release: Digest) => readonly string[];
  readonly commitOf: CommitOf;
};

type Found = Omit<WhereAnswer, "what" | "asOf">;

/** Throws E_USAGE for what is neither a commit nor a Release nor an image. A word that may be several is what is found first. */
export async function where(what: string, sight: WhereSight): Promise<Found> {
  if (/^[0-9a-f]{6,64}$/.test(what)) {
    const releases = sight.held.filter(({ release }) => release.startsWith(what));
    if (releases.length > 0)
      return found(
        "release",
        releases.map((each) => ({ ...each, found: each.release })),
        null,
      );
    if (what.length <= 40) return byCommit(what, sight);
    return found("release", [], null);
  }
  const query = readImage(what);
  if (query === null)
    throw new OperationError("invalid", what, `${what} is no commit, no Release and no image`, undefined, {
      code: "E_USAGE",
      remedy: "give a commit, the digest of a Release, or an image as name[:tag][@digest]",
    });
  const hits = new Map<Digest, string | undefined>();
  const items = sight.held.flatMap((each): WhereRow[] => {
    if (!hits.has(each.release))
      hits.set(
        each.release,
        sight.imagesOf(each.release).find((image) => isImage(image, query)),
      );
    const image = hits.get(each.release);
    return image === undefined ? [] : [{ ...each, found: image }];
  });
  return found("image", items, null);
}

/** A pin counts when it was made from the commit or from one after it. */
async function byCommit(what: string, { held, commitOf }: WhereSight): Promise<Found> {
  const matches = new Map<string, string | undefined>();
  let [commits, complete] = [0, true];
  for (const commit of new Set(held.flatMap((each) => each.commit ?? []))) {
    if (commit.startsWith(what)) {
      matches.set(commit, commit);
      continue;
    }
    const behind = await ancestry(commit, commitOf);
    const hit = [...behind.commits.keys()].find((each) => each.startsWith(what));
    matches.set(commit, hit);
    commits = Math.max(commits, behind.commits.size);
    // A commit that was found is found, however the history goes on behind it.
    if (hit === undefined) complete &&= behind.complete;
  }
  const items = held.flatMap((each): WhereRow[] => {
    const hit = each.commit === null ? undefined : matches.get(each.commit);
    return hit === undefined ? [] : [{ ...each, found: hit }];
  });
  return found("commit", items, { commits, complete });
}

const order = { runs: 0, released: 1, waits: 2 } as const satisfies Record<WhereState, number>;

function found(as: WhereAnswer["as"], items: readonly WhereRow[], history: WhereAnswer["history"]): Found {
  const sorted = items.toSorted(
    (a, b) => byCodeUnits(a.app, b.app) || order[a.state] - order[b.state] || byCodeUnits(a.cluster, b.cluster),
  );
  return { as, items: sorted, history };
}

/** What a cluster runs, was given and waits for. A pin is as new as the decision that left it as it is. */
export function heldOn(
  cluster: ClusterName,
  member: Member | undefined,
  decided: Decided | undefined,
  commit: string | null,
): readonly Held[] {
  const out: Held[] = [];
  const apps = new Set<AppKey>([
    ...(member?.released.keys() ?? []),
    ...(member?.statuses.keys() ?? []),
    ...(decided?.placements.keys() ?? []),
  ]);
  for (const app of apps) {
    const status = member?.statuses.get(app)?.status;
    const released = member?.released.get(app);
    const wanted = decided?.placements.get(app)?.release ?? null;
    const asOf = released !== undefined && released.release === wanted ? commit : (released?.commit ?? null);
    const running = status === undefined || status.inventoryEmpty ? null : status.release;
    const same = released !== undefined && running === released.release;
    if (running !== null) out.push({ cluster, app, state: "runs", release: running, commit: same ? asOf : null });
    if (released !== undefined && !same) out.push({ cluster, app, state: "released", release: released.release, commit: asOf });
    if (wanted !== null && wanted !== released?.release) out.push({ cluster, app, state: "waits", release: wanted, commit });
  }
  return out;
}
