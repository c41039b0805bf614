// How long to wait before the hub is tried again, and when a silent hub is taken for gone.

import { OperationError } from "@muster/proto/model/failure";

export const patience = { firstMs: 500, maxMs: 60_000, settledMs: 60_000 } as const;

export type Attempt = {
  /** Attempts in a row before this one that did not lead to a settled session. */
  readonly failures: number;
  /** How long the hub served us after its welcome. */
  readonly liveMs: number;
  /** Over which time the hub wants its agents to come back, when it said so; else null. */
  readonly windowMs: number | null;
};

/**
 * After a session that had settled the whole fleet may be coming back: the hub says over which time. Else patience grows, a welcome or not:
 * what ends each session soon after it is no better next second. `random` gives numbers in [0, 1).
 */
export function nextAttempt({ failures, liveMs, windowMs }: Attempt, random: () => number): { failures: number; waitMs: number } {
  const drawn = random() * (windowMs ?? 0);
  if (liveMs >= patience.settledMs) return { failures: 0, waitMs: drawn };
  const backoffMs = random() * Math.min(patience.maxMs, patience.firstMs * 2 ** (failures + 1));
  return { failures: failures + 1, waitMs: Math.max(drawn, backoffMs) };
}

const overdue = {
  welcome: "no welcome from the hub",
  ack: "the hub acknowledges no report",
  word: "the hub says nothing any more",
} as const;

/** What the hub owes us by a certain time. When it is not there by then, the session is alive in name only. */
export class Deadlines {
  readonly #timers = new Map<keyof typeof overdue, NodeJS.Timeout>();
  readonly #missed: (reason: OperationError) => void;

  constructor(missed: (reason: OperationError) => void) {
    this.#missed = missed;
  }

  /** Instead of the one that was set before for the same thing. */
  set(what: keyof typeof overdue, ms: number): void {
    this.met(what);
    this.#timers.set(
      what,
      setTimeout(() => this.#missed(new OperationError("unavailable", "hub", overdue[what])), ms),
    );
  }

  met(what: keyof typeof overdue): void {
    clearTimeout(this.#timers.get(what));
    this.#timers.delete(what);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
