// Holds the newest bundle that came, and whether what we hold has to be looked at.

import type { Envelope } from "@muster/proto/model/envelope";
import { Bell } from "@muster/proto/waiting/waiting";

export type Incoming = { readonly kind: "bundle"; readonly envelope: Envelope } | { readonly kind: "recheck" };

export class Inbox {
  readonly #bell = new Bell();
  #bundle: Envelope | undefined;
  #recheck = false;

  /** A bundle that nobody has taken yet. */
  get holdsBundle(): boolean {
    return this.#bundle !== undefined;
  }

  put(envelope: Envelope): void {
    this.#bundle = envelope;
    this.#bell.ring();
  }

  /** A new session offers its bundle itself. */
  clear(): void {
    this.#bundle = undefined;
  }

  recheck(): void {
    this.#recheck = true;
    this.#bell.ring();
  }

  async next(signal: AbortSignal): Promise<Incoming | undefined> {
    if (this.#bundle === undefined && !this.#recheck) await this.#bell.wait(Infinity, signal);
    if (this.#bundle !== undefined) {
      const envelope = this.#bundle;
      this.#bundle = undefined;
      return { kind: "bundle", envelope };
    }
    const recheck = this.#recheck;
    this.#recheck = false;
    return recheck ? { kind: "recheck" } : undefined;
  }

  /** Waits for a newer bundle, and so long at most. */
  async newer(ms: number, signal: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ms);
    const end = AbortSignal.any([signal, late.signal]);
    while (!this.holdsBundle && !end.aborted) await this.#bell.wait(Infinity, end);
    clearTimeout(timer);
    return this.holdsBundle;
  }
}
