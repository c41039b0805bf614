// Watched time: how long this fleet has been looked at. It stands still while the hub is down, and a clock that jumps moves it by a minute
// at the most: nobody's deadline passes because nobody looked.

const stepMaxMs = 60_000;

export class Watched {
  #ms: number;
  #last: number | undefined;

  /** `ms`: where it stood when the hub ended. */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** To be asked at least once a minute. `wallMs`: milliseconds since 1970. */
  at(wallMs: number): number {
    const went = this.#last === undefined ? 0 : wallMs - this.#last;
    this.#last = wallMs;
    this.#ms += Math.min(stepMaxMs, Math.max(0, went));
    return this.#ms;
  }

  get ms(): number {
    return this.#ms;
  }
}
