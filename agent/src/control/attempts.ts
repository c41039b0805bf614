// When a refused write is tried again: after the pause that the refusal asks for, longer each time, or at once when something else is
// declared.

const pauseMaxMs = 600_000;

type Attempt = { readonly what: string; readonly untilMs: number; readonly count: number; readonly isKind: boolean };

export class Attempts {
  readonly #byKey = new Map<string, Attempt>();

  /** True when this was refused lately. */
  isWaiting(key: string, what: string, nowMs: number): boolean {
    const attempt = this.#byKey.get(key);
    return attempt?.what === what && attempt.untilMs > nowMs;
  }

  refused(key: string, what: string, pauseMs: number, isKind: boolean, nowMs: number): void {
    const old = this.#byKey.get(key);
    const count = old?.what === what ? old.count + 1 : 0;
    const pause = Math.max(pauseMs, Math.min(60_000, pauseMs * 2 ** Math.min(count, 10)));
    this.#byKey.set(key, { what, untilMs: nowMs + Math.min(pause, pauseMaxMs), count, isKind });
  }

  done(key: string): void {
    this.#byKey.delete(key);
  }

  /** A definition came: whoever missed a kind may try again at once. */
  kindsChanged(): void {
    for (const [key, attempt] of this.#byKey) if (attempt.isKind) this.#byKey.delete(key);
  }

  /** Everything may be tried again now. */
  clear(): void {
    this.#byKey.clear();
  }

  /** Forgets what nobody wants to write any more. */
  keepOnly(wanted: ReadonlySet<string>): void {
    for (const key of this.#byKey.keys()) if (!wanted.has(key)) this.#byKey.delete(key);
  }

  /**
   * Milliseconds until the first may be tried again; Infinity when none waits. Those that were due when the round began are left out:
   * it tried them, or something else holds them.
   */
  nextMs(beganMs: number, nowMs: number): number {
    const waiting = [...this.#byKey.values()].filter(({ untilMs }) => untilMs > beganMs);
    return Math.min(Infinity, ...waiting.map(({ untilMs }) => Math.max(1, untilMs - nowMs)));
  }
}
