// What may be there although it is not seen: below parents that are not fully known, in documents that cannot be read. Nothing of it
// may be taken away, and it keeps its name.

import type { AppKey } from "@muster/proto/model/identity";
import { appDocument, documentKey, type Problem } from "../fleet/fleet.ts";
import type { Family } from "./family.ts";
import { resolveLimits } from "./limits.ts";
import type { FleetModel } from "./model.ts";

/** Whether an App that is not known may be there all the same: unreadable, or below a parent that is not fully known. */
export function mayExist(model: FleetModel, family: Family, key: AppKey, depth = 0): boolean {
  if (family.undecided.has(key) || model.broken?.has(appDocument(key)) === true) return true;
  for (const work of family.members.values()) {
    if (work.birth.unread.includes(key) || (!work.targeted && !work.birthComplete)) return true;
  }
  const was = model.incumbents.get(appDocument(key)) ?? "";
  if (!was.startsWith("in ")) return isFromAny(was, model.unreadable);
  const parent = was.slice(3) as AppKey;
  const member = family.members.get(parent);
  if (member !== undefined) return !member.birthComplete;
  return depth >= resolveLimits.depthMax || mayExist(model, family, parent, depth + 1);
}

/** An App that was there and is not among those that are accepted now, with where it was. */
export type Missing = { readonly app: AppKey; readonly was: string };

/** Apps of which not everything is known. */
export function incompleteApps(
  family: Family,
  broken: ReadonlySet<string>,
  unreadable: ReadonlySet<string>,
  wrong: ReadonlyMap<AppKey, Problem>,
  missing: readonly Missing[],
): ReadonlySet<AppKey> {
  const incomplete = new Set<AppKey>([...family.undecided, ...wrong.keys()]);
  const prefix = documentKey("App", "");
  for (const key of broken) if (key.startsWith(prefix)) incomplete.add(key.slice(prefix.length) as AppKey);
  for (const [key, work] of family.members) {
    if (!work.complete) incomplete.add(key);
    for (const child of work.birth.unread) incomplete.add(child);
  }
  addHidden(incomplete, missing, unreadable);
  return incomplete;
}

/** Apps that were there and are out of sight: below a parent that is not fully known, or in a file that cannot be read. */
function addHidden(incomplete: Set<AppKey>, missing: readonly Missing[], unreadable: ReadonlySet<string>): void {
  for (let before = -1; before < incomplete.size;) {
    before = incomplete.size;
    for (const { app, was } of missing) {
      const parent = was.startsWith("in ") ? (was.slice(3) as AppKey) : null;
      if (parent === null ? isFromAny(was, unreadable) : incomplete.has(parent)) incomplete.add(app);
    }
  }
}

function isFromAny(was: string, sources: ReadonlySet<string> = new Set()): boolean {
  return sources.has(was.slice(0, was.indexOf(":")));
}

/** Whether an incumbent that is not accepted now keeps its key: it may come back. `present`: there is a document of that key. */
export function keepsKey(
  document: string,
  was: string,
  incomplete: ReadonlySet<AppKey>,
  broken: ReadonlySet<string>,
  present: (document: string) => boolean,
): boolean {
  const hidden = was.startsWith("in ") && incomplete.has(was.slice(3) as AppKey);
  const isApp = document.startsWith(documentKey("App", ""));
  const disputed = isApp ? incomplete.has(document.slice(4) as AppKey) : present(document);
  return hidden || disputed || broken.has(document);
}
