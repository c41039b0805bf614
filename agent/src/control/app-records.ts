// What the agent remembers of each App over restarts: the pin that it is held at, the last one seen healthy, and crashes while it was
// being processed.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import type { Journal } from "../cache/cache.ts";

export type Pin = { readonly pin: Digest; readonly release: Digest; readonly policy: AgentPolicy };

export type AppRecord = {
  /** What was begun last: the heal target while upgrades are paused. */
  readonly begun: Pin | null;
  /** What was last seen healthy. */
  readonly lastGood: Pin | null;
  /** How many objects it had when `begun` was last applied in full. */
  readonly baseline: number | null;
  /** The pin that is being processed now; still set at the start of the agent, it is a crash. */
  readonly processing: Digest | null;
  readonly crashes: { readonly pin: Digest; readonly count: number } | null;
};

const emptyRecord: AppRecord = { begun: null, lastGood: null, baseline: null, processing: null, crashes: null };

/** After this many crashes while one pin was processed, the App stays at its last healthy Release. */
export const crashesMax = 3;

export class AppRecords {
  readonly #journal: Journal;

  /** Counts the crashes that the journal tells of. */
  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** To be called once, before anything is processed. Resolves when the counts are on disk. */
  async countCrashes(): Promise<readonly { readonly app: AppKey; readonly count: number }[]> {
    const crashed = [...this.all()].flatMap(([app, record]) => {
      const { processing, crashes } = record;
      if (processing === null) return [];
      const count = (crashes?.pin === processing ? crashes.count : 0) + 1;
      return [{ app, count, record: { ...record, processing: null, crashes: { pin: processing, count } } }];
    });
    await this.#journal.put(crashed.map(({ app, record }) => ({ key: app, record: record as unknown as JsonObject })));
    return crashed;
  }

  get(app: AppKey): AppRecord {
    return { ...emptyRecord, ...(this.#journal.get(app) as unknown as Partial<AppRecord> | undefined) };
  }

  *all(): IterableIterator<[AppKey, AppRecord]> {
    for (const [app] of this.#journal.entries()) yield [app as AppKey, this.get(app as AppKey)];
  }

  /** Changes some members. Resolves when that is on disk. */
  set(app: AppKey, change: Partial<AppRecord>): Promise<void> {
    return this.#journal.put([{ key: app, record: { ...this.get(app), ...change } as unknown as JsonObject }]);
  }

  forget(app: AppKey): Promise<void> {
    return this.#journal.put([{ key: app, record: null }]);
  }

  isPoison(app: AppKey, pin: Digest): boolean {
    const { crashes } = this.get(app);
    return crashes !== null && crashes.pin === pin && crashes.count >= crashesMax;
  }
}
