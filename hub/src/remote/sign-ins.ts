// What a registry gave for signing in, kept until it ends: each look at a tag would else begin with being refused. Never written to disk.

import { createHash } from "node:crypto";

import { basicOf } from "./challenge.ts";
import type { RemoteAddress } from "./address.ts";

type Kept = { readonly value: string; readonly endsAt: number };

const keptMax = 1_000;
/** Not used to the last moment: clocks differ, and a question takes a while. */
const earlyMs = 5_000;
/** What a token server means that does not say how long; and how long it is believed at most. */
export const tokenMs = { usual: 60_000, max: 3_600_000 } as const;
/** How long a registry is taken to want a password, as it did. */
export const passwordMs = 600_000;

export class SignIns {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The header's value for a repository, under exactly these credentials; undefined when there is none, or it is about to end. */
  get(address: RemoteAddress, repository: URL): string | undefined {
    const key = keyOf(address, repository);
    const kept = this.#kept.get(key);
    if (kept === undefined || this.#now() < kept.endsAt - earlyMs) return kept?.value;
    this.#kept.delete(key);
    return undefined;
  }

  keep(address: RemoteAddress, repository: URL, value: string, lifeMs: number): void {
    const key = keyOf(address, repository);
    this.#kept.delete(key);
    const oldest = this.#kept.size >= keptMax ? this.#kept.keys().next() : undefined;
    if (oldest?.done === false) this.#kept.delete(oldest.value);
    this.#kept.set(key, { value, endsAt: this.#now() + lifeMs });
  }

  /** It was refused. */
  forget(address: RemoteAddress, repository: URL): void {
    this.#kept.delete(keyOf(address, repository));
  }
}

/** Other credentials, another allowed address or another repository sign in on their own. */
function keyOf({ name, url, credentials }: RemoteAddress, repository: URL): string {
  const who = credentials === undefined ? "" : createHash("sha256").update(basicOf(credentials)).digest("hex");
  return JSON.stringify([name, url, repository.href, who]);
}
