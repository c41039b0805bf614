// The files of an archive as a tree, named by their content, so that two versions of a chart are compared as two commits are.

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { Snapshot, Tree, TreeItem } from "../../git/git.ts";

type Files = ReadonlyMap<string, Uint8Array>;
type Folder = { readonly oid: string; readonly items: readonly TreeItem[] };

/** `commit` names it; archives have no author and no time. Paths were checked where the archive was read. */
export function archiveSnapshot(commit: string, files: Files): Snapshot {
  return { commit, author: { name: "", email: "" }, committedAt: 0, message: "", tree: treeOf(files) };
}

function treeOf(files: Files): Tree {
  const blobs = new Map<string, Uint8Array>();
  const folders = new Map<string, Folder>();
  foldersOf(files, blobs, folders);
  const entryAt = (path: string): { readonly kind: "blob" | "tree"; readonly oid: string } | undefined => {
    const folder = folders.get(path);
    if (folder !== undefined) return { kind: "tree", oid: folder.oid };
    const bytes = files.get(path);
    return bytes === undefined ? undefined : { kind: "blob", oid: digestOf(bytes) };
  };
  return {
    async entry(path) {
      const at = normal(path);
      const found = entryAt(at);
      return found === undefined ? undefined : { ...found, path: at, links: [] };
    },
    async list(path) {
      const folder = folders.get(normal(path));
      if (folder === undefined) throw missing(path);
      return folder.items;
    },
    async read(oid) {
      const bytes = blobs.get(oid);
      if (bytes === undefined) throw missing(oid);
      return bytes;
    },
  };
}

function foldersOf(files: Files, blobs: Map<string, Uint8Array>, folders: Map<string, Folder>): void {
  const children = new Map<string, Map<string, string | null>>([["", new Map()]]);
  for (const [path, bytes] of files) {
    const oid = digestOf(bytes);
    blobs.set(oid, bytes);
    let [at, name, kind]: [string, string, string | null] = [...split(path), oid];
    for (;;) {
      const known = children.get(at);
      if (known !== undefined) known.set(name, kind);
      else children.set(at, new Map([[name, kind]]));
      if (at === "") break;
      [at, name, kind] = [...split(at), null];
    }
  }
  // Deepest first: a folder's name is made of its lines.
  for (const path of [...children.keys()].toSorted((a, b) => b.split("/").length - a.split("/").length || b.length - a.length)) {
    const items = [...(children.get(path) ?? [])]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, oid]): TreeItem => {
        const inside = path === "" ? name : `${path}/${name}`;
        return oid === null ? { kind: "tree", name, oid: folders.get(inside)?.oid ?? "" } : { kind: "blob", name, oid };
      });
    folders.set(path, { oid: digestOf(items.map(({ kind, name, oid }) => `${kind} ${name}\0${oid}\n`).join("")), items });
  }
}

const split = (path: string): [string, string] => [
  path.slice(0, Math.max(0, path.lastIndexOf("/"))),
  path.slice(path.lastIndexOf("/") + 1),
];

function normal(path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") out.push(part);
    else if (out.pop() === undefined) throw escape(path);
  }
  return out.join("/");
}

const missing = (path: string): OperationError =>
  new OperationError("notFound", path, `there is no ${path} in the archive`, undefined, {
    code: "E_PATH_MISSING",
    remedy: "check the path",
  });
const escape = (path: string): OperationError =>
  new OperationError("invalid", path, `the path ${path} leads out of the archive`, undefined, {
    code: "E_PATH_ESCAPE",
    remedy: "check the path",
  });
