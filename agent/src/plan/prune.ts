// What may be deleted, and whether a person has to approve it first. Evidence is an entry of the inventory that no App declares any
// more, of an App whose newer Release is here in full, or of an App with a tombstone that is due. An App that is merely absent is kept.

import type { Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { crossedGuards, deletionDigest, type GuardName } from "@muster/proto/model/evidence";
import { compareIdentity, identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";

import { byApp, type Entry, type Inventory } from "./inventory.ts";
import { pruneRound } from "./stages.ts";

export type Held = { readonly guards: readonly GuardName[]; readonly digest: Digest; readonly count: number };

export type PrunePlan = {
  /** In rounds: each begins when the one before is gone from the API server. */
  readonly rounds: readonly (readonly Entry[])[];
  /** The approval that covers them; null when none was needed. */
  readonly approval: Digest | null;
  /** Set when they wait for a person: then `rounds` holds only what was approved before. */
  readonly held: Held | null;
};

export type TombstonePlan = {
  readonly app: AppKey;
  readonly mode: Tombstone["mode"];
  /** Milliseconds until it is due; 0 when it is. */
  readonly waitMs: number;
  /** For `delete`. */
  readonly prune: PrunePlan;
  /** For `orphan`: forgotten, not deleted. */
  readonly forget: readonly Entry[];
};

export type PruneInput = {
  readonly inventory: Inventory;
  /** Identities that any App of the bundle declares, at the accepted Release or at the one that it is held at. */
  readonly declared: ReadonlySet<string>;
  /** Apps of the bundle whose manifest is known and whose policy says prune. */
  readonly pruning: ReadonlySet<AppKey>;
  readonly tombstones: readonly Tombstone[];
  readonly approvals: ReadonlySet<Digest>;
  /** How many objects an App had when its Release was last applied in full: what the guards measure its deletes against. */
  readonly baseline: ReadonlyMap<AppKey, number>;
  readonly isProtected: (id: ObjectIdentity) => boolean;
  readonly now: number;
};

export type Prunes = { readonly apps: ReadonlyMap<AppKey, PrunePlan>; readonly tombstones: readonly TombstonePlan[] };

export function planPrunes(input: PruneInput): Prunes {
  const owned = byApp(input.inventory);
  const candidatesOf = (app: AppKey): readonly Entry[] => (owned.get(app) ?? []).filter((entry) => isCandidate(entry, input));
  const due = input.tombstones.filter((tombstone) => dueIn(tombstone, input.now) === 0 && tombstone.mode === "delete");
  const going = new Map([...input.pruning, ...due.map(({ app }) => app)].map((app) => [app, candidatesOf(app)]));
  const clusterDeletes = [...going.values()].reduce((sum, list) => sum + list.length, 0);
  const plan = (app: AppKey, tombstone: boolean): PrunePlan =>
    guarded(app, going.get(app) ?? [], input.baseline.get(app) ?? owned.get(app)?.length ?? 0, tombstone, clusterDeletes, input);
  return {
    apps: new Map([...input.pruning].map((app) => [app, plan(app, false)])),
    tombstones: input.tombstones.map((tombstone) => {
      const { app, mode } = tombstone;
      const waitMs = dueIn(tombstone, input.now);
      const forget = mode === "orphan" && waitMs === 0 ? (owned.get(app) ?? []).filter((entry) => !isDeclared(entry, input)) : [];
      return { app, mode, waitMs, prune: plan(app, true), forget };
    }),
  };
}

/** Splits deletes into what may go and what waits for an approval. */
function guarded(
  app: AppKey,
  deletes: readonly Entry[],
  before: number,
  tombstone: boolean,
  clusterDeletes: number,
  input: PruneInput,
): PrunePlan {
  const identities = deletes.map((entry) => entry.identity);
  const digest = deletionDigest(app, identities);
  const guards = crossedGuards({ deletes: identities, before, tombstone }, clusterDeletes, input.inventory.size);
  if (guards.length === 0) return { rounds: roundsOf(deletes), approval: null, held: null };
  if (input.approvals.has(digest)) return { rounds: roundsOf(deletes), approval: digest, held: null };
  // A prune that was approved and interrupted goes on: its set is smaller now, and its digest another.
  const begun = deletes.filter((entry) => entry.approval !== null && input.approvals.has(entry.approval));
  const rest = deletes.length - begun.length;
  const held = rest > 0 ? { guards, digest, count: rest } : null;
  return { rounds: roundsOf(begun), approval: begun[0]?.approval ?? null, held };
}

function isCandidate(entry: Entry, input: PruneInput): boolean {
  return entry.origin === "created" && !isDeclared(entry, input) && !input.isProtected(entry.identity);
}

function isDeclared(entry: Entry, input: PruneInput): boolean {
  return input.declared.has(identityKey(entry.identity));
}

function roundsOf(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const rounds = new Map<number, Entry[]>();
  for (const entry of entries.toSorted((a, b) => compareIdentity(a.identity, b.identity))) {
    const round = pruneRound(entry.identity);
    rounds.set(round, [...(rounds.get(round) ?? []), entry]);
  }
  return [...rounds].toSorted(([a], [b]) => a - b).map(([, list]) => list);
}

function dueIn(tombstone: Tombstone, now: number): number {
  return Math.max(0, Date.parse(tombstone.notBefore) - now);
}
