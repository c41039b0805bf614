// Questions that render: one at a time, a few waiting, so that people asking never take the hub from its work.

import { OperationError } from "@muster/proto/model/failure";

export const heavyLimits = { waitingMax: 8, timeoutMs: 120_000 } as const;

export class HeavyQuestions {
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** Runs after those before it. Rejects with E_BUSY when too many wait, with E_TIMEOUT when it takes too long. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#count >= heavyLimits.waitingMax)
      throw new OperationError("unavailable", "questions", "too many questions wait already", undefined, {
        code: "E_BUSY",
        remedy: "try again in a moment",
      });
    this.#count += 1;
    const before = this.#last;
    const turn = (async () => {
      await before.catch(() => undefined);
      const signal = AbortSignal.timeout(heavyLimits.timeoutMs);
      try {
        return await work(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new OperationError("unavailable", "questions", `no answer within ${heavyLimits.timeoutMs / 1000} s`, error, {
          code: "E_TIMEOUT",
          remedy: "ask for less, or offline with --repo",
        });
      }
    })();
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#count -= 1;
    }
  }
}
