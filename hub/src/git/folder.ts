// A folder on this machine as a tree, for the offline commands: links are resolved as in a repository, never by the file system.

import { constants } from "node:fs";
import { lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";

import { printable } from "@muster/proto/model/printable";

import { gitError } from "./faults.ts";
import { treeOf, type Objects, type RawEntry, type Tree } from "./tree.ts";

const fileBytesMax = 64 << 20;

/** The tree below a folder, without `.git`. An `oid` is `file:` and the path in it: no name of content. Throws E_PATH_MISSING when there is no such folder. */
export async function openFolder(path: string): Promise<Tree> {
  const root = await realpath(path).catch(() => undefined);
  if (root === undefined || !(await lstat(root)).isDirectory())
    throw gitError("E_PATH_MISSING", path, `there is no folder ${printable(path)}`);
  return treeOf(folderObjects(root), prefix);
}

const prefix = "file:";

/** Ids are paths that were put together from names that `readdir` gave, so none of them leads outside. */
function folderObjects(root: string): Objects {
  const pathOf = (oid: string) => join(root, oid.slice(prefix.length));
  return {
    async tree(oid) {
      const found = await readdir(pathOf(oid), { withFileTypes: true });
      return found.flatMap((line): RawEntry[] => {
        const kind = line.isDirectory() ? "tree" : line.isFile() ? "blob" : line.isSymbolicLink() ? "symlink" : undefined;
        const id = oid === prefix ? `${oid}${line.name}` : `${oid}/${line.name}`;
        return kind === undefined || line.name === ".git" ? [] : [{ name: line.name, kind, oid: id }];
      });
    },
    async blob(oid) {
      const path = pathOf(oid);
      if ((await lstat(path)).isSymbolicLink()) return Buffer.from(await readlink(path));
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { size } = await file.stat();
        if (size > fileBytesMax) throw gitError("E_LIMIT", path, `${printable(path)} is larger than ${fileBytesMax} bytes`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    },
  };
}
