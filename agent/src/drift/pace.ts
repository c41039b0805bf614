// How often we write against others: a bucket of heals per object, and contests, where another controller keeps taking a field back.
// A person at a keyboard never contests: that is drift, as often as it happens.

import { pointerOf, type FieldPath } from "./fields.ts";

/** 20 heals at once, 30 more an hour. */
export const bucketMax = 20;
const refillPerMs = 30 / 3_600_000;

export type Bucket = { readonly tokens: number; readonly atMs: number };

export function freshBucket(nowMs: number): Bucket {
  return { tokens: bucketMax, atMs: nowMs };
}

/** Takes one heal. `waitMs` is 0 when it may go on at once, else when to ask again. */
export function takeHeal(bucket: Bucket, nowMs: number): { readonly bucket: Bucket; readonly waitMs: number } {
  const tokens = Math.min(bucketMax, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * refillPerMs);
  if (tokens >= 1) return { bucket: { tokens: tokens - 1, atMs: nowMs }, waitMs: 0 };
  return { bucket: { tokens, atMs: nowMs }, waitMs: Math.ceil((1 - tokens) / refillPerMs) };
}

/** A contest is a change of the same field by the same manager within 5 s after our heal, 5 times in 10 minutes. */
const contestWithinMs = 5_000;
const contestTimes = 5;
const contestWindowMs = 600_000;
export const contestBackoffMs = { first: 60_000, max: 1_800_000 } as const;

type Quarrel = {
  readonly path: FieldPath;
  readonly manager: string;
  readonly healedAtMs: number;
  readonly takenBackMs: readonly number[];
  readonly backoffMs: number;
  /** Until when the field is left to the other; 0 when it is not. */
  readonly yieldUntilMs: number;
};

/** The quarrels about one object's fields, by pointer. */
export type Contest = ReadonlyMap<string, Quarrel>;

export const noContest: Contest = new Map();

/** One drift that was just found and is about to be (or was) healed. */
export type Heal = { readonly paths: readonly FieldPath[]; readonly manager: string; readonly byPerson: boolean };

/** Notes a heal. Fields that were taken back once too often are left to the other manager for a while, longer each time. */
export function noteHeal(
  contest: Contest,
  heal: Heal,
  nowMs: number,
): { readonly contest: Contest; readonly contested: readonly FieldPath[] } {
  const next = new Map([...contest].filter(([, quarrel]) => !isOver(quarrel, nowMs)));
  const contested: FieldPath[] = [];
  for (const path of heal.paths) {
    const quarrel = stepQuarrel(next.get(pointerOf(path)), path, heal, nowMs);
    next.set(pointerOf(path), quarrel);
    if (quarrel.yieldUntilMs > nowMs) contested.push(path);
  }
  return { contest: next, contested };
}

/** The fields that are left to others now, with the manager, and when that ends. */
export function strippedNow(contest: Contest, nowMs: number): readonly { path: FieldPath; manager: string; untilMs: number }[] {
  return [...contest.values()]
    .filter((quarrel) => quarrel.yieldUntilMs > nowMs)
    .map(({ path, manager, yieldUntilMs }) => ({ path, manager, untilMs: yieldUntilMs }));
}

function stepQuarrel(old: Quarrel | undefined, path: FieldPath, heal: Heal, nowMs: number): Quarrel {
  const fresh: Quarrel = { path, manager: heal.manager, healedAtMs: nowMs, takenBackMs: [], backoffMs: 0, yieldUntilMs: 0 };
  if (heal.byPerson || old === undefined || old.manager !== heal.manager) return fresh;
  if (old.yieldUntilMs > nowMs) return old;
  const again = nowMs - old.healedAtMs <= contestWithinMs;
  const recent = old.takenBackMs.filter((at) => nowMs - at < contestWindowMs);
  const takenBackMs = again ? [...recent, nowMs] : recent;
  const lost = again && (takenBackMs.length >= contestTimes || old.backoffMs > 0);
  if (!lost) return { ...old, healedAtMs: nowMs, takenBackMs };
  const backoffMs = old.backoffMs === 0 ? contestBackoffMs.first : Math.min(contestBackoffMs.max, old.backoffMs * 2);
  return { ...old, healedAtMs: nowMs, takenBackMs, backoffMs, yieldUntilMs: nowMs + backoffMs };
}

function isOver(quarrel: Quarrel, nowMs: number): boolean {
  return nowMs - Math.max(quarrel.healedAtMs, quarrel.yieldUntilMs) > contestWindowMs;
}
