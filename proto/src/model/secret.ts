// A value that must not be seen: whatever prints it, prints [redacted].

const redacted = "[redacted]";

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: only for the one place that hands it to whom it is meant for. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  /** What console.log and the assertion messages of Node print. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return redacted;
  }
}
