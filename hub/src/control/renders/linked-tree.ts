// A Snapshot's tree as renders read it: links in a folder are shown as what they lead to, and what must not be read is an error of
// whoever reads that folder.

import { OperationError } from "@muster/proto/model/failure";

import type { Tree, TreeItem } from "../../git/git.ts";
import type { Tree as RenderTree, TreeEntry } from "../../render/render.ts";

type Line = TreeEntry & { readonly name: string };

/** Throws what `Tree.entry` throws for links that lead outside, submodules and refused names. */
export function linkedTree(tree: Tree): RenderTree {
  const line = async (folder: string, item: TreeItem): Promise<Line> => {
    if (item.kind === "blob" || item.kind === "tree") return { name: item.name, kind: item.kind, oid: item.oid };
    const path = folder === "" ? item.name : `${folder}/${item.name}`;
    if (item.kind === "refused")
      throw new OperationError("invalid", path, `cannot read ${path}: ${item.message}`, undefined, {
        code: item.code,
        remedy: "rename the file",
      });
    const entry = await tree.entry(path);
    if (entry === undefined) throw new OperationError("notFound", path, `cannot read ${path}: it is gone`);
    return { name: item.name, kind: entry.kind, oid: entry.oid };
  };
  return {
    entry: (path) => tree.entry(path),
    list: async (path) => Promise.all((await tree.list(path)).map((item) => line(path, item))),
    read: (oid) => tree.read(oid),
  };
}
