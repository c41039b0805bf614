// A repository on this machine, read at a revision: for the offline commands. Nothing in it is changed.

import fs from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";

import git from "isomorphic-git";

import { printable } from "@muster/proto/model/printable";

import { isCommitId } from "./address.ts";
import { gitError } from "./faults.ts";
import { openObjects } from "./objects.ts";
import type { Snapshot } from "./snapshot.ts";

export type LocalRepository = {
  /** Branch, tag, full or abbreviated commit id, `HEAD`, each with any number of `~N` and `^`. Throws E_REF_MISSING. */
  snapshot(revision: string): Promise<Snapshot>;
};

const stepsMax = 10_000;

/** Opens the repository of a work tree, or a bare one; undefined when the folder is neither. */
export async function openLocalRepository(dir: string): Promise<LocalRepository | undefined> {
  const gitdir = await gitdirOf(dir);
  if (gitdir === undefined) return undefined;
  const objects = openObjects(gitdir, dir);
  return {
    async snapshot(revision) {
      const [, base = "", steps = ""] = /^([^~^]*)((?:~\d*|\^)*)$/.exec(revision) ?? [];
      const missing = (why: string) =>
        gitError("E_REF_MISSING", dir, `cannot read revision ${printable(revision)} of ${printable(dir)}: ${why}`);
      if (base === "") throw missing("it is malformed");
      const start = await idOf(gitdir, base);
      if (start === undefined) throw missing("there is no such branch, tag or commit");
      let commit = await objects.peel(start);
      for (let left = countSteps(steps); left > 0; left -= 1) {
        const parent = (await objects.commit(commit)).parents[0];
        if (parent === undefined) throw missing("its history is not that long");
        commit = parent;
      }
      return objects.snapshot(commit);
    },
  };
}

async function gitdirOf(dir: string): Promise<string | undefined> {
  for (const candidate of [join(dir, ".git"), dir]) {
    const head = await access(candidate === dir ? join(dir, "HEAD") : candidate).then(
      () => true,
      () => false,
    );
    if (
      head &&
      (candidate !== dir ||
        (await access(join(dir, "objects")).then(
          () => true,
          () => false,
        )))
    )
      return candidate;
  }
  return undefined;
}

async function idOf(gitdir: string, name: string): Promise<string | undefined> {
  if (isCommitId(name)) return name;
  try {
    return await git.resolveRef({ fs, gitdir, ref: name });
  } catch {
    if (!/^[0-9a-f]{4,39}$/.test(name)) return undefined;
    return git.expandOid({ fs, gitdir, oid: name }).catch(() => undefined);
  }
}

/** `~2^~` is four steps to the first parent. */
function countSteps(steps: string): number {
  const counts = [...steps.matchAll(/~(\d*)|\^/g)].map((match) => (match[1] === undefined || match[1] === "" ? 1 : Number(match[1])));
  return Math.min(
    counts.reduce((sum, count) => sum + count, 0),
    stepsMax,
  );
}
