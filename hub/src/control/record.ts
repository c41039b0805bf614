// The one way in which the hub changes its mind: first on disk, then in memory, then the outside hears of it.

import { memoryOf, remember, type Memory } from "./memory.ts";
import type { Store, Write } from "../store/store.ts";

export type HubRecord = { readonly memory: Memory; readonly store: Store; commit(writes: readonly Write[]): Promise<void> };

export function openRecord(store: Store): HubRecord {
  const memory = memoryOf(store.load());
  return {
    memory,
    store,
    async commit(writes) {
      await store.commit(writes);
      remember(memory, writes);
    },
  };
}
