// The file system that isomorphic-git writes a fetch through: only inside the repository's folder, each file whole or not at all, and
// a pack only after it was looked through.

import fs from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";

import type { PromiseFsClient } from "isomorphic-git";

import { OperationError } from "@muster/proto/model/failure";

import { gitError } from "./faults.ts";
import type { GitLimits } from "./limits.ts";
import { checkPack } from "./pack.ts";

/** For isomorphic-git's `fs`. Writing a pack throws what `checkPack` throws. */
export function intakeFs(gitdir: string, name: string, limits: GitLimits): PromiseFsClient {
  const root = resolve(gitdir);
  const writeFile = async (path: string, content: Uint8Array | string) => {
    const full = resolve(path);
    if (!full.startsWith(root + sep)) throw gitError("E_PATH_ESCAPE", name, "refused to write outside the repository's folder");
    if (full.endsWith(".pack")) await checkPack(Buffer.from(content), name, limits);
    await writeWhole(full, content);
  };
  return { promises: { ...fs, writeFile } };
}

let written = 0;

/** Writes a file so that after a crash it is there as a whole or as it was before. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await fs.mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.${(written += 1)}.draft`;
  try {
    const file = await fs.open(draft, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(draft, path);
  } catch (error) {
    await fs.rm(draft, { force: true });
    throw new OperationError("unavailable", path, `cannot write ${path}: ${String(error)}`, error);
  }
}
