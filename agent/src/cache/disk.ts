// Files that are whole or not there: written beside their place, flushed, renamed. Folders 0700, files 0600.

import { closeSync, fdatasync, openSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const fileMode = 0o600;
const folderMode = 0o700;
const batchMax = 128;

/** Makes a folder, and those above it, readable by us only. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: folderMode });
}

/** Writes one file durably: afterwards a power cut leaves the old content or the new, never a part. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await writeAllWhole([{ path, content }]);
}

/** Writes many files durably. All are written first and flushed afterwards, so that the disk orders one flush, not one a file. */
export async function writeAllWhole(files: readonly { readonly path: string; readonly content: Uint8Array | string }[]): Promise<void> {
  const folders = [...new Set(files.map((file) => dirname(file.path)))];
  await Promise.all(folders.map(makeFolder));
  for (let start = 0; start < files.length; start += batchMax) await writeBatch(files.slice(start, start + batchMax));
  await Promise.all(folders.map(flushFolder));
}

// Only the flushes take the disk's time; everything else is microseconds a file, and cheaper done at once than handed to a thread.
async function writeBatch(files: readonly { readonly path: string; readonly content: Uint8Array | string }[]): Promise<void> {
  const open: number[] = [];
  try {
    for (const { path, content } of files) {
      const file = openSync(`${path}.part`, "w", fileMode);
      open.push(file);
      writeFileSync(file, content);
    }
    await Promise.all(open.map((file) => flushData(file)));
  } finally {
    for (const file of open) closeSync(file);
  }
  for (const { path } of files) renameSync(`${path}.part`, path);
}

const flushData = promisify(fdatasync);

/** Makes renames in a folder durable. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file's bytes; null when there is none. Other failures are thrown: they are not absence. */
export async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** True for the error of a file that is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Moves what cannot be trusted out of the way, so that a person can look at it, under a name that says when. */
export async function setAside(folder: string, path: string, nowMs: number): Promise<string> {
  await makeFolder(folder);
  const name = `${nowMs}-${path.slice(path.lastIndexOf("/") + 1)}`;
  await rename(path, join(folder, name));
  return name;
}
