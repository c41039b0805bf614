// What the changes of one cluster delete, counted as the agent counts it, and which guards that crosses.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { crossedGuards, deletionDigest, type GuardName } from "@muster/proto/model/evidence";
import { identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { Placement } from "../resolve/resolve.ts";
import type { Departure } from "./departures.ts";
import type { Manifests } from "./manifests.ts";
import type { HeldApp } from "./verdict.ts";

/** A change that may be made: to a Release that is known, or to nothing. */
export type Change = {
  readonly app: AppKey;
  readonly held: HeldApp | null;
  readonly placement: (Placement & { readonly release: Digest }) | null;
  readonly departs: Departure | null;
};

export type Judged = {
  readonly change: Change;
  readonly deletes: readonly ObjectIdentity[];
  readonly guards: readonly GuardName[];
  readonly digest: Digest;
};

/** Nothing is deleted: no approval is ever for it. */
const nothing = digestOf("");

/** What a cluster holds, and who has which object: of those that declare it, the lowest key. */
export class Holdings {
  readonly apps: ReadonlyMap<AppKey, HeldApp>;
  readonly manifests: Manifests;
  #owners: ReadonlyMap<string, AppKey> | undefined;

  /** `apps` sorted by key. */
  constructor(apps: ReadonlyMap<AppKey, HeldApp>, manifests: Manifests) {
    this.apps = apps;
    this.manifests = manifests;
  }

  get owners(): ReadonlyMap<string, AppKey> {
    if (this.#owners !== undefined) return this.#owners;
    const owners = new Map<string, AppKey>();
    for (const { app, release } of this.apps.values())
      for (const key of this.manifests.of(release).keys) if (!owners.has(key)) owners.set(key, app);
    this.#owners = owners;
    return owners;
  }
}

/** Judges changes that are made together, all other Apps staying as they are. What waits for a hand is judged as if it came alone, later. */
export function judge(changes: readonly Change[], holdings: Holdings): readonly Judged[] {
  if (!changes.some((change) => mayDelete(change) && loses(change, holdings)))
    return changes.map((change) => ({ change, deletes: [], guards: [], digest: nothing }));
  const moving = changes.filter((change) => !waitsForHand(change));
  const declared = declaredAfter(moving, holdings);
  const declaredWith = (change: Change) => (waitsForHand(change) ? declaredAfter([...moving, change], holdings) : declared);
  const found = changes.map((change) => ({ change, deletes: mayDelete(change) ? deletesOf(change, declaredWith(change), holdings) : [] }));
  // A removal waits for its tombstone, so it does not fall together with what a Release deletes now; removals do with each other.
  const sum = (removal: boolean): number =>
    found.reduce((total, { change, deletes }) => ((change.departs !== null) === removal ? total + deletes.length : total), 0);
  const [changed, removed] = [sum(false), sum(true)];
  return found.map(({ change, deletes }) => {
    const tombstone = change.departs !== null;
    const before = change.held === null ? 0 : holdings.manifests.of(change.held.release).lines.length;
    const guards = crossedGuards({ deletes, before, tombstone }, tombstone ? removed : changed, holdings.owners.size);
    return { change, deletes, guards, digest: deletes.length === 0 ? nothing : deletionDigest(change.app, deletes) };
  });
}

/** A change that is admitted and may be made much later. */
export function waitsForHand({ placement, held }: Change): boolean {
  return placement !== null && !placement.auto && placement.release !== held?.release;
}

function mayDelete({ held, placement, departs }: Change): boolean {
  if (held === null) return false;
  if (placement === null) return departs?.mode === "delete";
  return placement.policy.prune && placement.release !== held.release;
}

/** True when an object of the App is not in what it changes to. */
function loses({ held, placement }: Change, { manifests }: Holdings): boolean {
  if (held === null) return false;
  return placement === null ? manifests.of(held.release).keys.length > 0 : manifests.loses(held.release, placement.release);
}

/** Identities that some App still declares afterwards. */
function declaredAfter(changes: readonly Change[], holdings: Holdings): ReadonlySet<string> {
  const changing = new Set(changes.map(({ app }) => app));
  const after = changes.flatMap(({ placement }) => (placement === null ? [] : [placement.release]));
  const staying = [...holdings.apps.values()].filter(({ app }) => !changing.has(app)).map(({ release }) => release);
  return new Set([...after, ...staying].flatMap((release) => holdings.manifests.of(release).keys));
}

function deletesOf({ app, held }: Change, declared: ReadonlySet<string>, holdings: Holdings): readonly ObjectIdentity[] {
  const lines = held === null ? [] : holdings.manifests.of(held.release).lines;
  return lines.flatMap(({ identity }) => {
    const key = identityKey(identity);
    return !declared.has(key) && holdings.owners.get(key) === app ? [identity] : [];
  });
}

/** True when an object would be deleted here that comes back with a change that waits: then this one waits as well. */
export function movesToWaiting({ deletes }: Judged, waiting: readonly Change[], holdings: Holdings): boolean {
  if (deletes.length === 0 || waiting.length === 0) return false;
  const coming = new Set(waiting.flatMap(({ placement }) => (placement === null ? [] : holdings.manifests.of(placement.release).keys)));
  return deletes.some((id) => coming.has(identityKey(id)));
}
