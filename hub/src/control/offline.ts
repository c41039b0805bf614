// Lint, resolve and render without a hub: the same parsing, resolving and rendering, on a local repository or folder.

import { readFile } from "node:fs/promises";
import { dirname, relative, resolve as resolvePath } from "node:path";

import type { Digest } from "@muster/proto/model/digest";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { Release } from "@muster/proto/model/release";

import {
  assembleFleet,
  isFleetFile,
  mentionsMuster,
  parseFleetFile,
  type FleetDocument,
  type ParsedFile,
  type Place,
  type Problem,
} from "../fleet/fleet.ts";
import { changes, openFolder, openLocalRepository, type LocalRepository, type Snapshot, type Tree } from "../git/git.ts";
import { Renderer } from "../render/render.ts";
import { resolve, type FleetModel, type LayerOrigin, type RenderRequest, type Resolution } from "../resolve/resolve.ts";
import { fieldPlace, PlaceFinder } from "./places.ts";
import { openRenders, type Answered, type Content, type KeptRender, type RenderCache, type RendersOptions } from "./renders/renders.ts";
import { contentKey } from "./sources/content.ts";

export type OfflineQuery = {
  /** A work tree, a bare repository or, without a revision, any folder. */
  readonly repo: string;
  /** null: the files as they lie in the folder, committed or not. */
  readonly revision: string | null;
  /** Only documents below it count; "" is the root. */
  readonly path: string;
  /** A file with Cluster documents, which stand beside those of the repository and win over them. */
  readonly clusters: string | null;
  /** Renders only what this cluster needs; null: what all need. Throws E_NOT_FOUND when there is no such cluster. */
  readonly cluster: string | null;
};

export type OfflineFleet = {
  /** null: not read from a commit. */
  readonly commit: string | null;
  readonly documents: readonly FleetDocument[];
  readonly resolution: Resolution;
  /** Answers to the requests of `resolution`. */
  readonly answers: ReadonlyMap<Digest, Answered>;
  /** Of reading, resolving and rendering. */
  readonly problems: readonly Problem[];
  /** Where a layer of a Placement stands: its target's line where the file lets tell, else that of its document. */
  placeOf(layer: LayerOrigin): Promise<Place>;
  /** A Release's objects by identity. */
  objectsOf(release: Digest): readonly { readonly identity: ObjectIdentity; readonly object: JsonObject }[];
  readonly model: FleetModel;
  readonly snapshot: Snapshot;
  /** undefined: a folder without Git. */
  readonly repository: LocalRepository | undefined;
  readonly contentOf: RendersOptions["contentOf"];
};

/** The name of the one Source that there is without a hub. */
export const rootSource = "root";
const textBytesMax = 4 * 1024 * 1024;

/**
 * Reads, resolves and renders a fleet. What is wrong in it is among its problems; throws an OperationError when the repository, the
 * revision, the path or the file of clusters cannot be read at all.
 */
export async function readFleetOffline(query: OfflineQuery, signal: AbortSignal): Promise<OfflineFleet> {
  const { snapshot, repository } = await openSnapshot(query);
  if ((await snapshot.tree.entry(query.path))?.kind !== "tree") throw missing(query.path, `${query.repo} has no folder ${query.path}`);
  const files = await fleetFiles(snapshot, query.path);
  const extra = query.clusters === null ? [] : [await clustersFile(query.clusters)];
  const assembled = assembleFleet([...files, ...extra], []);
  const documents = withClusters(assembled.documents, extra);
  const releases = new Map<Digest, Release>();
  const model = { ...assembled, documents, enrolled: [], incumbents: new Map<string, string>() };
  const first = resolve(model, new Map());
  if (query.cluster !== null && !first.clusters.some(({ name }) => name === query.cluster)) throw noCluster(query.cluster, first);
  const sources = contentsOf(snapshot, repository);
  const { resolution, answers } = await renderAll(model, first, { cluster: query.cluster, sources, releases }, signal);
  return {
    commit: query.revision === null ? null : snapshot.commit,
    documents,
    resolution,
    answers,
    problems: [
      ...assembled.problems,
      ...(await new PlaceFinder().closer(resolution.problems, () => snapshot.tree)),
      ...warningsOf(answers),
    ],
    placeOf: layerPlaces(snapshot.tree),
    objectsOf: (release) => objectsOf(releases.get(release)),
    model,
    snapshot,
    repository,
    contentOf: sources,
  };
}

/** Looks each layer up once: many Placements share it. */
function layerPlaces(tree: Tree): OfflineFleet["placeOf"] {
  const known = new Map<string, Promise<Place>>();
  return ({ from, place }) => {
    const index = /^targets\[(\d+)\]$/.exec(from)?.[1];
    if (index === undefined) return Promise.resolve(place);
    const key = JSON.stringify([from, place]);
    const found = known.get(key) ?? fieldPlace(place, ["spec", "targets", Number(index)], tree);
    known.set(key, found);
    return found;
  };
}

async function openSnapshot({ repo, revision }: OfflineQuery): Promise<{ snapshot: Snapshot; repository: LocalRepository | undefined }> {
  const repository = await openLocalRepository(repo);
  if (revision === null) return { snapshot: unsaved(await openFolder(repo)), repository };
  if (repository === undefined) throw missing(repo, `${repo} is no Git repository`);
  return { snapshot: await repository.snapshot(revision), repository };
}

/** A folder as if it were committed. */
const unsaved = (tree: Tree): Snapshot => ({ commit: "", author: { name: "", email: "" }, committedAt: 0, message: "", tree });

async function fleetFiles(snapshot: Snapshot, under: string): Promise<ParsedFile[]> {
  const files: ParsedFile[] = [];
  for await (const { path } of changes(null, snapshot, under)) {
    if (!isFleetFile(path)) continue;
    const parsed = await fleetFile(snapshot.tree, path);
    if (parsed !== null) files.push(parsed);
  }
  return files;
}

/** What cannot be read, such as a link that leads outside, is a problem of that file. */
async function fleetFile(tree: Tree, path: string): Promise<ParsedFile | null> {
  try {
    const entry = await tree.entry(path);
    if (entry?.kind !== "blob") return null;
    const bytes = await tree.read(entry.oid);
    const text = new TextDecoder().decode(bytes.subarray(0, textBytesMax));
    if (!mentionsMuster(text)) return null;
    if (bytes.length > textBytesMax) throw new OperationError("limit", path, `${path} is larger than ${textBytesMax} bytes`);
    return parseFleetFile({ source: rootSource, path, text });
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const problem: Problem = {
      code: error.fault?.code ?? "E_LIMIT",
      severity: "error",
      message: error.message,
      ...(error.fault && { remedy: error.fault.remedy }),
      place: { source: rootSource, path, line: 1 },
    };
    return { source: rootSource, path, documents: [], problems: [problem], broken: true, brokenKeys: [] };
  }
}

async function clustersFile(path: string): Promise<ParsedFile> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw missing(path, `cannot read the file of clusters: ${messageOf(error)}`);
  });
  const parsed = parseFleetFile({ source: "--clusters", path, text });
  return { ...parsed, documents: parsed.documents.filter(({ kind }) => kind === "Cluster") };
}

function withClusters(documents: readonly FleetDocument[], extra: readonly ParsedFile[]): readonly FleetDocument[] {
  const given = extra.flatMap((file) => file.documents);
  const keys = new Set(given.map(({ key }) => key));
  return [...documents.filter(({ key }) => !keys.has(key)), ...given];
}

type Rendered = { readonly resolution: Resolution; readonly answers: ReadonlyMap<Digest, Answered> };
type Wanted = { readonly cluster: string | null; readonly sources: RendersOptions["contentOf"]; readonly releases: Map<Digest, Release> };

/** Renders what a resolution needs, and resolves again, until nothing is needed. */
async function renderAll(
  model: FleetModel,
  first: Resolution,
  { cluster, sources, releases }: Wanted,
  signal: AbortSignal,
): Promise<Rendered> {
  const answers = new Map<Digest, Answered>();
  let resolution = first;
  let needs = neededBy(resolution, cluster);
  if (needs.length === 0) return { resolution, answers };
  await using renderer = await Renderer.open();
  const renders = openRenders({ renderer, cache: memoryCache(releases), contentOf: sources });
  while (needs.length > 0) {
    for (const [key, { answered }] of await renders.answer(needs, signal)) answers.set(key, answered);
    resolution = resolve(model, answers);
    needs = neededBy(resolution, cluster);
  }
  return { resolution, answers };
}

/** What one cluster needs: its own Placements, and Apps that are placed nowhere, for they may hold its Apps. */
function neededBy({ needs, placements }: Resolution, cluster: string | null): readonly RenderRequest[] {
  if (cluster === null) return needs;
  const elsewhere = new Set([...placements.all()].map(({ request }) => request));
  for (const { request } of placements.at(cluster as ClusterName)) elsewhere.delete(request);
  return needs.filter(({ key }) => !elsewhere.has(key));
}

const namesMax = 12;

function noCluster(name: string, { clusters }: Resolution): OperationError {
  const names = clusters.slice(0, namesMax).map((cluster) => cluster.name);
  const remedy = `there are: ${names.join(", ")}${clusters.length > namesMax ? ", ..." : ""}`;
  const none = "the repository declares none; a file of clusters adds some";
  return new OperationError("notFound", name, `there is no cluster ${name}`, undefined, {
    code: "E_NOT_FOUND",
    remedy: names.length === 0 ? none : remedy,
  });
}

function memoryCache(releases: Map<Digest, Release>): RenderCache {
  const kept = new Map<Digest, KeptRender>();
  return {
    get: (variant) => kept.get(variant),
    put(variant, render, release) {
      kept.set(variant, render);
      releases.set(release.digest, release);
    },
  };
}

function contentsOf(snapshot: Snapshot, repository: LocalRepository | undefined): RendersOptions["contentOf"] {
  const others = new Map<string, Promise<Snapshot>>();
  return async (ref) => {
    const { source, revision, remote } = ref;
    const failed = (code: string, message: string): Content => ({ kind: "failed", key: contentKey(ref), code, message });
    if (remote !== null)
      return failed("E_OFFLINE", "what lies outside the repository is not fetched without a hub: muster preview asks one");
    if (source !== rootSource) return failed("E_OFFLINE", `Source ${source} is not read without a hub: muster preview asks one`);
    if (revision === null) return { kind: "there", key: source, commit: snapshot.commit, tree: snapshot.tree };
    if (repository === undefined) return failed("E_OFFLINE", `revision ${revision} cannot be read: the folder is no Git repository`);
    const other = others.get(revision) ?? repository.snapshot(revision);
    others.set(revision, other);
    try {
      const { commit, tree } = await other;
      return { kind: "there", key: contentKey(ref), commit, tree };
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      return failed(error.fault?.code ?? "E_REF_MISSING", error.message);
    }
  };
}

function warningsOf(answers: ReadonlyMap<Digest, Answered>): Problem[] {
  const all = [...answers.values()].flatMap(({ warnings }) => warnings);
  return [...new Set(all)].map((message): Problem => ({ code: "W_RENDER", severity: "warning", message }));
}

function objectsOf(release: Release | undefined) {
  return (release?.manifest ?? []).flatMap(({ identity, digest }) => {
    const text = release?.objects.get(digest);
    return text === undefined ? [] : [{ identity, object: JSON.parse(text) as JsonObject }];
  });
}

/** What lint says about a path: a fleet, and those of its problems that lie under the path. */
export type Linted = { readonly root: string; readonly fleet: OfflineFleet; readonly problems: readonly Problem[] };

/**
 * Checks a file or folder as it lies there. Paths in documents start at the root of a repository: that is the folder itself, or the Git
 * repository around it, whichever has fewer paths and clusters that are nowhere. When the folder has none, it is the root.
 */
export async function lintOffline(path: string, signal: AbortSignal): Promise<Linted> {
  let best: Linted | undefined;
  for (const root of await rootsOf(resolvePath(path))) {
    const fleet = await readFleetOffline({ repo: root, revision: null, path: "", clusters: null, cluster: null }, signal);
    const linted = { root, fleet, problems: problemsUnder(fleet.problems, relative(root, resolvePath(path))) };
    if (best === undefined || misfits(linted) <= misfits(best)) best = linted;
    if (misfits(linted) === 0) break;
  }
  if (best === undefined) throw missing(path, `there is no folder ${path}`);
  return best;
}

/** Problems that a wrong root has: what the documents name lies elsewhere. */
const misfitCodes: ReadonlySet<string> = new Set([
  "E_PATH_MISSING",
  "E_PATH_ESCAPE",
  "E_UNKNOWN_GROUP",
  "W_NO_CLUSTERS",
  "W_UNKNOWN_CLUSTER",
]);

const misfits = ({ problems }: Linted): number => problems.filter(({ code }) => misfitCodes.has(code)).length;

/** The folder itself where it is one, then the Git repository around it; for a file outside of any repository its folder. */
async function rootsOf(full: string): Promise<readonly string[]> {
  const isFolder = await openFolder(full).then(
    () => true,
    () => false,
  );
  const around = await repositoryAround(isFolder ? full : dirname(full));
  if (!isFolder) return [around ?? dirname(full)];
  return around === undefined || around === full ? [full] : [full, around];
}

async function repositoryAround(full: string): Promise<string | undefined> {
  for (let folder = full; ; folder = dirname(folder)) {
    if (await openLocalRepository(folder)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function problemsUnder(problems: readonly Problem[], inside: string): readonly Problem[] {
  if (inside === "") return problems;
  return problems.filter(({ place }) => place !== undefined && (place.path === inside || place.path.startsWith(`${inside}/`)));
}

const missing = (subject: string, message: string): OperationError =>
  new OperationError("notFound", subject, message, undefined, { code: "E_PATH_MISSING", remedy: "check the path" });
