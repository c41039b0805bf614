// Objects that several Apps of one cluster declare. Nothing is taken out of a manifest for it: the agent, which knows what is really
// there, writes the owner's and refuses the other's object alone. Here the same rule is only told beforehand, to the commit's author.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { appKeyParts, identityKey, showIdentity, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";

export type Declares = { readonly app: AppKey; readonly manifest: Manifest };
export type Conflict = { readonly app: AppKey; readonly owner: AppKey; readonly identity: ObjectIdentity };

/**
 * Objects that an App declares and may not have. Equal and of one Tenant: shared. Else the App that holds it keeps it; without a
 * holder the lowest key gets it, so that the result does not depend on who came first. `holder`: who has it now, by identityKey.
 */
export function findConflicts(declared: readonly Declares[], holder: (identity: string) => AppKey | undefined): readonly Conflict[] {
  const claims = new Map<string, { readonly app: AppKey; readonly digest: Digest; readonly identity: ObjectIdentity }[]>();
  for (const { app, manifest } of declared) {
    for (const { identity, digest } of manifest) {
      const key = identityKey(identity);
      const same = claims.get(key);
      if (same === undefined) claims.set(key, [{ app, digest, identity }]);
      else same.push({ app, digest, identity });
    }
  }
  const conflicts: Conflict[] = [];
  for (const [key, all] of claims) {
    if (all.length < 2) continue;
    const sorted = all.toSorted((a, b) => byCodeUnits(a.app, b.app));
    const current = holder(key);
    const has = sorted.find(({ app }) => app === current) ?? sorted[0];
    const owner = has && (sorted.find((each) => isShared(each, has)) ?? has);
    if (owner === undefined) continue;
    for (const each of sorted)
      if (each !== owner && !isShared(each, owner)) conflicts.push({ app: each.app, owner: owner.app, identity: each.identity });
  }
  return conflicts;
}

type Claim = { readonly app: AppKey; readonly digest: Digest };

function isShared(a: Claim, b: Claim): boolean {
  return a === b || (a.digest === b.digest && appKeyParts(a.app).tenant === appKeyParts(b.app).tenant);
}

const agentNamespace = "muster-system";

/** The agent, its namespace and its rights: what no App may declare. */
export function isProtected(id: ObjectIdentity): boolean {
  if (id.namespace === agentNamespace || (id.group === "" && id.kind === "Namespace" && id.name === agentNamespace)) return true;
  return id.group === "rbac.authorization.k8s.io" && id.namespace === "" && /^muster-agent(-|$)/.test(id.name);
}

/** The first few of many, for a message. */
export function showSome(ids: readonly ObjectIdentity[]): string {
  const some = ids.slice(0, 3).map(showIdentity).join(", ");
  return ids.length > 3 ? `${some} and ${ids.length - 3} more` : some;
}
