// Which files of a linted folder can be mended without asking, and writing them. What may be mended is for fleet/.

import { lstat, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";

import { applyFixes, fixesOf, isFleetFile, mentionsMuster, type Fix } from "../fleet/fleet.ts";
import type { Linted } from "./offline.ts";

/** A file with what changes in it. `path` is relative to the root that was linted. */
export type Mended = {
  readonly full: string;
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly fixes: readonly Fix[];
};

const bytesMax = 4 * 1024 * 1024;

/** Files at or below `under` that hold documents with something to mend, sorted by path. Links are left alone: they may lead anywhere. */
export async function mendable({ root, fleet, problems }: Linted, under: string): Promise<readonly Mended[]> {
  const inside = relative(root, under);
  const named = [...fleet.documents.map(({ place }) => place.path), ...problems.flatMap(({ place }) => place?.path ?? [])];
  const paths = [...new Set(named)].filter(
    (path) => isFleetFile(path) && (inside === "" || path === inside || path.startsWith(`${inside}/`)),
  );
  const found = await Promise.all(paths.toSorted().map((path) => mended(join(root, path), path)));
  return found.flatMap((each) => each ?? []);
}

async function mended(full: string, path: string): Promise<Mended | undefined> {
  const stat = await lstat(full).catch(() => undefined);
  if (stat?.isFile() !== true || stat.size > bytesMax) return undefined;
  const bytes = await readFile(full);
  const before = bytes.toString("utf8");
  // Not UTF-8: writing it back would change more than what is mended.
  if (!Buffer.from(before).equals(bytes) || !mentionsMuster(before)) return undefined;
  const fixes = fixesOf(before);
  return fixes.length === 0 ? undefined : { full, path, before, after: applyFixes(before, fixes), fixes };
}

/** Writes every file as a whole: a file is mended or as it was. Throws when the disk refuses. */
export async function writeMended(files: readonly Mended[]): Promise<void> {
  for (const { full, after } of files) {
    const { mode } = await lstat(full);
    const beside = `${full}.muster-fix`;
    await writeFile(beside, after, { mode: mode & 0o777, flag: "wx" });
    await rename(beside, full);
  }
}
