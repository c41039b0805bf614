// Questions that cost: so many at a time, a few waiting, so that people asking never take the hub from its work.

import { OperationError } from "@muster/proto/model/failure";

/** `waitingMax`: with those under way. */
export type HeavyLimits = { readonly atOnce: number; readonly waitingMax: number; readonly timeoutMs: number };

/** Those that resolve and render; and those that walk through the whole record. */
export const heavyLimits = {
  render: { atOnce: 1, waitingMax: 8, timeoutMs: 120_000 },
  walk: { atOnce: 2, waitingMax: 16, timeoutMs: 25_000 },
} as const satisfies Record<string, HeavyLimits>;

export class HeavyQuestions {
  readonly #limits: HeavyLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: HeavyLimits) {
    this.#limits = limits;
  }

  /** Runs when it is its turn. Rejects with E_BUSY when too many wait, with E_TIMEOUT when it takes too long. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { atOnce, waitingMax, timeoutMs } = this.#limits;
    if (this.#running + this.#waiting.length >= waitingMax)
      throw new OperationError("unavailable", "questions", "too many questions wait already", undefined, {
        code: "E_BUSY",
        remedy: "try again in a moment",
      });
    if (this.#running < atOnce) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // its place is handed over
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await work(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new OperationError("unavailable", "questions", `no answer within ${timeoutMs / 1000} s`, error, {
        code: "E_TIMEOUT",
        remedy: "ask for less, or offline with --repo",
      });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
