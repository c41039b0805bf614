// The inventory, typed: what is ours on the cluster, in memory and on disk.

import type { Journal } from "../cache/cache.ts";
import { identityKey, type AppKey } from "@muster/proto/model/identity";
import { entryRecord, parseEntry, type Entry, type Inventory } from "../plan/plan.ts";

export class Ledger {
  readonly #journal: Journal;
  readonly #entries = new Map<string, Entry>();
  readonly #onChange: (entry: Entry | null, before: Entry | null) => void;
  /** How many objects each App has. */
  readonly #counts = new Map<AppKey, number>();
  /** True when records were found damaged at the start: an object may be missing here that is ours. */
  readonly damaged: boolean;

  constructor(journal: Journal, onChange: (entry: Entry | null, before: Entry | null) => void = () => undefined) {
    this.#journal = journal;
    this.#onChange = onChange;
    this.damaged = journal.damage !== null;
    for (const [key, record] of journal.entries()) {
      const entry = parseEntry(record);
      if (entry === null) continue;
      this.#entries.set(key, entry);
      this.#count(entry.app, 1);
    }
  }

  get all(): Inventory {
    return this.#entries;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  countOf(app: AppKey): number {
    return this.#counts.get(app) ?? 0;
  }

  /** Resolves when the entries are on disk; they are seen here at once. */
  save(entries: readonly Entry[]): Promise<void> {
    const changes = entries.map((entry) => {
      const key = identityKey(entry.identity);
      const before = this.#entries.get(key) ?? null;
      this.#entries.set(key, entry);
      this.#count(entry.app, 1);
      if (before !== null) this.#count(before.app, -1);
      this.#onChange(entry, before);
      return { key, record: entryRecord(entry) };
    });
    return this.#journal.put(changes);
  }

  /** Forgets objects: they are gone, or no longer ours. */
  drop(keys: readonly string[]): Promise<void> {
    const known = keys.filter((key) => this.#entries.has(key));
    for (const key of known) {
      const before = this.#entries.get(key) ?? null;
      this.#entries.delete(key);
      if (before !== null) this.#count(before.app, -1);
      this.#onChange(null, before);
    }
    return this.#journal.put(known.map((key) => ({ key, record: null })));
  }

  #count(app: AppKey, by: number): void {
    const count = this.countOf(app) + by;
    if (count === 0) this.#counts.delete(app);
    else this.#counts.set(app, count);
  }
}
