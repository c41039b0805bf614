// Tells when a thread has computed for as long as it may. Counted is its CPU time: on a machine that is busy with other things a render
// takes longer by the clock, and that is not its fault. The clock bounds only what neither computes nor ends.

import type { Worker } from "node:worker_threads";

/** The clock's bound, in times of the CPU's. */
const clockFactor = 10;
const shortestLookMs = 50;

/** `maxMs`: of CPU from now on; `usedMs`: what the thread has used up before. */
export type CpuBound = { readonly maxMs: number; readonly usedMs: number };

/** Calls `onOver` once when the bound is met; disposed of in time: never. */
export function boundCpu(worker: Pick<Worker, "cpuUsage">, { maxMs, usedMs }: CpuBound, onOver: () => void): Disposable {
  let ended = false;
  const end = (): void => {
    ended = true;
    clearTimeout(looking);
    clearTimeout(clock);
  };
  const over = (): void => {
    if (ended) return;
    end();
    onOver();
  };
  const look = async (): Promise<void> => {
    const used = await worker.cpuUsage().catch(() => undefined);
    if (ended || used === undefined) return; // the thread has ended by itself
    const leftMs = maxMs - ((used.user + used.system) / 1000 - usedMs);
    if (leftMs <= 0) return over();
    looking = setTimeout(() => void look(), Math.max(leftMs, shortestLookMs));
  };
  let looking = setTimeout(() => void look(), maxMs);
  const clock = setTimeout(over, maxMs * clockFactor);
  return { [Symbol.dispose]: end };
}
