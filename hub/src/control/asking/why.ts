// `why-changed`: what moved the pins of a cluster. The moves are in the record; what differed then is found by resolving the commit
// before once more, with the renders that are kept, and comparing what the App was made of.

import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { manifestDelta, type Manifest } from "@muster/proto/model/release";
import type { Digest } from "@muster/proto/model/digest";
import type { Spell } from "@muster/proto/model/mask";
import type { Snapshot } from "../../git/git.ts";
import type { Placement, ResolvedCluster } from "../../resolve/resolve.ts";
import type { MoveRow } from "../../store/store.ts";
import { causesOf, type CauseFacts } from "../../view/cause.ts";
import { fieldChanges } from "../../view/difference.ts";
import type { CommitRow, WhyRow } from "../../view/questions.ts";
import { settingsBetween } from "./between.ts";
import type { Ground } from "./ground.ts";
import { ancestry, commitRow, type CommitOf } from "./history.ts";

export type WhySight = {
  /** The fleet as it was at a commit of the root Source; undefined when that is not at hand. */
  readonly groundAt: (commit: string) => Promise<Ground | undefined>;
  readonly commitOf: CommitOf;
  readonly manifestOf: (release: Digest) => Manifest | undefined;
  readonly spell: Spell;
  readonly signal: AbortSignal;
};

const commitsMax = 20;

export async function whyRow(move: MoveRow, { groundAt, commitOf, manifestOf, spell, signal }: WhySight): Promise<WhyRow> {
  const { app, from, to, first, approved, generation, at } = move;
  const earlier = from.commit;
  const [before, after] = [
    earlier === null ? undefined : await groundAt(earlier),
    to.commit === null ? undefined : await groundAt(to.commit),
  ];
  const seen = before === undefined || after === undefined ? null : await differing(before, after, move, spell, signal);
  const kind = from.release === null ? "appeared" : to.release === null ? "left" : "changed";
  const paths = seen === null ? [] : [...seen.files, ...seen.documents, ...seen.clusterFiles];
  const between =
    to.commit === null || earlier === null || to.commit === earlier ? null : await commitsBetween(earlier, to.commit, paths, commitOf);
  return {
    app,
    generation,
    at: new Date(at).toISOString(),
    from,
    to,
    causes: causesOf({ first, approved, move: kind, seen }),
    commits: between?.commits ?? (to.commit === null || from.commit !== null ? [] : await ownCommit(to.commit, commitOf)),
    complete: between?.complete ?? true,
    counts: countsOf(from.release, to.release, manifestOf),
  };
}

type Seen = NonNullable<CauseFacts["seen"]> & { readonly clusterFiles: readonly string[] };

async function differing(before: Ground, after: Ground, { cluster, app }: MoveRow, spell: Spell, signal: AbortSignal): Promise<Seen> {
  const [old, now] = [before, after].map(({ resolution }) => resolution.placements.get(app, cluster));
  const [was, is] = [clusterIn(before, cluster), clusterIn(after, cluster)];
  const layers = (placement: Placement | undefined): readonly string[] => placement?.layers.map(({ from }) => from) ?? [];
  const [oldLayers, nowLayers] = [layers(old), layers(now)];
  const places = [...(old?.layers ?? []), ...(now?.layers ?? [])].map(({ place }) => place.path);
  return {
    files: await changedFiles(before, after, old, now, signal),
    documents: await changedOf(before, after, places),
    settings: old === undefined || now === undefined ? [] : settingsBetween(before.resolution, old, after.resolution, now, spell),
    cluster: fieldChanges(partsOf(was), partsOf(is)),
    layers: [
      ...nowLayers.filter((name) => !oldLayers.includes(name)),
      ...oldLayers.filter((name) => !nowLayers.includes(name)).map((name) => `no ${name}`),
    ],
    clusterFiles: await changedOf(
      before,
      after,
      [was, is].flatMap((each) => each?.place?.path ?? []),
    ),
  };
}

const clusterIn = ({ resolution }: Ground, name: ClusterName): ResolvedCluster | undefined =>
  resolution.clusters.find((each) => each.name === name);

function partsOf(cluster: ResolvedCluster | undefined): JsonValue {
  const { labels = {}, annotations = {}, values = {}, paused = false } = cluster ?? {};
  return { labels, annotations, values, paused };
}

/** Files that one of the renders reads and that differ, by the ids of their contents. */
async function changedFiles(
  before: Ground,
  after: Ground,
  old: Placement | undefined,
  now: Placement | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [was, is] = await Promise.all([inputsOf(before, old, signal), inputsOf(after, now, signal)]);
  if (was === undefined || is === undefined) return [];
  return [...new Set([...was.keys(), ...is.keys()])].filter((path) => was.get(path) !== is.get(path)).toSorted();
}

async function inputsOf(
  ground: Ground,
  placement: Placement | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const request = placement === undefined ? undefined : ground.resolution.requests.get(placement.request);
  const trial = request === undefined ? undefined : await ground.trial(request, signal);
  return trial?.kind === "trial" ? trial.inputs.files : undefined;
}

async function changedOf(before: Ground, after: Ground, paths: readonly string[]): Promise<readonly string[]> {
  const source = before.resolution.apps[0]?.source ?? "root";
  const [was, is] = [before.snapshotOf(source), after.snapshotOf(source)];
  const changed: string[] = [];
  for (const path of new Set(paths)) if ((await idOf(was, path)) !== (await idOf(is, path))) changed.push(path);
  return changed.toSorted();
}

const idOf = async (snapshot: Snapshot | undefined, path: string): Promise<string | undefined> =>
  (await snapshot?.tree.entry(path).catch(() => undefined))?.oid;

/** The commits after `from` up to `to`, newest first: those that touched a path, or all where none is known to. */
async function commitsBetween(from: string, to: string, paths: readonly string[], commitOf: CommitOf) {
  const behind = await ancestry(from, commitOf);
  const { commits, complete } = await ancestry(to, commitOf, new Set([from, ...behind.commits.keys()]));
  const touching: CommitRow[] = [];
  for (const snapshot of commits.values()) {
    const parent = snapshot.parents?.[0] === undefined ? undefined : await commitOf(snapshot.parents[0]);
    for (const path of paths) {
      if ((await idOf(snapshot, path)) === (await idOf(parent, path))) continue;
      touching.push(commitRow(snapshot));
      break;
    }
  }
  const rows = touching.length > 0 ? touching : [...commits.values()].map(commitRow);
  return { commits: rows.slice(0, commitsMax), complete };
}

async function ownCommit(commit: string, commitOf: CommitOf): Promise<readonly CommitRow[]> {
  const snapshot = await commitOf(commit);
  return snapshot === undefined ? [] : [commitRow(snapshot)];
}

function countsOf(from: Digest | null, to: Digest | null, manifestOf: WhySight["manifestOf"]): WhyRow["counts"] {
  const [before, after] = [from, to].map((release) => (release === null ? [] : manifestOf(release)));
  if (before === undefined || after === undefined) return null;
  const { set, remove } = manifestDelta(before, after);
  const added = after.length - (before.length - remove.length);
  return { added, changed: set.length - added, deleted: remove.length };
}
