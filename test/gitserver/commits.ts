// Commits without a work tree: one `git fast-import` for each, whatever the number of files.

import { git } from "./git.ts";

/** What a file becomes: text, bytes, a symbolic link, or `null` to remove it. */
export type Change = string | Uint8Array | { readonly link: string } | null;
export type Changes = Readonly<Record<string, Change>>;

export interface Author {
  readonly name: string;
  readonly email: string;
}

export interface NewCommit {
  readonly ref: string;
  /** The parent, or `null` for a commit without one: then the changes are all its files. */
  readonly parent: string | null;
  readonly changes: Changes;
  readonly message: string;
  readonly author: Author;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Writes the commit and sets the ref to it, whatever the ref was before. Gives the id of the commit. */
export async function writeCommit(home: string, repository: string, commit: NewCommit): Promise<string> {
  await git(home, ["-C", repository, "fast-import", "--quiet", "--force", "--date-format=raw"], importStream(commit));
  return (await git(home, ["-C", repository, "rev-parse", commit.ref])).trim();
}

function importStream({ ref, parent, changes, message, author, at }: NewCommit): Uint8Array {
  const who = `${author.name} <${author.email}> ${Math.floor(at / 1000)} +0000`;
  const text = message.endsWith("\n") ? message : `${message}\n`;
  const head = [
    ...(parent === null ? [`reset ${ref}`] : []),
    `commit ${ref}`,
    `author ${who}`,
    `committer ${who}`,
    `data ${Buffer.byteLength(text)}`,
    text,
    ...(parent === null ? [] : [`from ${parent}`]),
  ];
  const files = Object.entries(changes).flatMap(([path, change]) => fileCommand(JSON.stringify(path), change));
  return Buffer.concat([Buffer.from(head.join("\n") + "\n"), ...files, Buffer.from("\n")]);
}

function fileCommand(path: string, change: Change): readonly Uint8Array[] {
  if (change === null) return [Buffer.from(`D ${path}\n`)];
  if (typeof change === "string" || change instanceof Uint8Array) return inline("100644", path, Buffer.from(change));
  return inline("120000", path, Buffer.from(change.link));
}

function inline(mode: string, path: string, content: Uint8Array): readonly Uint8Array[] {
  return [Buffer.from(`M ${mode} inline ${path}\ndata ${content.byteLength}\n`), content, Buffer.from("\n")];
}
