// The documents of a Source: reads the files that changed from one Snapshot to the next.

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { isFleetFile, parseFleetFile, type ParsedFile } from "../../fleet/fleet.ts";
import { changes, type Snapshot } from "../../git/git.ts";
import { fleetText, unreadableFile } from "../fleet-text.ts";

export type FleetFilesOptions = {
  readonly source: string;
  /** Only documents below it count; "" is the root. */
  readonly path: string;
  /** Said when the folder is gone. */
  readonly remedy: string;
  /** Files that held documents in the commit that was acted on last: they are looked into whatever they look like now. */
  readonly heldPaths: () => ReadonlySet<string>;
};

export type FleetFiles = ReadonlyMap<string, ParsedFile>;

/** Faults of one path: links that lead out, submodules, names that are refused. */
const ofThePath: ReadonlySet<string> = new Set([
  "E_SYMLINK",
  "E_SUBMODULE",
  "E_NAME_UNSAFE",
  "E_NAME_COLLISION",
  "E_PATH_ESCAPE",
  "E_PATH_MISSING",
  "E_LFS_POINTER",
]);

/** The files after a change: those that did not change are the same. Throws when anything but a single path cannot be read (I2). */
export async function nextFiles(
  options: FleetFilesOptions,
  files: FleetFiles,
  before: Snapshot | null,
  after: Snapshot,
): Promise<{ readonly files: FleetFiles; readonly count: number }> {
  const { source, path, remedy } = options;
  if ((await after.tree.entry(path))?.kind !== "tree") {
    const why = `commit ${after.commit.slice(0, 12)} has no folder ${path || "."}`;
    throw new OperationError("notFound", source, why, undefined, { code: "E_PATH_MISSING", remedy });
  }
  const found = new Map<string, ParsedFile | undefined>();
  const held = options.heldPaths();
  for await (const { path: file, after: now } of changes(before, after, path)) {
    if (isFleetFile(file)) found.set(file, now === null ? undefined : await parse(source, held, after, file, files.get(file)));
  }
  return { files: merged(files, found), count: found.size };
}

/** The same map where no document came, went or changed. */
function merged(files: FleetFiles, found: ReadonlyMap<string, ParsedFile | undefined>): FleetFiles {
  const changed = [...found].filter(([file, parsed]) => parsed !== undefined || files.has(file));
  if (changed.length === 0) return files;
  const next = new Map(files);
  for (const [file, parsed] of changed) {
    if (parsed === undefined) next.delete(file);
    else next.set(file, parsed);
  }
  return next;
}

async function parse(
  source: string,
  heldPaths: ReadonlySet<string>,
  { tree }: Snapshot,
  path: string,
  before: ParsedFile | undefined,
): Promise<ParsedFile | undefined> {
  const held = (before?.documents.length ?? 0) > 0 || before?.broken === true || heldPaths.has(path);
  try {
    const entry = await tree.entry(path);
    if (entry?.kind !== "blob") return undefined;
    const read = fleetText(await tree.read(entry.oid), held);
    if (read?.kind === "unreadable") return unreadableFile(source, path, read);
    return read && parseFleetFile({ source, path, text: read.text });
  } catch (error) {
    // What is wrong with this path alone stops this file alone; everything else is Git that cannot be read, and never an empty file (I2).
    const code = error instanceof OperationError ? (error.fault?.code ?? "") : "";
    if (!ofThePath.has(code)) throw error;
    return unreadableFile(source, path, { code, why: messageOf(error) });
  }
}
