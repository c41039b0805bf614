// The demo cannot lie: whatever it says is checked first, and a check that does not hold ends it.

/** A check that did not hold. The message says what was expected and what was found. */
export class Unexpected extends Error {
  constructor(expected: string, found: unknown) {
    const text = typeof found === "string" ? found : JSON.stringify(found, withoutNoise);
    super(`expected: ${expected}\nfound:    ${text.length > foundMax ? `${text.slice(0, foundMax)}...` : text}`);
    this.name = "Unexpected";
  }
}

const foundMax = 2_000;
const withoutNoise = (key: string, value: unknown): unknown => (key === "managedFields" ? undefined : value);

/** Counts the checks that held. */
export class Checks {
  #held = 0;

  get held(): number {
    return this.#held;
  }

  /** Throws Unexpected unless it holds. `expected` is a sentence, `found` what to show where it does not. */
  that(expected: string, holds: boolean, found: unknown): void {
    if (!holds) throw new Unexpected(expected, found);
    this.#held += 1;
  }

  /** Both as JSON are equal. */
  same(expected: string, found: unknown, wanted: unknown): void {
    this.that(`${expected}: ${JSON.stringify(wanted)}`, JSON.stringify(found) === JSON.stringify(wanted), found);
  }

  matches(expected: string, text: string, pattern: RegExp): void {
    this.that(`${expected} (${pattern.source})`, pattern.test(text), text);
  }
}
