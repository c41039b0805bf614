// Repeats something until its median no longer moves, within a bound of time; and counts the CPU that this process took for it.

import { setTimeout as pause } from "node:timers/promises";

export type Pace = {
  /** Samples taken and thrown away first. */
  readonly warm: number;
  readonly min: number;
  readonly max: number;
  /** No further sample is begun after it, once there are `min`. */
  readonly timeMs: number;
};

/** The median moved less than this share with the newest third of the samples. */
const settledShare = 0.03;

/** Takes samples until their median settles. */
export async function settle(take: (index: number) => Promise<number> | number, pace: Pace): Promise<readonly number[]> {
  const samples: number[] = [];
  const end = performance.now() + pace.timeMs;
  for (let index = 0; index < pace.warm; index += 1) await take(index);
  while (samples.length < pace.max) {
    samples.push(await take(pace.warm + samples.length));
    if (samples.length >= pace.min && (performance.now() > end || isSettled(samples))) break;
  }
  return samples;
}

function isSettled(samples: readonly number[]): boolean {
  const before = median(samples.slice(0, Math.ceil((samples.length * 2) / 3)));
  return Math.abs(median(samples) - before) <= settledShare * Math.abs(before);
}

/** Throws a RangeError without samples. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** The value below which this share of the samples lies, between two samples where need be. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (low === undefined || high === undefined) throw new RangeError("no samples");
  return low + (high - low) * (at - Math.floor(at));
}

/** CPU of this process with all its threads, user and system, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What `work` costs in CPU-milliseconds, with what it leaves to do behind it. */
export async function cpuOf(work: () => Promise<void> | void): Promise<number> {
  await quiet();
  const before = cpuMs();
  await work();
  const idle = await quiet();
  return Math.max(0, cpuMs() - before - idle);
}

const look = { everyMs: 20, busyMs: 1.5, calmLooks: 3 } as const;

/** Waits until this process has nothing to do; gives the CPU that the waiting itself took at the end. */
async function quiet(): Promise<number> {
  const calm: number[] = [];
  while (calm.length < look.calmLooks) {
    const before = cpuMs();
    await pause(look.everyMs);
    const took = cpuMs() - before;
    if (took > look.busyMs) calm.length = 0;
    else calm.push(took);
  }
  return calm.reduce((sum, each) => sum + each, 0);
}
