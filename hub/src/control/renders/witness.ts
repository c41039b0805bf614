// What a render looked at in a tree, so that the next commit tells whether the render can come out differently. A path that led to nothing
// counts as well: a file may appear there.

import type { Tree, TreeEntry, TreeItem } from "../../git/git.ts";

export type Witness = {
  /** Paths that were asked for or led through, as files or links: a change of exactly this path counts. */
  readonly exact: ReadonlySet<string>;
  /** Folders, and paths that led to nothing: any change below counts. "" is the root. */
  readonly folders: ReadonlySet<string>;
};

/** The tree, and what is seen of it from now on. */
export function witnessed(tree: Tree): { readonly tree: Tree; readonly witness: Witness } {
  const exact = new Set<string>();
  const folders = new Set<string>();
  const pass = (path: string): void => {
    for (let at = plain(path); at !== "" && !exact.has(at); at = parentOf(at)) exact.add(at);
  };
  const entry = async (path: string): Promise<TreeEntry | undefined> => {
    pass(path);
    const found = await tree.entry(path).catch((error: unknown) => {
      folders.add(""); // a link that leads nowhere does not say which paths it passed: any change may mend it
      throw error;
    });
    if (found === undefined) folders.add(plain(path));
    else pass(found.path);
    if (found?.kind === "tree") folders.add(found.path);
    for (const link of found?.links ?? []) pass(link);
    return found;
  };
  const list = async (path: string): Promise<readonly TreeItem[]> => {
    await entry(path);
    return tree.list(path);
  };
  return { tree: { entry, list, read: (oid) => tree.read(oid) }, witness: { exact, folders } };
}

/** Paths in one spelling; `..` is rare and is left for the tree: the folder that holds it counts as read. */
function plain(path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") out.pop();
    else out.push(part);
  }
  return out.join("/");
}

export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
