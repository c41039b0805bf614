// How this room sees a Snapshot's files: by path and id, one folder at a time.

import type { SnapshotPath } from "./rendered.ts";

export type TreeEntry = { readonly kind: "blob" | "tree"; readonly oid: string };

/** A Snapshot's files. Links are followed and kept inside by whoever implements it; `list` is of one folder. */
export type Tree = {
  readonly entry: (path: SnapshotPath) => Promise<TreeEntry | undefined>;
  readonly list: (path: SnapshotPath) => Promise<readonly (TreeEntry & { readonly name: string })[]>;
  readonly read: (oid: string) => Promise<Uint8Array>;
};

/** The files that were given to a render, as a tree; an id is a path. */
export function treeOf(files: ReadonlyMap<SnapshotPath, Uint8Array>): Tree {
  const folders = new Map<SnapshotPath, Map<string, TreeEntry>>([["", new Map()]]);
  for (const path of files.keys()) {
    let parent = "";
    for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
      const inside = end === -1 ? path : path.slice(0, end);
      folders.get(parent)?.set(inside.slice(parent === "" ? 0 : parent.length + 1), { kind: end === -1 ? "blob" : "tree", oid: inside });
      if (end === -1) break;
      if (!folders.has(inside)) folders.set(inside, new Map());
      parent = inside;
    }
  }
  const entryOf = (path: SnapshotPath): TreeEntry | undefined => {
    if (files.has(path)) return { kind: "blob", oid: path };
    return folders.has(path) ? { kind: "tree", oid: path } : undefined;
  };
  return {
    entry: (path) => Promise.resolve(entryOf(path)),
    list: (path) => Promise.resolve([...(folders.get(path) ?? [])].map(([name, entry]) => ({ name, ...entry }))),
    read: (oid) => Promise.resolve(files.get(oid) ?? new Uint8Array()),
  };
}
