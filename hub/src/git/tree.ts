// A Snapshot's files as a tree that cannot be left: links are resolved by this code, inside the tree only, never by a file system.

import { printable } from "@muster/proto/model/printable";

import { isLfsPointer } from "./lfs.ts";
import { collisions, whyUnsafe } from "./names.ts";
import { gitError, type FaultCode } from "./faults.ts";

/** One line of a folder as it is stored. `name` is undefined when its bytes are no UTF-8. */
export type RawEntry = {
  readonly name: string | undefined;
  readonly kind: "blob" | "tree" | "symlink" | "submodule";
  readonly oid: string;
  /** Why a submodule cannot be read, where more is known than that it is one. */
  readonly why?: string | undefined;
};

/** Where trees come from: a Git repository or a folder. */
export type Objects = {
  /** The lines of a folder, in any order. */
  tree(oid: string): Promise<readonly RawEntry[]>;
  /** The bytes of a file, or the target of a link. */
  blob(oid: string): Promise<Uint8Array>;
};

/**
 * What a path leads to, links followed. `path` is where it ended: "" is the root. `oid` names the content within this kind of tree.
 * `links`: where the links lie that were followed on the way, in this order: what can change the answer beside the path itself.
 */
export type TreeEntry = {
  readonly kind: "blob" | "tree";
  readonly oid: string;
  readonly path: string;
  readonly links: readonly string[];
};

/**
 * One line of a folder. A symlink is shown as it is: `entry()` follows it. What cannot be read safely is `refused`, with the reason that
 * `entry()` throws; its name is escaped for display.
 */
export type TreeItem =
  | {
      readonly kind: "blob" | "tree" | "symlink" | "submodule";
      readonly name: string;
      readonly oid: string;
      readonly why?: string | undefined;
    }
  | { readonly kind: "refused"; readonly name: string; readonly oid: string; readonly code: FaultCode; readonly message: string };

/**
 * Paths are relative to the root, with "/" between; "" and "." are the root; ".." is allowed as long as it stays inside.
 * All three throw OperationErrors: E_PATH_ESCAPE, E_SYMLINK, E_SUBMODULE, E_NAME_UNSAFE, E_NAME_COLLISION, E_LFS_POINTER,
 * E_GIT_CORRUPT, E_LIMIT.
 */
export type Tree = {
  /** What a path leads to; undefined when there is nothing. */
  entry(path: string): Promise<TreeEntry | undefined>;
  /** The lines of a folder by name (code units); throws E_PATH_MISSING when there is none. */
  list(path: string): Promise<readonly TreeItem[]>;
  /** The bytes of a blob that `entry` or `list` named. Throws E_LFS_POINTER for what only points to its content. */
  read(oid: string): Promise<Uint8Array>;
};

const linkHopsMax = 40;
const linkBytesMax = 4_096;
const pathBytesMax = 4_096;
const cachedMax = 10_000;

/** The tree below `root`. */
export function treeOf(objects: Objects, root: string): Tree {
  const folder = remembered(async (oid) => checkedItems(await objects.tree(oid)));
  const link = remembered((oid) => objects.blob(oid).then(checkedLink));
  const paths = new Map<string, string>(); // of what was found, to name it in errors
  const entry = async (path: string) => {
    const found = await walk({ folder, link }, root, path);
    if (paths.size >= cachedMax) paths.clear();
    if (found?.kind === "blob") paths.set(found.oid, found.path);
    return found;
  };
  return {
    entry,
    async list(path) {
      const found = await entry(path);
      if (found?.kind !== "tree") throw gitError("E_PATH_MISSING", path, `there is no folder ${printable(path)}`);
      return folder(found.oid);
    },
    async read(oid) {
      const bytes = await objects.blob(oid);
      if (isLfsPointer(bytes)) {
        const path = paths.get(oid) ?? oid;
        throw gitError("E_LFS_POINTER", path, `cannot read ${printable(path)}: it is a pointer of Git LFS, the content is not in Git`);
      }
      return bytes;
    },
  };
}

/** Asks once for each id; what fails is asked for again. */
function remembered<T>(ask: (oid: string) => Promise<T>): (oid: string) => Promise<T> {
  const answers = new Map<string, Promise<T>>();
  return (oid) => {
    const known = answers.get(oid);
    if (known) return known;
    const answer = ask(oid);
    if (answers.size >= cachedMax) answers.clear();
    answers.set(oid, answer);
    answer.catch(() => answers.delete(oid));
    return answer;
  };
}

function checkedItems(lines: readonly RawEntry[]): readonly TreeItem[] {
  const colliding = collisions(lines.map((line) => line.name ?? ""));
  const items = lines.map((line): TreeItem => {
    const shown = printable(line.name ?? "?");
    const refused = (code: FaultCode, message: string): TreeItem => ({ kind: "refused", name: shown, oid: line.oid, code, message });
    const why = whyUnsafe(line.name);
    if (line.name === undefined || why !== null) return refused("E_NAME_UNSAFE", `the name ${shown} is refused: ${why}`);
    if (colliding.has(line.name))
      return refused("E_NAME_COLLISION", `the name ${shown} differs from another one only in case or Unicode form, or is there twice`);
    return { kind: line.kind, name: line.name, oid: line.oid, ...(line.why === undefined ? {} : { why: line.why }) };
  });
  return items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** What a link says: where it leads, or why it is followed nowhere. */
type LinkText = { readonly target: string } | { readonly why: string };
type Readers = { folder(oid: string): Promise<readonly TreeItem[]>; link(oid: string): Promise<LinkText> };
type Step = { readonly name: string; readonly oid: string };

type Segment = { readonly name: string; /** Written in a link, not in the path that was asked for. */ readonly linked: boolean };

/** Follows a path segment by segment, as an operating system does, but with this tree's root as the only root there is. */
async function walk(readers: Readers, root: string, path: string): Promise<TreeEntry | undefined> {
  const pending: Segment[] = segmentsOf(path).map((name) => ({ name, linked: false }));
  const at: Step[] = [];
  const links: string[] = [];
  for (;;) {
    const segment = pending.shift();
    if (segment === undefined) return { kind: "tree", oid: at.at(-1)?.oid ?? root, path: pathOf(at), links };
    if (segment.name === "..") {
      if (at.pop() === undefined) throw escapes(path, segment.linked);
      continue;
    }
    const item = (await readers.folder(at.at(-1)?.oid ?? root)).find((line) => line.name === segment.name);
    if (item === undefined) return nothing(path, segment);
    switch (item.kind) {
      case "refused":
        throw gitError(item.code, path, `cannot read ${printable(path)}: ${item.message}`);
      case "submodule":
        throw gitError("E_SUBMODULE", path, `cannot read ${printable(path)}: ${printable(item.name)} is ${item.why ?? "a submodule"}`);
      case "tree":
        at.push(item);
        break;
      case "blob":
        if (pending.length > 0) return nothing(path, pending[0]);
        return { kind: "blob", oid: item.oid, path: pathOf([...at, item]), links };
      case "symlink":
        links.push(pathOf([...at, item]));
        if (links.length > linkHopsMax)
          throw gitError("E_SYMLINK", path, `cannot follow ${printable(path)}: more than ${linkHopsMax} links, or a loop`);
        pending.unshift(...(await linkTarget(readers, item, path)));
    }
  }
}

/** There may be nothing at a path that somebody asks for, but not at one that a link promises. */
function nothing(path: string, segment: Segment | undefined): undefined {
  if (segment?.linked !== true) return undefined;
  throw gitError("E_SYMLINK", path, `cannot follow ${printable(path)}: a link on the way points to nothing (${printable(segment.name)})`);
}

async function linkTarget(readers: Readers, item: Step, path: string): Promise<Segment[]> {
  const text = await readers.link(item.oid);
  if ("why" in text) throw gitError("E_SYMLINK", path, `cannot follow ${printable(path)}: the link ${printable(item.name)} ${text.why}`);
  return partsOf(text.target).map((name) => ({ name, linked: true }));
}

function checkedLink(bytes: Uint8Array): LinkText {
  if (bytes.length > linkBytesMax) return { why: `is longer than ${linkBytesMax} bytes` };
  const target = new TextDecoder().decode(bytes);
  if (target === "" || target.includes("\0") || target.includes("\\")) return { why: "is malformed" };
  if (target.startsWith("/")) return { why: "points outside the repository" };
  return { target };
}

/** The segments of a path that somebody wrote. Throws E_PATH_ESCAPE for what is no relative path. */
function segmentsOf(path: string): string[] {
  const refuse = (why: string) => gitError("E_PATH_ESCAPE", path, `cannot use the path ${printable(path)}: ${why}`);
  if (path.length > pathBytesMax) throw refuse(`it is longer than ${pathBytesMax} characters`);
  if (path.startsWith("/") || path.startsWith("\\") || /^[a-z][a-z0-9+.-]*:([/\\]|$)/i.test(path)) throw refuse("it is absolute");
  if (path.includes("\0") || path.includes("\\")) throw refuse("it has a NUL or a backslash");
  return partsOf(path);
}

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");
const pathOf = (steps: readonly Step[]): string => steps.map((step) => step.name).join("/");

const escapes = (path: string, byLink: boolean) =>
  byLink
    ? gitError("E_SYMLINK", path, `cannot follow ${printable(path)}: a link on the way leaves the repository`)
    : gitError("E_PATH_ESCAPE", path, `cannot use the path ${printable(path)}: it leaves the repository`);
