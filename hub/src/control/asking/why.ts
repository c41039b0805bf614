// `why-changed`: what moved a pin. The moves are in the record; what differed then is found by resolving one of the clusters that moved
// once more, with all that the App rests on as it was before, and comparing what the App was made of.

import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { manifestDelta, type Manifest } from "@muster/proto/model/release";
import type { Digest } from "@muster/proto/model/digest";
import type { Spell } from "@muster/proto/model/mask";
import type { Snapshot } from "../../git/git.ts";
import { rootSourceName, type Place } from "../../fleet/fleet.ts";
import type { Placement, ResolvedCluster } from "../../resolve/resolve.ts";
import type { MoveRow } from "../../store/store.ts";
import { causesOf, type CauseFacts } from "../../view/cause.ts";
import { fieldChanges } from "../../view/difference.ts";
import type { CommitRow, WhyRow } from "../../view/questions.ts";
import { refOf } from "../sources/content.ts";
import { settingsBetween } from "./between.ts";
import type { Ground } from "./ground.ts";
import { ancestry, commitRow, type CommitOf } from "./history.ts";
import type { Moved } from "./moved.ts";

/** Content key -> commit, or version. */
export type Vector = Readonly<Record<string, string>>;

export type WhySight = {
  /** The fleet with these contents at these commits, as one cluster sees it; undefined where one of them is not at hand. */
  readonly groundAt: (vector: Vector, cluster: ClusterName) => Promise<Ground | undefined>;
  readonly commitOf: (source: string, commit: string) => ReturnType<CommitOf>;
  readonly manifestOf: (release: Digest) => Manifest | undefined;
  readonly spell: Spell;
  readonly signal: AbortSignal;
};

const commitsMax = 20;

export async function whyRow({ move, before: earlier, clusters, clusterCount }: Moved, sight: WhySight): Promise<WhyRow> {
  const { app, cluster, from, to, first, approved, generation, at } = move;
  const { groundAt, manifestOf, spell, signal } = sight;
  signal.throwIfAborted();
  const after = await groundAt(move.sources, cluster);
  const vectors = { from: from.release === null ? null : beforeOf(move, earlier, after), to: move.sources };
  const before = vectors.from === null ? undefined : await groundAt({ ...vectors.to, ...vectors.from }, cluster);
  const seen = before === undefined || after === undefined ? null : await differing(before, after, move, spell, signal);
  const kind = from.release === null ? "appeared" : to.release === null ? "left" : "changed";
  const between = await commitsOf(vectors, seen?.paths ?? [], sight);
  return {
    app,
    clusters,
    clusterCount,
    generation,
    at: new Date(at).toISOString(),
    from,
    to,
    sources: changesOf(vectors),
    causes: causesOf({ first, approved, move: kind, seen }),
    commits: between.commits,
    complete: between.complete,
    counts: countsOf(from.release, to.release, manifestOf),
  };
}

type Vectors = { readonly from: Vector | null; readonly to: Vector };

/** What the pin before rested on: what its own move was made from, and for its files what the record says of it. */
function beforeOf({ app, cluster, from, to, sources }: MoveRow, earlier: MoveRow | null, after: Ground | undefined): Vector {
  const placement = after?.resolution.placements.get(app, cluster);
  const request = placement === undefined ? undefined : after?.resolution.requests.get(placement.request);
  const content = request === undefined ? undefined : after?.contentOf(refOf(request))?.key;
  const own = content ?? Object.keys(sources).find((key) => sources[key] === to.commit) ?? rootSourceName;
  const known = Object.entries(earlier?.sources ?? {}).filter(([key]) => sources[key] !== undefined);
  return { ...Object.fromEntries(known), ...(from.commit !== null && { [own]: from.commit }) };
}

function changesOf({ from, to }: Vectors): WhyRow["sources"] {
  return Object.keys(to)
    .toSorted()
    .flatMap((source) => {
      const [was, is] = [from?.[source] ?? null, to[source] ?? null];
      return from !== null && (was === null || was === is) ? [] : [{ source, from: was, to: is }];
    });
}

type Path = Pick<Place, "source" | "path">;
type Seen = NonNullable<CauseFacts["seen"]> & { readonly paths: readonly Path[] };

async function differing(before: Ground, after: Ground, { cluster, app }: MoveRow, spell: Spell, signal: AbortSignal): Promise<Seen> {
  const [old, now] = [before, after].map(({ resolution }) => resolution.placements.get(app, cluster));
  const [was, is] = [clusterIn(before, cluster), clusterIn(after, cluster)];
  const layers = (placement: Placement | undefined): readonly string[] => placement?.layers.map(({ from }) => from) ?? [];
  const [oldLayers, nowLayers] = [layers(old), layers(now)];
  const places = [...(old?.layers ?? []), ...(now?.layers ?? [])].map(({ place }) => place);
  const files = await changedFiles(before, after, old, now, signal);
  const documents = await changedOf(before, after, places);
  const clusterFiles = await changedOf(
    before,
    after,
    [was, is].flatMap((each) => each?.place ?? []),
  );
  return {
    files: files.map(shown),
    documents: documents.map(shown),
    settings: old === undefined || now === undefined ? [] : settingsBetween(before.resolution, old, after.resolution, now, spell),
    cluster: fieldChanges(partsOf(was), partsOf(is)),
    layers: [
      ...nowLayers.filter((name) => !oldLayers.includes(name)),
      ...oldLayers.filter((name) => !nowLayers.includes(name)).map((name) => `no ${name}`),
    ],
    paths: [...files, ...documents, ...clusterFiles],
  };
}

/** Of another Source with its name. */
const shown = ({ source, path }: Path): string => (source === rootSourceName ? path : `${source}: ${path}`);

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
): Promise<readonly Path[]> {
  const [was, is] = await Promise.all([inputsOf(before, old, signal), inputsOf(after, now, signal)]);
  if (was === undefined || is === undefined) return [];
  const changed = [...new Set([...was.files.keys(), ...is.files.keys()])].filter((path) => was.files.get(path) !== is.files.get(path));
  return changed.toSorted().map((path) => ({ source: is.source, path }));
}

async function inputsOf(
  ground: Ground,
  placement: Placement | undefined,
  signal: AbortSignal,
): Promise<{ readonly source: string; readonly files: ReadonlyMap<string, string> } | undefined> {
  const request = placement === undefined ? undefined : ground.resolution.requests.get(placement.request);
  if (request === undefined) return undefined;
  const trial = await ground.trial(request, signal);
  const source = ground.contentOf(refOf(request))?.key ?? request.source;
  return trial.kind === "trial" ? { source, files: trial.inputs.files } : undefined;
}

async function changedOf(before: Ground, after: Ground, places: readonly Path[]): Promise<readonly Path[]> {
  const changed = new Map<string, Path>();
  for (const { source, path } of places) {
    const [was, is] = [before.snapshotOf(source), after.snapshotOf(source)];
    if ((await idOf(was, path)) !== (await idOf(is, path))) changed.set(`${source} ${path}`, { source, path });
  }
  return [...changed.values()].toSorted((a, b) => (shown(a) < shown(b) ? -1 : 1));
}

const idOf = async (snapshot: Snapshot | undefined, path: string): Promise<string | undefined> =>
  (await snapshot?.tree.entry(path).catch(() => undefined))?.oid;

type Between = { readonly commits: readonly CommitRow[]; readonly complete: boolean };

/** The commits of all that differs, newest first; of a pin that is new those that it came with. */
async function commitsOf({ from, to }: Vectors, paths: readonly Path[], { commitOf }: WhySight): Promise<Between> {
  const found: { touching: boolean; rows: readonly CommitRow[] }[] = [];
  let complete = true;
  for (const [source, commit] of Object.entries(to)) {
    if (!isCommit(commit)) continue;
    const of: CommitOf = (id) => commitOf(source, id);
    const was = from === null ? null : from[source];
    if (was === null) {
      const own = await of(commit);
      if (own !== undefined) found.push({ touching: true, rows: [commitRow(source, own)] });
    } else if (was !== undefined && was !== commit && isCommit(was)) {
      const mine = paths.flatMap((each) => (each.source === source ? [each.path] : []));
      const between = await commitsBetween(was, commit, { source, paths: mine, commitOf: of });
      found.push(between);
      complete &&= between.complete;
    }
  }
  const some = found.some(({ touching }) => touching);
  const rows = found.flatMap((each) => (some && !each.touching ? [] : each.rows));
  return { commits: rows.toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, commitsMax), complete };
}

const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

type Span = { readonly source: string; readonly paths: readonly string[]; readonly commitOf: CommitOf };

/** The commits after `from` up to `to`, newest first: those that touched a path, or all where none is known to. */
async function commitsBetween(from: string, to: string, { source, paths, commitOf }: Span) {
  const behind = await ancestry(from, commitOf);
  const { commits, complete } = await ancestry(to, commitOf, new Set([from, ...behind.commits.keys()]));
  const touching: CommitRow[] = [];
  for (const snapshot of commits.values()) {
    const parent = snapshot.parents?.[0] === undefined ? undefined : await commitOf(snapshot.parents[0]);
    for (const path of paths) {
      if ((await idOf(snapshot, path)) === (await idOf(parent, path))) continue;
      touching.push(commitRow(source, snapshot));
      break;
    }
  }
  const all = [...commits.values()].map((snapshot) => commitRow(source, snapshot));
  return { touching: touching.length > 0, rows: touching.length > 0 ? touching : all, complete };
}

function countsOf(from: Digest | null, to: Digest | null, manifestOf: WhySight["manifestOf"]): WhyRow["counts"] {
  const [before, after] = [from, to].map((release) => (release === null ? [] : manifestOf(release)));
  if (before === undefined || after === undefined) return null;
  const { set, remove } = manifestDelta(before, after);
  const added = after.length - (before.length - remove.length);
  return { added, changed: set.length - added, deleted: remove.length };
}
