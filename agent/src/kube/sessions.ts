// The open sessions: those for requests, those for watches, each with room for so many streams. A session that is full, going away or
// opened with other TLS material is passed over; the next pick opens a new one.

import type { AllBounds } from "./bounds.ts";
import type { Credential } from "./credentials.ts";
import { Session } from "./session.ts";

export type Use = "requests" | "watches";

/** A place on a session, taken before the session is even open. `release` it when the stream has ended. */
export type Place = { readonly session: Promise<Session>; readonly release: () => void };

type Slot = { readonly use: Use; readonly key: string; readonly session: Promise<Session>; opened: Session | undefined; taken: number };

export class Sessions {
  readonly #limits: AllBounds;
  #slots: readonly Slot[] = [];

  constructor(limits: AllBounds) {
    this.#limits = limits;
  }

  take(use: Use, credential: Credential): Place {
    const key = JSON.stringify([credential.server.href, credential.tls, credential.proxyUrl]);
    this.#sweep(key);
    const max = use === "requests" ? this.#limits.requestsInFlightMax : this.#limits.watchesPerSessionMax;
    const slot = this.#slots.find((it) => it.use === use && it.taken < max) ?? this.#open(use, key, credential);
    slot.taken += 1;
    let held = true;
    const release = (): void => {
      if (held) slot.taken -= 1;
      held = false;
    };
    return { session: slot.session, release };
  }

  /** Streams end with an error. */
  destroy(): void {
    for (const slot of this.#slots) {
      slot.opened?.destroy();
      void slot.session.then(
        (session) => session.destroy(),
        () => undefined,
      );
    }
    this.#slots = [];
  }

  #sweep(key: string): void {
    for (const slot of this.#slots) if (slot.key !== key) void slot.session.then((session) => session.retire()).catch(() => undefined);
    this.#slots = this.#slots.filter((slot) => slot.key === key && slot.opened?.usable !== false);
  }

  #open(use: Use, key: string, credential: Credential): Slot {
    const slot: Slot = { use, key, session: Session.connect(credential, use, this.#limits), opened: undefined, taken: 0 };
    this.#slots = [...this.#slots, slot];
    slot.session.then(
      (session) => (slot.opened = session),
      () => (this.#slots = this.#slots.filter((it) => it !== slot)),
    );
    return slot;
  }
}
