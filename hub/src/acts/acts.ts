// What people do that is not in Git, and what it means for Placements: a pause stops upgrades, a word for a pin lets it go. Pure; the
// rows are the store's, who may do it is access/'s.

import { pinDigest, type AgentPolicy, type Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";

/** Who did it, why, when. Times are milliseconds since 1970. */
type Done = { readonly id: string; readonly by: string; readonly reason: string; readonly at: number };

/** What a pause is about: an App everywhere or on one cluster, all of a cluster, or (both null) the fleet. */
export type Scope = { readonly app: AppKey | null; readonly cluster: ClusterName | null };

/** Upgrades stop; healing goes on. It ends by itself at `until`, if there is one. */
export type Pause = Done & Scope & { readonly kind: "pause"; readonly until: number | null };

/** Somebody's word for one pin of one App on one cluster: a newer one waits again. */
export type Sync = Done & { readonly kind: "sync"; readonly app: AppKey; readonly cluster: ClusterName; readonly pin: Digest };

export type RedeliverResult = { readonly ok: boolean; readonly message: string; readonly code: string; readonly at: number };

/** An order to an agent to apply again what is released; `result` is null until it has answered. */
export type Redelivery = Done & {
  readonly kind: "redeliver";
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly expiresAt: number;
  readonly result: RedeliverResult | null;
};

export type Act = Pause | Sync | Redelivery;

/** One row for one scope, and one word for one Placement: the newest counts. */
export const pauseId = ({ app, cluster }: Scope): string => `pause ${cluster ?? "*"} ${app ?? "*"}`;
export const syncId = (cluster: ClusterName, app: AppKey): string => `sync ${cluster} ${app}`;

/** Reads rows as they are kept. */
export function actsOf(rows: Iterable<{ readonly body: unknown }>): readonly Act[] {
  return [...rows].map(({ body }) => body as Act);
}

const speaksOf = (scope: Scope, { app, cluster }: { readonly app: AppKey; readonly cluster: ClusterName }): boolean =>
  (scope.app === null || scope.app === app) && (scope.cluster === null || scope.cluster === cluster);

const isOn = ({ until }: Pause, now: number): boolean => until === null || until > now;

/** The pause that holds a Placement, the one that lasts longest; undefined when none does. */
export function pausing(
  acts: readonly Act[],
  placement: { readonly app: AppKey; readonly cluster: ClusterName },
  now: number,
): Pause | undefined {
  const held = acts.filter((act): act is Pause => act.kind === "pause" && isOn(act, now) && speaksOf(act, placement));
  return held.toSorted((a, b) => endOf(b) - endOf(a) || a.at - b.at)[0];
}

const endOf = ({ until }: Pause): number => until ?? Infinity;

/** `paused by anna until 2026-11-21T10:00:00.000Z: release freeze`. */
export function pauseMessage({ by, until, reason }: Pause): string {
  return `paused by ${by}${until === null ? "" : ` until ${time(until)}`}: ${reason}`;
}

/** When the next pause ends by itself; null when none does. Whoever decides has to look again then. */
export function wakeAt(acts: readonly Act[], now: number): number | null {
  const ends = acts.flatMap((act) => (act.kind === "pause" && act.until !== null && act.until > now ? [act.until] : []));
  return ends.length === 0 ? null : Math.min(...ends);
}

type Placed = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly release: Digest | null;
  readonly policy: AgentPolicy;
  readonly auto: boolean;
};

/**
 * Placements with what people said taken in: what is paused does not move by itself, and what somebody asked for does. Whoever admits
 * deletes sees them so: an object on its way to an App that is paused is not taken away first. `heldSince`: when what is released now was
 * released; a word from before then was for another turn, and is spent.
 */
export function withHands<P extends Placed>(
  placements: readonly P[],
  acts: readonly Act[],
  heldSince: (cluster: ClusterName, app: AppKey) => number | undefined,
  now: number,
): readonly P[] {
  if (acts.length === 0) return placements;
  const words = new Map(acts.flatMap((act) => (act.kind === "sync" ? [[act.id, act]] : [])));
  const pauses = acts.filter(({ kind }) => kind === "pause");
  return placements.map((placement) => {
    const { app, cluster, auto } = placement;
    const goes = (auto || isAskedFor(placement, words, heldSince)) && pausing(pauses, { app, cluster }, now) === undefined;
    return goes === auto ? placement : { ...placement, auto: goes };
  });
}

/**
 * Words that can let nothing go any more: what they were about was released since, or the App is not on that cluster at all. `isThere`:
 * wanted or released there, or not known.
 */
export function spentWords(
  acts: readonly Act[],
  heldSince: (cluster: ClusterName, app: AppKey) => number | undefined,
  isThere: (cluster: ClusterName, app: AppKey) => boolean,
): readonly string[] {
  return acts.flatMap((act) => {
    if (act.kind !== "sync") return [];
    const { id, cluster, app, at } = act;
    return at < (heldSince(cluster, app) ?? -Infinity) || !isThere(cluster, app) ? [id] : [];
  });
}

function isAskedFor(
  { app, cluster, release, policy }: Placed,
  words: ReadonlyMap<string, Sync>,
  heldSince: (cluster: ClusterName, app: AppKey) => number | undefined,
): boolean {
  const word = words.get(syncId(cluster, app));
  if (word === undefined || release === null || word.pin !== pinDigest({ release, policy })) return false;
  return word.at >= (heldSince(cluster, app) ?? -Infinity);
}

/** Far enough for a pause that somebody has to end. */
const never = "9999-12-31T23:59:59.999Z";

/** A tombstone while its App is paused: put off to the pause's end; and as it was, when nothing pauses it any more. */
export function postponed(tombstone: Tombstone, pause: Pause | undefined): Tombstone {
  const { app, mode, notBefore, due = notBefore } = tombstone;
  if (pause === undefined) return tombstone.due === undefined ? tombstone : { app, mode, notBefore: due };
  const end = pause.until === null ? never : time(pause.until);
  return { app, mode, notBefore: end > due ? end : due, due };
}

const time = (ms: number): string => new Date(ms).toISOString();
