// Which files a render reads, found without reading more than it must: they are the part of a Variant that lies in Git.
// How a Snapshot is stored, and where its links lead, is the business of whoever gives the Tree.

import { digestOfJson } from "@muster/proto/model/digest";
import type { JsonObject } from "@muster/proto/model/json";
import { gunzipSync } from "node:zlib";
import { askedAll, askedBy, askedNothing, united, type AskedCapabilities } from "./capabilities.ts";
import { isChartMetadata, planCharts } from "./chart-dependencies.ts";
import { Collector } from "./collector.ts";
import { kustomizationNames } from "./kustomization.ts";
import { folderOf, joinPath, resolvePath } from "./paths.ts";
import { isManifest } from "./plain.ts";
import { noRemotes } from "./remotes.ts";
import {
  RenderFault,
  type KustomizeInput,
  type ObjectsInput,
  type RenderCode,
  type RenderKind,
  type SnapshotPath,
  type RemoteNeed,
  type Remotes,
} from "./rendered.ts";
import { decodeFile } from "./text.ts";
import type { Tree } from "./tree.ts";

export type InputsQuery = {
  /** The App's source.path; "." and "" are the root. */
  readonly path: string;
  /** Relative to the path; ".." may leave it, but not the Snapshot. */
  readonly valuesFiles?: readonly string[];
  /** The values of the App: a `tpl` in the chart may run templates that stand in them. */
  readonly values?: JsonObject;
  readonly kustomize?: KustomizeInput;
  readonly objects?: ObjectsInput;
  readonly filesMax?: number;
};

export type Inputs = {
  readonly kind: RenderKind;
  /** For RenderInput.root. */
  readonly root: SnapshotPath;
  /** Path -> id of the blob. */
  readonly files: ReadonlyMap<SnapshotPath, string>;
  /** For RenderInput.helm.valuesFiles. */
  readonly valuesFiles: readonly SnapshotPath[];
  /** What of the cluster's `.Capabilities` the outcome may depend on. */
  readonly capabilities: AskedCapabilities;
  /** True when that is anything. */
  readonly usesCapabilities: boolean;
  /** What lies outside the Snapshot, for RenderInput.remotes. Those not handed in yet may themselves need others: ask again with them. */
  readonly remotes: readonly RemoteNeed[];
  /** SHA-256 over kind, root, the sorted pairs of path and blob id, and the keys and digests of what was handed in for `remotes`. */
  readonly digest: string;
};

export type InputsFailed = { readonly kind: "failed"; readonly code: RenderCode; readonly message: string; readonly path?: string };

export const filesMaxOfOneApp = 10_000;
const defaultBytesMax = 64 * 1024 * 1024;

/**
 * The files that rendering a path reads, and what it needs besides; `remotes` holds what was fetched for the needs of the round before.
 * What is wrong with the path or the files is a result of kind "failed".
 */
export async function inputsOf(tree: Tree, query: InputsQuery, remotes: Remotes = noRemotes): Promise<Inputs | InputsFailed> {
  return caught(async () => {
    const root = resolvePath("", query.path);
    if (root === undefined) throw escape("source.path leads out of the repository", query.path);
    const entry = await tree.entry(root);
    if (entry === undefined) throw new RenderFault("E_PATH_MISSING", "the path does not exist in the repository", { path: root });
    if (entry.kind === "blob") return oneFile(root, entry.oid);
    const collect = new Collector(tree, remotes, query.filesMax ?? filesMaxOfOneApp);
    const names = new Set((await tree.list(root)).filter(({ kind }) => kind === "blob").map(({ name }) => name));
    if (names.has("Chart.yaml")) return helmInputs(collect, root, query, tree, remotes);
    if (kustomizationNames.some((name) => names.has(name))) return kustomizeInputs(collect, root, query, remotes);
    return plainInputs(collect, root, query);
  });
}

/** The bytes of the inputs, for RenderInput.files. Together they may have `bytesMax` (64 MiB) bytes, else E_LIMIT. */
export async function readInputs(
  tree: Tree,
  inputs: Inputs,
  bytesMax = defaultBytesMax,
): Promise<ReadonlyMap<string, Uint8Array> | InputsFailed> {
  return caught(async () => {
    const files = new Map<string, Uint8Array>();
    let bytes = 0;
    for (const [path, oid] of inputs.files) {
      const content = await tree.read(oid);
      bytes += content.length;
      if (bytes > bytesMax)
        throw new RenderFault("E_LIMIT", `the files of one App have more than ${bytesMax} bytes`, { path: inputs.root });
      files.set(path, content);
    }
    return files;
  });
}

async function caught<T>(work: () => Promise<T>): Promise<T | InputsFailed> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RenderFault)) throw error;
    return { kind: "failed", code: error.code, message: error.message, ...(error.place && { path: error.place.path }) };
  }
}

function escape(message: string, path: string): RenderFault {
  return new RenderFault("E_PATH_ESCAPE", message, { path });
}

function finish(
  kind: RenderKind,
  root: string,
  files: ReadonlyMap<string, string>,
  given: Remotes = noRemotes,
  needs: readonly RemoteNeed[] = [],
  more: Partial<Pick<Inputs, "valuesFiles" | "capabilities">> = {},
): Inputs {
  const pairs = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const remotes = [...new Map(needs.map((need) => [need.key, need])).values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const fetched = remotes.flatMap(({ key }) => (given.has(key) ? [[key, given.get(key)?.digest ?? ""]] : []));
  const capabilities = more.capabilities ?? askedNothing;
  return {
    kind,
    root,
    files: new Map(pairs),
    valuesFiles: more.valuesFiles ?? [],
    capabilities,
    usesCapabilities: usesAny(capabilities),
    remotes,
    digest: digestOfJson(fetched.length === 0 ? [kind, root, pairs] : [kind, root, pairs, fetched]),
  };
}

function oneFile(path: string, oid: string): Inputs {
  return finish("yaml", folderOf(path), new Map([[path, oid]]));
}

async function plainInputs(collect: Collector, root: string, { objects }: InputsQuery): Promise<Inputs> {
  const chosen = objects ?? { include: ["*"], exclude: [], recurse: true };
  await collect.folder(root, (path) => isManifest(root, path, chosen), chosen.recurse);
  return finish("yaml", root, collect.files);
}

async function helmInputs(collect: Collector, root: string, query: InputsQuery, tree: Tree, remotes: Remotes): Promise<Inputs> {
  await collect.folder(root, () => true, true);
  const valuesFiles: string[] = [];
  for (const given of query.valuesFiles ?? []) {
    const path = resolvePath(root, given);
    if (path === undefined) throw escape("a values file leads out of the repository", given);
    if (!(await collect.file(path))) throw new RenderFault("E_PATH_MISSING", "the values file does not exist in the repository", { path });
    valuesFiles.push(path);
  }
  const needs = await chartNeeds(collect, root, tree);
  const capabilities = await askedByChart(collect, root, query, tree, remotes);
  return finish("helm", root, collect.files, remotes, needs, { valuesFiles, capabilities });
}

// Each round may name a folder whose own chart names further ones.
async function chartNeeds(collect: Collector, root: string, tree: Tree): Promise<readonly RemoteNeed[]> {
  const texts = new Map<string, string>();
  const collected = new Set([root]);
  for (;;) {
    for (const [path, oid] of collect.files) {
      if (isChartMetadata(path) && !texts.has(path)) texts.set(path, decodeFile(path, await tree.read(oid)));
    }
    const { needs, folders } = planCharts(root, [...collect.files.keys()], (path) => texts.get(path));
    const fresh = folders.filter((folder) => !collected.has(folder));
    if (fresh.length === 0) return needs;
    for (const path of fresh) {
      if (!(await collect.isFolder(path)))
        throw new RenderFault("E_PATH_MISSING", "the folder of a chart's dependency does not exist", { path });
      await collect.folder(path, () => true, true);
      collected.add(path);
    }
  }
}

// Any file may be a template (`tpl (.Files.Get ...)`). A chart may also ask for a version in Chart.yaml.
async function askedByChart(
  collect: Collector,
  root: string,
  query: InputsQuery,
  tree: Tree,
  remotes: Remotes,
): Promise<AskedCapabilities> {
  let asked = askedByValues(query.values);
  for (const [path, oid] of collect.files)
    asked = united(asked, askedByFile(path, await tree.read(oid), path === joinPath(root, "Chart.yaml")));
  for (const { files } of remotes.values()) {
    for (const [path, bytes] of files) asked = united(asked, askedByFile(path, bytes, false));
  }
  return asked;
}

function askedByValues(values: JsonObject = {}): AskedCapabilities {
  return askedBy(JSON.stringify(values).replaceAll('\\"', '"'));
}

/** The inputs that were found without values, as they are with these; the same object where that changes nothing. */
export function withValues(inputs: Inputs, values: JsonObject | undefined): Inputs {
  const asked = inputs.kind === "helm" ? askedByValues(values) : askedNothing;
  if (!usesAny(asked)) return inputs;
  const capabilities = united(inputs.capabilities, asked);
  return { ...inputs, capabilities, usesCapabilities: usesAny(capabilities) };
}

function usesAny({ version, groups }: AskedCapabilities): boolean {
  return version || groups.length > 0;
}

function askedByFile(path: string, bytes: Uint8Array, isOwnChart: boolean): AskedCapabilities {
  const content = path.endsWith(".tgz") ? unpacked(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (content === undefined || (path.endsWith(".tgz") && content.includes(".tgz"))) return askedAll;
  const version = isOwnChart && /^kubeVersion:/m.test(content.toString("utf8"));
  const asked = content.includes("Capabilities") ? askedBy(content.toString("utf8")) : askedNothing;
  return version ? { ...asked, version } : asked;
}

// Packed subcharts lie in a tar without further compression, so that their texts can be searched as they are.
function unpacked(archive: Uint8Array): Buffer | undefined {
  try {
    return gunzipSync(archive, { maxOutputLength: defaultBytesMax });
  } catch {
    return undefined; // the render will say what is wrong with it
  }
}

async function kustomizeInputs(collect: Collector, root: string, { kustomize }: InputsQuery, remotes: Remotes): Promise<Inputs> {
  await collectKustomize(collect, root, kustomize);
  return finish("kustomize", root, collect.files, remotes, [...collect.needs.values()]);
}

/** Collects what a kustomization and an App's settings over it read. */
export async function collectKustomize(collect: Collector, root: string, kustomize: KustomizeInput | undefined): Promise<void> {
  await collect.kustomization(root);
  for (const path of kustomize?.components ?? []) await collect.reference(root, path, true);
  for (const patch of kustomize?.patches ?? []) {
    const path = (patch as { path?: unknown } | null)?.path;
    if (typeof path === "string") await collect.reference(root, path, true);
  }
}
