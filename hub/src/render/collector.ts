// Gathers the files that a render reads, bounded, each folder once, from the Snapshot and from what was fetched for it; and what is
// still to be fetched. A kustomization of a remote base is confined to that base: it neither sees the Snapshot nor another one.

import { posix } from "node:path";
import { kustomizationNames, pathsMeant, pluginReferences, referencesOf, withPaths, type ChartUse } from "./kustomization.ts";
import { baseOf, folderOf, joinPath, resolvePath } from "./paths.ts";
import { baseNeed, chartFiles, chartNeed, insideRemote, remoteFolder } from "./remotes.ts";
import { RenderFault, type SnapshotPath, type SourcePlace, type RemoteNeed, type Remotes } from "./rendered.ts";
import { decodeFile } from "./text.ts";
import type { Tree, TreeEntry } from "./tree.ts";

const folderDepthMax = 64;
// Behind the first three lie folders of the module, where a render's files are.
const leadsOut = /^\/(?:snapshot|remote|overlay)(?:\/|$)|(?:^|\/)\.\.(?:\/|$)/;

export class Collector {
  /** Of the Snapshot: path -> id of the blob. */
  readonly files = new Map<SnapshotPath, string>();
  /** Everything that has to be fetched, whether it was or not, by key. */
  readonly needs = new Map<string, RemoteNeed>();
  /** Files beyond those of the Snapshot, where they have to lie for the render. */
  readonly placed = new Map<SnapshotPath, Uint8Array>();
  readonly #tree: Tree;
  readonly #remotes: Remotes;
  readonly #filesMax: number;
  readonly #seen = new Set<string>();
  readonly #placedFolders = new Set<string>();

  constructor(tree: Tree, remotes: Remotes, filesMax: number) {
    this.#tree = tree;
    this.#remotes = remotes;
    this.#filesMax = filesMax;
  }

  async file(path: SnapshotPath): Promise<boolean> {
    const entry = await this.#tree.entry(path);
    if (entry?.kind !== "blob") return false;
    this.#add(path, entry.oid);
    return true;
  }

  async isFolder(path: SnapshotPath): Promise<boolean> {
    return (await this.#entry(path))?.kind === "tree";
  }

  async folder(path: SnapshotPath, wanted: (path: SnapshotPath) => boolean, recurse: boolean, depth = 0): Promise<void> {
    if (depth > folderDepthMax) throw new RenderFault("E_LIMIT", `folders nested deeper than ${folderDepthMax}`, { path });
    for (const { name, kind, oid } of await this.#tree.list(path)) {
      const inside = joinPath(path, name);
      if (kind === "tree") {
        if (recurse) await this.folder(inside, wanted, recurse, depth + 1);
      } else if (wanted(inside)) {
        this.#add(inside, oid);
      }
    }
  }

  /** A folder's kustomization file and all that it may read, folders of its own kind included. */
  async kustomization(folder: SnapshotPath): Promise<void> {
    if (this.#seen.has(folder)) return;
    this.#seen.add(folder);
    for (const name of kustomizationNames) {
      const path = joinPath(folder, name);
      const text = await this.#textOf(path);
      if (text === undefined) continue;
      const { strings, paths, plugins, remotes, charts } = referencesOf(text);
      for (const chart of charts) await this.#chart(folder, chart, this.#told({ path, line: chart.line }));
      const bases = remotes.map(({ url, line }) => baseNeed(url, this.#told({ path, line })));
      for (const need of bases) await this.#base(need);
      if (bases.length > 0) this.placed.set(path, Buffer.from(withPaths(text, (url) => this.#localBase(folder, url))));
      await this.#references(folder, strings, new Set(paths), path);
      for (const plugin of plugins) await this.#plugin(folder, plugin, path);
    }
  }

  /** A text that may name a file or folder; `certain`: it does, so that it must not lead out. */
  async reference(folder: SnapshotPath, text: string, certain: boolean, from?: SnapshotPath): Promise<void> {
    const path = resolved(folder, text);
    if (path === undefined) {
      // Out of a remote base lies the Snapshot: nothing that may be a path leads there.
      const confined = insideRemote(folder) !== undefined && leadsOut.test(text);
      if (certain || confined)
        throw new RenderFault("E_PATH_ESCAPE", `a path leads out of the ${confined ? "remote base" : "repository"}`, {
          path: from ?? folder,
        });
      return;
    }
    const entry = await this.#entry(path);
    if (entry?.kind === "blob") this.#add(path, entry.oid);
    else if (entry?.kind === "tree") await this.kustomization(path); // Kustomize reads no folder without one
  }

  // What a remote base names has its place where that base is named.
  #told(at: SourcePlace): SourcePlace {
    const remote = insideRemote(at.path);
    if (remote === undefined) return at;
    for (const need of this.needs.values()) if (remoteFolder(need.key) === remote.folder) return need.at;
    return at;
  }

  async #references(folder: SnapshotPath, strings: readonly string[], certain: ReadonlySet<string>, from: SnapshotPath): Promise<void> {
    for (const text of strings) {
      for (const meant of pathsMeant(text)) await this.reference(folder, meant, certain.has(meant), from);
    }
  }

  async #plugin(folder: SnapshotPath, plugin: string, from: SnapshotPath): Promise<void> {
    const path = resolved(folder, plugin);
    const text = path === undefined ? undefined : await this.#textOf(path);
    if (path === undefined || text === undefined) return;
    const { strings, charts } = pluginReferences(text);
    for (const chart of charts) await this.#chart(folder, chart, this.#told({ path, line: chart.line }));
    await this.#references(folder, strings, new Set(), from);
  }

  // Kustomize pulls a chart of a repository into a folder named after its version, unless it lies there already.
  async #chart(folder: SnapshotPath, { name, version, repo, home }: ChartUse, at: SourcePlace): Promise<void> {
    const pulled = repo !== "" && version !== "" ? `${home}/${name}-${version}/${name}` : `${home}/${name}`;
    const path = resolved(folder, pulled);
    if (path === undefined || name === "" || name.includes("/"))
      throw new RenderFault("E_PATH_ESCAPE", "helmCharts: the chart's name or chartHome leads out of the repository", at);
    if ((await this.#entry(path))?.kind === "tree") return this.#localChart(path);
    if (repo === "") throw new RenderFault("E_PATH_MISSING", `helmCharts: chart ${name} names no repo and is not in ${home}`, at);
    const need = chartNeed(repo.replace(/\/+$/, ""), name, version === "" ? null : version, at);
    this.needs.set(need.key, need);
    const content = this.#remotes.get(need.key);
    if (content === undefined) return;
    for (const [inside, bytes] of chartFiles(content, need)) this.#place(joinPath(path, inside), bytes);
  }

  async #localChart(path: SnapshotPath): Promise<void> {
    if (insideRemote(path) === undefined) await this.folder(path, () => true, true);
  }

  async #base(need: RemoteNeed): Promise<void> {
    this.needs.set(need.key, need);
    const content = this.#remotes.get(need.key);
    if (content === undefined) return;
    const mount = remoteFolder(need.key);
    if (!this.#placedFolders.has(mount)) for (const [path, bytes] of content.files) this.#place(joinPath(mount, path), bytes);
    const root = joinPath(mount, content.root ?? "").replace(/\/$/, "");
    if ((await this.#entry(root))?.kind === "tree") await this.kustomization(root);
  }

  #localBase(folder: SnapshotPath, url: string): string {
    const { key } = baseNeed(url, { path: folder });
    const root = this.#remotes.get(key)?.root ?? "";
    const inModule = (path: string): string => posix.join("/snapshot", path);
    return posix.relative(inModule(folder), inModule(joinPath(remoteFolder(key), root)));
  }

  async #entry(path: SnapshotPath): Promise<TreeEntry | undefined> {
    if (insideRemote(path) === undefined) return this.#tree.entry(path);
    if (this.placed.has(path)) return { kind: "blob", oid: "" };
    return this.#placedFolders.has(path) ? { kind: "tree", oid: "" } : undefined;
  }

  #place(path: SnapshotPath, bytes: Uint8Array): void {
    this.placed.set(path, bytes);
    for (let folder = folderOf(path); folder !== "" && !this.#placedFolders.has(folder); folder = folderOf(folder))
      this.#placedFolders.add(folder);
  }

  async #textOf(path: SnapshotPath): Promise<string | undefined> {
    const fetched = insideRemote(path) === undefined ? undefined : this.placed.get(path);
    if (fetched !== undefined) return decodeFile(baseOf(path), fetched);
    const entry = insideRemote(path) === undefined ? await this.#tree.entry(path) : undefined;
    if (entry?.kind !== "blob") return undefined;
    this.#add(path, entry.oid);
    return decodeFile(path, await this.#tree.read(entry.oid));
  }

  #add(path: SnapshotPath, oid: string): void {
    if (insideRemote(path) !== undefined) return;
    this.files.set(path, oid);
    if (this.files.size > this.#filesMax) throw new RenderFault("E_LIMIT", `one App reads more than ${this.#filesMax} files`, { path });
  }
}

/** `text` seen from a folder; undefined when it leads out of the Snapshot, or out of the remote base that the folder lies in. */
function resolved(folder: SnapshotPath, text: string): SnapshotPath | undefined {
  const remote = insideRemote(folder);
  if (remote === undefined) return resolvePath(folder, text);
  const inside = resolvePath(remote.inside, text);
  return inside === undefined ? undefined : joinPath(remote.folder, inside).replace(/\/$/, "");
}
