// Who writes an object that several Apps declare: equal and of one Tenant, it is shared and the lowest key owns it; otherwise the App
// that has it keeps it, and the newcomer's object, not its App, is refused.

import type { Digest } from "@muster/proto/model/digest";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { appKeyParts, identityKey, showIdentity, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { ManifestLine } from "@muster/proto/model/release";

import type { Inventory } from "./inventory.ts";

export type Claimant = { readonly app: AppKey; readonly manifest: readonly ManifestLine[] };

export type Claims = {
  /** The App that writes each identity. */
  readonly owner: ReadonlyMap<string, AppKey>;
  /** Objects that an App declares and may not write. */
  readonly refused: ReadonlyMap<AppKey, readonly { readonly identity: ObjectIdentity; readonly message: string }[]>;
};

export function settleClaims(claimants: readonly Claimant[], inventory: Inventory): Claims {
  const claims = new Map<string, { app: AppKey; digest: Digest; identity: ObjectIdentity }[]>();
  for (const { app, manifest } of claimants) {
    for (const { identity, digest } of manifest) {
      const key = identityKey(identity);
      const list = claims.get(key);
      if (list) list.push({ app, digest, identity });
      else claims.set(key, [{ app, digest, identity }]);
    }
  }
  const owner = new Map<string, AppKey>();
  const refused = new Map<AppKey, { identity: ObjectIdentity; message: string }[]>();
  for (const [key, list] of claims) {
    const first = ownerOf(list, inventory.get(key)?.app);
    owner.set(key, first.app);
    for (const other of list) {
      if (other === first || isShared(first, other)) continue;
      const message = `${showIdentity(other.identity)} is declared by ${first.app}, and differently: that App keeps it`;
      refused.set(other.app, [...(refused.get(other.app) ?? []), { identity: other.identity, message }]);
    }
  }
  return { owner, refused };
}

type Claim = { readonly app: AppKey; readonly digest: Digest };

// Shared objects go to the lowest key even when another of the sharers has them: which App came first must not matter to the result.
function ownerOf<C extends Claim>(list: readonly C[], incumbent: AppKey | undefined): C {
  const sorted = list.toSorted((a, b) => byCodeUnits(a.app, b.app));
  const has = sorted.find((claim) => claim.app === incumbent) ?? (sorted[0] as C);
  return sorted.find((claim) => isShared(claim, has)) ?? has;
}

function isShared(a: Claim, b: Claim): boolean {
  return a === b || (a.digest === b.digest && appKeyParts(a.app).tenant === appKeyParts(b.app).tenant);
}
