// What may be there although it is not seen: below parents that are not fully known, in documents that cannot be read. Nothing of it
// may be taken away, and it keeps its name.

import { byCodeUnits } from "@muster/proto/model/canonical";
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

/** Apps of which not everything is known. */
export function incompleteApps(
  model: FleetModel,
  family: Family,
  broken: ReadonlySet<string>,
  wrong: ReadonlyMap<AppKey, Problem>,
): ReadonlySet<AppKey> {
  const incomplete = new Set<AppKey>([...family.undecided, ...wrong.keys()]);
  const prefix = documentKey("App", "");
  for (const key of broken) if (key.startsWith(prefix)) incomplete.add(key.slice(prefix.length) as AppKey);
  for (const [key, work] of family.members) {
    if (!work.complete) incomplete.add(key);
    for (const child of work.birth.unread) incomplete.add(child);
  }
  addHidden(incomplete, family, model);
  return incomplete;
}

/** Apps that were there and are out of sight: below a parent that is not fully known, or in a file that cannot be read. */
function addHidden(incomplete: Set<AppKey>, family: Family, { incumbents, unreadable }: FleetModel): void {
  const prefix = documentKey("App", "");
  const missing = [...incumbents].flatMap(([key, was]) => {
    const app = key.slice(prefix.length) as AppKey;
    return key.startsWith(prefix) && !family.members.has(app) ? [{ app, was }] : [];
  });
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

/** What was accepted; and what was and may come back, for a broken document or render must not cost a key its owner. */
export function nextIncumbents(
  model: FleetModel,
  accepted: ReadonlyMap<string, string>,
  family: Family,
  incomplete: ReadonlySet<AppKey>,
  broken: ReadonlySet<string>,
  present: (document: string) => boolean,
): ReadonlyMap<string, string> {
  const next = new Map(accepted);
  for (const [key, { claim }] of family.members) next.set(appDocument(key), claim.placeId);
  for (const [document, was] of model.incumbents) {
    if (next.has(document)) continue;
    const hidden = was.startsWith("in ") && incomplete.has(was.slice(3) as AppKey);
    const isApp = document.startsWith(documentKey("App", ""));
    const disputed = isApp ? incomplete.has(document.slice(4) as AppKey) : present(document);
    if (hidden || disputed || broken.has(document)) next.set(document, was);
  }
  return new Map([...next].toSorted(([a], [b]) => byCodeUnits(a, b)));
}
