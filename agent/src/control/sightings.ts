// What was last seen of each of our objects, from answers to our writes and from watches: which object it is, whether it is being
// deleted, and how it is. Bodies are kept only as long as time alone can change what they mean.

import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import type { Health } from "@muster/proto/model/status";

import { healthOf, type HealthResult } from "../health/health.ts";

export type Sighting = {
  readonly uid: string;
  readonly rv: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly health: Health;
  readonly message: string;
  /** True when waiting cannot make it better. */
  readonly terminal: boolean;
  /** Since when its health is what it is; 0 when it was so at the first look and we did not write it. */
  readonly sinceMs: number;
  /** Since when it is not healthy at its present generation; undefined while it is. */
  readonly unhealthySinceMs: number | undefined;
  /** Kept while it is not at rest. */
  readonly body: JsonObject | null;
};

/** Identity of a live object's version. */
export type Seen = { readonly uid: string; readonly rv: string; readonly generation: number; readonly deleting: boolean };

export function seenOf(object: JsonObject): Seen {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const text = (name: string): string => (typeof metadata[name] === "string" ? metadata[name] : "");
  const generation = metadata["generation"];
  return {
    uid: text("uid"),
    rv: text("resourceVersion"),
    generation: typeof generation === "number" ? generation : 0,
    deleting: text("deletionTimestamp") !== "",
  };
}

/** Versions compare as integers; where they are none, nothing is called older. */
export function isOlder(rv: string, than: string): boolean {
  return /^\d+$/.test(rv) && /^\d+$/.test(than) && BigInt(rv) < BigInt(than);
}

export class Sightings {
  readonly #byKey = new Map<string, Sighting>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(key: string): Sighting | undefined {
    return this.#byKey.get(key);
  }

  /** Takes in an object, `written` by us or seen. False when something newer of the same object was seen before. */
  see(key: string, object: JsonObject, written = false): boolean {
    const seen = seenOf(object);
    const old = this.#byKey.get(key);
    if (old?.uid === seen.uid && isOlder(seen.rv, old.rv)) return false;
    this.#put(key, seen, object, written);
    return true;
  }

  /** It is gone. */
  lose(key: string): void {
    this.#byKey.delete(key);
  }

  /** Judges again what time alone may have changed. Returns the keys whose health is another now. */
  reconsider(): readonly string[] {
    const changed: string[] = [];
    for (const [key, old] of this.#byKey) {
      if (old.body === null) continue;
      this.#put(key, old, old.body, true);
      const next = this.#byKey.get(key);
      if (next?.health !== old.health || next.message !== old.message) changed.push(key);
    }
    return changed;
  }

  /** Forgets every resourceVersion: the store went back in time. */
  rewind(): void {
    for (const [key, old] of this.#byKey) this.#byKey.set(key, { ...old, rv: "" });
  }

  #put(key: string, seen: Seen, object: JsonObject, written: boolean): void {
    const now = this.#now();
    const old = this.#byKey.get(key);
    const continued = old?.uid === seen.uid && old.generation === seen.generation ? old.unhealthySinceMs : undefined;
    const verdict: HealthResult = healthOf(object, now, continued ?? now);
    const resting = verdict.health === "healthy" || verdict.health === "suspended";
    const firstLook = old === undefined && !written && resting;
    this.#byKey.set(key, {
      uid: seen.uid,
      rv: seen.rv,
      generation: seen.generation,
      deleting: seen.deleting,
      health: verdict.health,
      message: verdict.message,
      terminal: verdict.terminal ?? false,
      sinceMs: firstLook ? 0 : old?.uid === seen.uid && old.health === verdict.health ? old.sinceMs : now,
      unhealthySinceMs: resting ? undefined : (continued ?? now),
      body: resting && verdict.recheckInMs === undefined ? null : object,
    });
  }
}
