// Which documents came and went between two calls. The same object is the same document, wherever it stands in the list.

import type { FleetDocument } from "../fleet/fleet.ts";

export type DocumentDiff = { readonly added: readonly FleetDocument[]; readonly removed: readonly FleetDocument[] };

export function diffDocuments(was: readonly FleetDocument[], now: readonly FleetDocument[]): DocumentDiff {
  if (was === now) return { added: [], removed: [] };
  const shorter = Math.min(was.length, now.length);
  let start = 0;
  while (start < shorter && was[start] === now[start]) start += 1;
  let end = 0;
  while (end < shorter - start && was[was.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const [before, after] = [was.slice(start, was.length - end), now.slice(start, now.length - end)];
  const [known, present] = [new Set(before), new Set(after)];
  return { added: after.filter((each) => !known.has(each)), removed: before.filter((each) => !present.has(each)) };
}
