// Which APIs the hub is told that the cluster has. A name leaves the report only after two complete discoveries without it, ten minutes
// apart: charts render by it, and an API service that is away for a moment, or a restart of ours, must not take objects away.

import type { Journal, JournalChange } from "../cache/cache.ts";

/** What discovery found: `at` is when it was answered, in milliseconds since 1970. `complete`: nothing was left out for a failure. */
export type Discovered = { readonly names: readonly string[]; readonly complete: boolean; readonly at: number };

/** How far apart the two discoveries have to be. */
export const apiGoneAfterMs = 600_000;

export class ApiReport {
  readonly #kept: Journal;

  /** `kept`: by name, since when complete discoveries lack it; survives a restart. */
  constructor(kept: Journal) {
    this.#kept = kept;
  }

  /** The names to report, sorted as they came, those that are missing last. Rejects when they cannot be kept: then nothing is to be said. */
  async after({ names, complete, at }: Discovered): Promise<readonly string[]> {
    const found = new Set(names);
    const changes: JournalChange[] = [];
    for (const name of found) if (sinceOf(this.#kept.get(name)) !== null) changes.push({ key: name, record: {} });
    const missing: string[] = [];
    for (const [name, record] of this.#kept.entries()) {
      if (found.has(name)) continue;
      const since = sinceOf(record) ?? null;
      const gone = complete && since !== null && at - since >= apiGoneAfterMs;
      if (gone) changes.push({ key: name, record: null });
      else missing.push(name);
      // A clock that was set back makes it wait longer, never shorter.
      if (!gone && complete && (since === null || since > at)) changes.push({ key: name, record: { missingSince: at } });
    }
    await this.#kept.put(changes);
    return [...found, ...missing];
  }
}

/** Null: it was there the last time. Undefined: it was never reported. */
function sinceOf(record: ReturnType<Journal["get"]>): number | null | undefined {
  if (record === undefined) return undefined;
  const since = record["missingSince"];
  return typeof since === "number" ? since : null;
}
