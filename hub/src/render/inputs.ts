// Which files a render reads, found without reading more than it must: they are the part of a Variant that lies in Git.
// How a Snapshot is stored, and where its links lead, is the business of whoever gives the Tree.

import { digestOfJson } from "@muster/proto/model/digest";
import type { JsonObject } from "@muster/proto/model/json";
import { kustomizationNames, pathsMeant, referencesOf } from "./kustomization.ts";
import { baseOf, below, folderOf, joinPath, resolvePath } from "./paths.ts";
import { isManifest } from "./plain.ts";
import { RenderFault, type KustomizeInput, type ObjectsInput, type RenderCode, type RenderKind, type SnapshotPath } from "./rendered.ts";
import { decodeFile } from "./text.ts";

export type TreeEntry = { readonly kind: "blob" | "tree"; readonly oid: string };

/** A Snapshot's files. Links are followed and kept inside by whoever implements it; `list` is of one folder. */
export type Tree = {
  readonly entry: (path: SnapshotPath) => Promise<TreeEntry | undefined>;
  readonly list: (path: SnapshotPath) => Promise<readonly (TreeEntry & { readonly name: string })[]>;
  readonly read: (oid: string) => Promise<Uint8Array>;
};

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
  /** True when the outcome may depend on the cluster's version or APIs. */
  readonly usesCapabilities: boolean;
  /** SHA-256 over kind, root, and the sorted pairs of path and blob id. */
  readonly digest: string;
};

export type InputsFailed = { readonly kind: "failed"; readonly code: RenderCode; readonly message: string; readonly path?: string };

const defaultFilesMax = 10_000;
const defaultBytesMax = 64 * 1024 * 1024;
const folderDepthMax = 64;

/** The files that rendering a path reads. What is wrong with the path or the files is a result of kind "failed". */
export async function inputsOf(tree: Tree, query: InputsQuery): Promise<Inputs | InputsFailed> {
  return caught(async () => {
    const root = resolvePath("", query.path);
    if (root === undefined) throw escape("source.path leads out of the repository", query.path);
    const entry = await tree.entry(root);
    if (entry === undefined) throw new RenderFault("E_PATH_MISSING", "the path does not exist in the repository", { path: root });
    if (entry.kind === "blob") return oneFile(root, entry.oid);
    const collect = new Collector(tree, query.filesMax ?? defaultFilesMax);
    const names = new Set((await tree.list(root)).filter(({ kind }) => kind === "blob").map(({ name }) => name));
    if (names.has("Chart.yaml")) return helmInputs(collect, root, query);
    if (kustomizationNames.some((name) => names.has(name))) return kustomizeInputs(collect, root, query);
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

function finish(kind: RenderKind, root: string, files: ReadonlyMap<string, string>, more: Partial<Inputs> = {}): Inputs {
  const pairs = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const sorted = new Map(pairs);
  return { kind, root, valuesFiles: [], usesCapabilities: false, ...more, files: sorted, digest: digestOfJson([kind, root, pairs]) };
}

function oneFile(path: string, oid: string): Inputs {
  return finish("yaml", folderOf(path), new Map([[path, oid]]));
}

async function plainInputs(collect: Collector, root: string, { objects }: InputsQuery): Promise<Inputs> {
  const chosen = objects ?? { include: ["*"], exclude: [], recurse: true };
  await collect.folder(root, (path) => isManifest(root, path, chosen), chosen.recurse);
  return finish("yaml", root, collect.files);
}

async function helmInputs(collect: Collector, root: string, query: InputsQuery): Promise<Inputs> {
  await collect.folder(root, () => true, true);
  const valuesFiles: string[] = [];
  for (const given of query.valuesFiles ?? []) {
    const path = resolvePath(root, given);
    if (path === undefined) throw escape("a values file leads out of the repository", given);
    if (!(await collect.file(path))) throw new RenderFault("E_PATH_MISSING", "the values file does not exist in the repository", { path });
    valuesFiles.push(path);
  }
  const usesCapabilities = JSON.stringify(query.values ?? {}).includes("Capabilities") || (await mentionsCapabilities(collect, root));
  return finish("helm", root, collect.files, { valuesFiles, usesCapabilities });
}

// Any file may be a template (`tpl (.Files.Get ...)`); a packed subchart is not looked into. A chart may also ask for a version in Chart.yaml.
async function mentionsCapabilities(collect: Collector, root: string): Promise<boolean> {
  for (const [path, oid] of collect.files) {
    if (path.endsWith(".tgz") && below(joinPath(root, "charts"), path) !== undefined) return true;
    const text = Buffer.from(await collect.tree.read(oid));
    if (text.includes("Capabilities")) return true;
    if (baseOf(path) === "Chart.yaml" && /^kubeVersion:/m.test(text.toString("utf8"))) return true;
  }
  return false;
}

async function kustomizeInputs(collect: Collector, root: string, { kustomize }: InputsQuery): Promise<Inputs> {
  await collect.kustomization(root);
  for (const path of kustomize?.components ?? []) await collect.reference(root, path, true);
  for (const patch of kustomize?.patches ?? []) {
    const path = (patch as { path?: unknown } | null)?.path;
    if (typeof path === "string") await collect.reference(root, path, true);
  }
  return finish("kustomize", root, collect.files);
}

/** Gathers files with their blob ids, bounded, each folder once. */
class Collector {
  readonly files = new Map<string, string>();
  readonly tree: Tree;
  readonly #filesMax: number;
  readonly #seen = new Set<string>();

  constructor(tree: Tree, filesMax: number) {
    this.tree = tree;
    this.#filesMax = filesMax;
  }

  async file(path: string): Promise<boolean> {
    const entry = await this.tree.entry(path);
    if (entry?.kind !== "blob") return false;
    this.#add(path, entry.oid);
    return true;
  }

  async folder(path: string, wanted: (path: string) => boolean, recurse: boolean, depth = 0): Promise<void> {
    if (depth > folderDepthMax) throw new RenderFault("E_LIMIT", `folders nested deeper than ${folderDepthMax}`, { path });
    for (const { name, kind, oid } of await this.tree.list(path)) {
      const inside = joinPath(path, name);
      if (kind === "tree") {
        if (recurse) await this.folder(inside, wanted, recurse, depth + 1);
      } else if (wanted(inside)) {
        this.#add(inside, oid);
      }
    }
  }

  /** A folder's kustomization file and all that it may read, folders of its own kind included. */
  async kustomization(folder: string): Promise<void> {
    if (this.#seen.has(folder)) return;
    this.#seen.add(folder);
    for (const name of kustomizationNames) {
      const path = joinPath(folder, name);
      const entry = await this.tree.entry(path);
      if (entry?.kind !== "blob") continue;
      this.#add(path, entry.oid);
      const { strings, paths, forbidden } = referencesOf(decodeFile(path, await this.tree.read(entry.oid)));
      if (forbidden !== undefined) throw new RenderFault(forbidden.code, forbidden.message, { path });
      const certain = new Set(paths);
      for (const text of strings) {
        for (const meant of pathsMeant(text)) await this.reference(folder, meant, certain.has(meant), path);
      }
    }
  }

  /** A text that may name a file or folder; `certain`: it does, so that it must not lead out. */
  async reference(folder: string, text: string, certain: boolean, from?: string): Promise<void> {
    const path = resolvePath(folder, text);
    if (path === undefined) {
      if (certain) throw escape("a path leads out of the repository", from ?? folder);
      return;
    }
    const entry = await this.tree.entry(path);
    if (entry?.kind === "blob") this.#add(path, entry.oid);
    else if (entry?.kind === "tree") await this.kustomization(path); // Kustomize reads no folder without one
  }

  #add(path: string, oid: string): void {
    this.files.set(path, oid);
    if (this.files.size > this.#filesMax) throw new RenderFault("E_LIMIT", `one App reads more than ${this.#filesMax} files`, { path });
  }
}
