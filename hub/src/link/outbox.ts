// What waits for a slow peer: the newest bundle, the highest acknowledgement, and a bounded list of the rest. Never a growing queue.

import type { FromHub } from "@muster/proto/model/session";

type Need = Extract<FromHub, { kind: "need" }>;

/** Kinds of which only the newest matters. */
const newestOnly: ReadonlySet<FromHub["kind"]> = new Set(["bundle", "current", "statusAck", "throttle", "observe"]);

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
    const next = message.kind === "need" ? this.#joined(message) : message;
    if (this.#waiting.length >= this.#limit) return false;
    this.#waiting.push(next);
    return true;
  }

  /** Takes out what was asked for before: one question asks for all of it. */
  #joined(need: Need): Need {
    const before = this.#waiting.filter((other) => other.kind === "need");
    this.#waiting = this.#waiting.filter((other) => other.kind !== "need");
    const all = [...before, need];
    const isEverything = all.some(({ apps }) => apps.length === 0);
    return { kind: "need", apps: isEverything ? [] : [...new Set(all.flatMap(({ apps }) => apps))] };
  }

  take(): FromHub | undefined {
    return this.#waiting.shift();
  }

  get size(): number {
    return this.#waiting.length;
  }
}
