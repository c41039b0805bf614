// A Snapshot's tree as renders read it: links in a folder are shown as what they lead to, and what must not be read is an error of
// whoever reads that folder.

import { OperationError } from "@muster/proto/model/failure";

import type { Tree, TreeItem } from "../../git/git.ts";
import type { Tree as RenderTree, TreeEntry } from "../../render/render.ts";

type Line = TreeEntry & { readonly name: string };

/** Links to folders in folders that links lead to double with each level: fifty of them could keep the hub at work for years. */
const linkedFoldersMax = 1_000;

/**
 * For one request. Throws what `Tree.entry` throws for links that lead outside, submodules and refused names; E_LIMIT after showing more
 * than 1,000 links to folders.
 */
export function linkedTree(tree: Tree): RenderTree {
  let linkedFolders = 0;
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
    if (entry.kind === "tree" && (linkedFolders += 1) > linkedFoldersMax) throw tooMany(path);
    return { name: item.name, kind: entry.kind, oid: entry.oid };
  };
  return {
    entry: (path) => tree.entry(path),
    list: async (path) => Promise.all((await tree.list(path)).map((item) => line(path, item))),
    read: (oid) => tree.read(oid),
  };
}

const tooMany = (path: string): OperationError =>
  new OperationError("limit", path, `cannot read ${path}: the App reads more than ${linkedFoldersMax} folders through links`, undefined, {
    code: "E_LIMIT",
    remedy: "link to files, or let fewer folders hold links to folders",
  });
