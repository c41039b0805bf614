// The Apps of a Resolution as it tells them. An App that is told the same stays the same object.

import type { AppKey } from "@muster/proto/model/identity";
import type { Claim } from "./claim.ts";
import type { Family } from "./family.ts";
import type { ResolvedApp } from "./resolution.ts";
import { sameData } from "./same.ts";

export class AppList {
  #byKey = new Map<AppKey, Told>();
  #family: Family | undefined;
  #children: ReadonlyMap<AppKey, readonly AppKey[]> = new Map();
  #list: readonly ResolvedApp[] = [];

  /** Sorted by key; the same array as long as it says the same. */
  get list(): readonly ResolvedApp[] {
    return this.#list;
  }

  /** Answers the Apps that came, went or are told differently. */
  update(family: Family): readonly AppKey[] {
    if (family !== this.#family) this.#children = childrenOf(family);
    this.#family = family;
    const byKey = new Map<AppKey, Told>();
    const changed: AppKey[] = [];
    for (const [key, { claim, targeted }] of family.members) {
      const children = this.#children.get(key) ?? none;
      const was = this.#byKey.get(key);
      if (was !== undefined && was.claim === claim && was.app.targeted === targeted && was.children === children) {
        byKey.set(key, was);
        continue;
      }
      const fresh = appOf(claim, targeted, children);
      const same = was !== undefined && sameData(was.app, fresh);
      byKey.set(key, { claim, children, app: same ? was.app : fresh });
      if (!same) changed.push(key);
    }
    for (const key of this.#byKey.keys()) if (!byKey.has(key)) changed.push(key);
    this.#byKey = byKey;
    if (changed.length > 0) this.#list = [...byKey.values()].map(({ app }) => app);
    return changed;
  }
}

/** An App as it is told, with what it was told from. */
type Told = { readonly claim: Claim; readonly children: readonly AppKey[]; readonly app: ResolvedApp };

const none: readonly AppKey[] = [];

function appOf(claim: Claim, targeted: boolean, children: readonly AppKey[]): ResolvedApp {
  const [first] = claim.parts;
  return {
    key: claim.key,
    place: claim.place,
    parent: claim.ancestors.at(-1) ?? null,
    ancestors: claim.ancestors,
    children,
    source: first?.start.source ?? claim.place.source,
    targeted,
    onLeave: first?.app.onLeave ?? "orphan",
  };
}

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
