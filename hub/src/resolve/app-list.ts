// The Apps of a Resolution as it tells them. An App that is told the same stays the same object.

import type { AppKey } from "@muster/proto/model/identity";
import type { Family } from "./family.ts";
import type { ResolvedApp } from "./resolution.ts";
import { keepList, sameData } from "./same.ts";

export class AppList {
  #byKey = new Map<AppKey, ResolvedApp>();
  #list: readonly ResolvedApp[] = [];

  /** Sorted by key; the same array as long as it says the same. */
  get list(): readonly ResolvedApp[] {
    return this.#list;
  }

  /** Answers the Apps that came, went or are told differently. */
  update(family: Family): readonly AppKey[] {
    const children = childrenOf(family);
    const byKey = new Map<AppKey, ResolvedApp>();
    const changed: AppKey[] = [];
    for (const [key, { claim, targeted }] of family.members) {
      const [first] = claim.parts;
      const fresh: ResolvedApp = {
        key,
        place: claim.place,
        parent: claim.ancestors.at(-1) ?? null,
        ancestors: claim.ancestors,
        children: children.get(key) ?? none,
        source: first?.start.source ?? claim.place.source,
        targeted,
        onLeave: first?.app.onLeave ?? "orphan",
      };
      const was = this.#byKey.get(key);
      const same = was !== undefined && sameData(was, fresh);
      byKey.set(key, same ? was : fresh);
      if (!same) changed.push(key);
    }
    for (const key of this.#byKey.keys()) if (!byKey.has(key)) changed.push(key);
    this.#byKey = byKey;
    this.#list = keepList(this.#list, [...byKey.values()]);
    return changed;
  }
}

const none: readonly AppKey[] = [];

function childrenOf(family: Family): ReadonlyMap<AppKey, readonly AppKey[]> {
  const children = new Map<AppKey, AppKey[]>();
  for (const [key, { claim }] of family.members) {
    const parent = claim.ancestors.at(-1);
    if (parent === undefined) continue;
    const same = children.get(parent);
    if (same === undefined) children.set(parent, [key]);
    else same.push(key);
  }
  return children;
}
