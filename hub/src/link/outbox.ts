// What waits for a slow peer: the newest bundle, the highest acknowledgement, and a bounded list of the rest. Never a growing queue.

import type { FromHub } from "@muster/proto/model/session";

/** Kinds of which only the newest matters. */
const newestOnly: ReadonlySet<FromHub["kind"]> = new Set(["bundle", "current", "statusAck", "throttle", "need"]);

export class Outbox {
  readonly #limit: number;
  #waiting: FromHub[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when the message did not fit: the peer is too far behind. */
  put(message: FromHub): boolean {
    if (newestOnly.has(message.kind)) {
      const drop = message.kind === "current" ? "bundle" : message.kind === "bundle" ? "current" : message.kind;
      this.#waiting = this.#waiting.filter((other) => other.kind !== message.kind && other.kind !== drop);
    }
    if (this.#waiting.length >= this.#limit) return false;
    this.#waiting.push(message);
    return true;
  }

  take(): FromHub | undefined {
    return this.#waiting.shift();
  }

  get size(): number {
    return this.#waiting.length;
  }
}
