// Reads objects of a repository on disk through isomorphic-git and hashes each one again: what does not have the id it was asked by is
// never used.

import { createHash } from "node:crypto";
import fs from "node:fs";

import git from "isomorphic-git";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { gitError } from "./faults.ts";
import type { Snapshot } from "./snapshot.ts";
import { treeOf, type Objects, type RawEntry } from "./tree.ts";

export type Commit = {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: { readonly name: string; readonly email: string };
  readonly committedAt: number;
  readonly message: string;
};

type Kind = "commit" | "tree" | "blob" | "tag";
type Read = { readonly kind: Kind; readonly bytes: Uint8Array };

export type GitObjects = Objects & {
  commit(oid: string): Promise<Commit>;
  /** The commit that an id means: itself, or what a tag points to. */
  peel(oid: string): Promise<string>;
  /** Throws E_COMMIT_MISSING, which is no damage, for a commit that is not here. `files`: where its files are, when not only here. */
  snapshot(commit: string, files?: Objects): Promise<Snapshot>;
  /** Gives the memory of packs back. */
  forget(): void;
};

const tagDepthMax = 8;

export type ObjectsOptions = {
  /** Told when something is damaged or missing. */
  readonly onDamage?: () => void;
  /** Asked to bring an object that is not here; gives whether it tried. Throws what stopped it, which is no damage. */
  readonly missing?: (oid: string) => Promise<boolean>;
};

/** The objects in a git directory. All throw OperationErrors whose subject is `name`: E_GIT_CORRUPT for what is damaged or missing. */
export function openObjects(gitdir: string, name: string, { onDamage = () => undefined, missing }: ObjectsOptions = {}): GitObjects {
  let cache = {};
  const read = async (oid: string, kind?: Kind | "snapshot"): Promise<Read> => {
    try {
      return await readHere(oid, kind);
    } catch (error) {
      const absent = error instanceof OperationError && error.cause instanceof git.Errors.NotFoundError;
      if (!absent || kind !== "blob" || missing === undefined || !(await missing(oid))) throw error;
      return readHere(oid, kind);
    }
  };
  const readHere = async (oid: string, kind?: Kind | "snapshot"): Promise<Read> => {
    try {
      const { object, type } = await git.readObject({ fs, gitdir, oid, format: "content", cache });
      return checked(oid, type as Kind, object as Uint8Array, kind === "snapshot" ? "commit" : kind);
    } catch (error) {
      if (kind === "snapshot" && error instanceof git.Errors.NotFoundError)
        throw gitError("E_COMMIT_MISSING", name, `commit ${oid} is not here any more, or never was`, error);
      if (kind !== "blob" || missing === undefined || !(error instanceof git.Errors.NotFoundError)) onDamage();
      if (error instanceof OperationError) throw error;
      throw gitError("E_GIT_CORRUPT", name, `cannot read Git object ${oid}: ${printable(String(error))}`, error);
    }
  };
  const checked = (oid: string, kind: Kind, bytes: Uint8Array, wanted: Kind | undefined): Read => {
    const id = createHash("sha1").update(`${kind} ${bytes.length}\0`).update(bytes).digest("hex");
    if (id !== oid) throw gitError("E_GIT_CORRUPT", name, `Git object ${oid} has other content: it hashes to ${id}`);
    if (wanted !== undefined && kind !== wanted) throw gitError("E_GIT_CORRUPT", name, `Git object ${oid} is a ${kind}, not a ${wanted}`);
    return { kind, bytes };
  };
  const objects: Objects = {
    tree: async (oid) => parseTree((await read(oid, "tree")).bytes, name),
    blob: async (oid) => (await read(oid, "blob")).bytes,
  };
  const commit = async (oid: string) => parseCommit((await read(oid, "commit")).bytes, name);
  return {
    ...objects,
    commit,
    async peel(oid) {
      for (let at = oid, depth = 0; depth < tagDepthMax; depth += 1) {
        const { kind, bytes } = await read(at);
        if (kind === "commit") return at;
        const target = kind === "tag" ? /^object ([0-9a-f]{40})$/m.exec(textOf(bytes))?.[1] : undefined;
        if (target === undefined) throw gitError("E_REF_MISSING", name, `${oid} is no commit but a ${kind}`);
        at = target;
      }
      throw gitError("E_LIMIT", name, `tag ${oid} points to tags more than ${tagDepthMax} deep`);
    },
    async snapshot(oid, files = objects) {
      const { tree, parents, author, committedAt, message } = parseCommit((await read(oid, "snapshot")).bytes, name);
      return { commit: oid, author, committedAt, parents, message, tree: treeOf(files, tree) };
    },
    forget: () => {
      cache = {};
    },
  };
}

const kinds: { readonly [mode: string]: RawEntry["kind"] } = {
  "40000": "tree",
  "040000": "tree",
  "100644": "blob",
  "100664": "blob",
  "100755": "blob",
  "120000": "symlink",
  "160000": "submodule",
};

/** The lines of a tree object: `<mode> <name>\0<20 bytes>`, again and again. */
export function parseTree(bytes: Uint8Array, name: string): readonly RawEntry[] {
  const entries: RawEntry[] = [];
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const end = bytes.indexOf(0, blank);
    const kind = blank > 0 ? kinds[textOf(bytes.subarray(at, blank))] : undefined;
    if (kind === undefined || end < 0 || end + 21 > bytes.length) throw gitError("E_GIT_CORRUPT", name, "a tree object is malformed");
    entries.push({
      name: decoded(utf8, bytes.subarray(blank + 1, end)),
      kind,
      oid: Buffer.from(bytes.subarray(end + 1, end + 21)).toString("hex"),
    });
    at = end + 21;
  }
  return entries;
}

function decoded(utf8: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function parseCommit(bytes: Uint8Array, name: string): Commit {
  const text = textOf(bytes);
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const tree = /^tree ([0-9a-f]{40})$/m.exec(head)?.[1];
  const author = /^author (.*?) ?<([^>\n]*)>/m.exec(head);
  const committed = /^committer .*> (\d{1,12}) [+-]\d{4}$/m.exec(head)?.[1];
  if (tree === undefined) throw gitError("E_GIT_CORRUPT", name, "a commit object is malformed");
  return {
    tree,
    parents: [...head.matchAll(/^parent ([0-9a-f]{40})$/gm)].map((match) => match[1] ?? ""),
    author: { name: author?.[1] ?? "", email: author?.[2] ?? "" },
    committedAt: Number(committed ?? 0) * 1000,
    message: end < 0 ? "" : text.slice(end + 2),
  };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
