// What differs between two Snapshots: object ids are compared and folders entered only where they differ, so that the work is
// proportional to the change.

import type { Snapshot } from "./snapshot.ts";
import type { Tree, TreeItem } from "./tree.ts";

/** A file or link that was added (before is null), removed (after is null) or changed. `path` is relative to the root. */
export type Change = { readonly path: string; readonly before: string | null; readonly after: string | null };

/**
 * The changed files under a folder ("" is all), in the order of their paths. A folder that is missing on one side counts as empty there:
 * whether it may be missing is for the caller to judge. Files with refused names are left out.
 */
export async function* changes(from: Snapshot | null, to: Snapshot, under: string): AsyncGenerator<Change> {
  const [before, after] = await Promise.all([from ? folderAt(from.tree, under) : undefined, folderAt(to.tree, under)]);
  if (before?.oid === after?.oid) return;
  yield* between({ tree: from?.tree, path: before?.path }, { tree: to.tree, path: after?.path }, trimmed(under));
}

type Side = { readonly tree: Tree | undefined; readonly path: string | undefined };

async function* between(before: Side, after: Side, shown: string): AsyncGenerator<Change> {
  const [old, now] = [await itemsOf(before), await itemsOf(after)];
  for (const name of [...new Set([...old.keys(), ...now.keys()])].toSorted()) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was?.oid === is?.oid && was?.kind === is?.kind) continue;
    const path = joined(shown, name);
    const [file, filed] = [fileId(was), fileId(is)];
    if (file !== filed) yield { path, before: file, after: filed };
    if (was?.kind === "tree" || is?.kind === "tree") {
      yield* between(
        { tree: before.tree, path: was?.kind === "tree" ? joined(before.path ?? "", name) : undefined },
        { tree: after.tree, path: is?.kind === "tree" ? joined(after.path ?? "", name) : undefined },
        path,
      );
    }
  }
}

async function itemsOf(side: Side): Promise<ReadonlyMap<string, TreeItem>> {
  if (side.tree === undefined || side.path === undefined) return new Map();
  const items = await side.tree.list(side.path);
  return new Map(items.filter((item) => item.kind !== "refused").map((item) => [item.name, item]));
}

const folderAt = async (tree: Tree, path: string) => {
  const entry = await tree.entry(path);
  return entry?.kind === "tree" ? entry : undefined;
};

const fileId = (item: TreeItem | undefined): string | null => (item === undefined || item.kind === "tree" ? null : item.oid);
const joined = (folder: string, name: string): string => (folder === "" ? name : `${folder}/${name}`);
const trimmed = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
