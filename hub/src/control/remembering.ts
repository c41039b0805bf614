// What the next turn, or the next run, starts from: the last good documents, who was first, the commits that were acted on. Writes what
// differs from what is on disk, and nothing else.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { JsonValue } from "@muster/proto/model/json";
import type { FleetDocument } from "../fleet/fleet.ts";
import type { DocumentRow, Write } from "../store/store.ts";
import type { HubRecord } from "./record.ts";

const incumbentsKey = "incumbents";
const serialKey = "serial";

export class Remembering {
  readonly #record: HubRecord;
  #documents: readonly FleetDocument[] | undefined;
  /** The documents that are on disk, by key. */
  readonly #kept = new Map<string, FleetDocument>();
  #incumbents: ReadonlyMap<string, string> | undefined;

  constructor(record: HubRecord) {
    this.#record = record;
    for (const row of record.memory.documents.values()) this.#kept.set(row.key, row.body as unknown as FleetDocument);
  }

  /** The documents that were acted on last. */
  get documents(): readonly FleetDocument[] {
    return [...this.#kept.values()];
  }

  get incumbents(): ReadonlyMap<string, string> {
    return (this.#incumbents ??= new Map(JSON.parse(this.#record.memory.meta.get(incumbentsKey) ?? "[]") as [string, string][]));
  }

  /**
   * Makes all of it durable; the serial rises when a commit differs. `commits`: by content key. `named`: contents that are meant now, there
   * or not: what was known of others is forgotten, so that it does not come back one day as if it were new (I12).
   */
  async keep(
    documents: readonly FleetDocument[],
    incumbents: ReadonlyMap<string, string>,
    commits: ReadonlyMap<string, string>,
    named: ReadonlySet<string>,
  ): Promise<number> {
    const { memory } = this.#record;
    const writes: Write[] = [];
    const changed = this.#documents === documents ? undefined : this.#changed(documents);
    if (changed !== undefined && changed.put.length + changed.drop.length > 0)
      writes.push({ kind: "documents", put: changed.put.map(rowOf), drop: changed.drop });
    if (incumbents !== this.#incumbents) {
      const text = JSON.stringify([...incumbents].toSorted(([a], [b]) => byCodeUnits(a, b)));
      if (memory.meta.get(incumbentsKey) !== text) writes.push({ kind: "meta", key: incumbentsKey, value: text });
    }
    let serial = Number(memory.meta.get(serialKey) ?? "0");
    const moved = [...commits].filter(([name, commit]) => memory.sources.get(name)?.commit !== commit);
    if (moved.length > 0) {
      serial += 1;
      writes.push({ kind: "meta", key: serialKey, value: String(serial) });
      for (const [name, commit] of moved) writes.push({ kind: "source", row: { name, commit, body: null } });
    }
    const gone = [...memory.sources.keys()].filter((name) => !named.has(name) && !commits.has(name));
    if (gone.length > 0) writes.push({ kind: "sourcesGone", names: gone });
    if (writes.length > 0) await this.#record.commit(writes);
    this.#documents = documents;
    this.#incumbents = incumbents;
    for (const document of changed?.put ?? []) this.#kept.set(document.key, document);
    for (const key of changed?.drop ?? []) this.#kept.delete(key);
    return serial;
  }

  /** Of two documents with one key the first counts. */
  #changed(documents: readonly FleetDocument[]): { readonly put: readonly FleetDocument[]; readonly drop: readonly string[] } {
    const first = new Map(documents.toReversed().map((document) => [document.key, document]));
    const put = [...first.values()].filter((document) => {
      const kept = this.#kept.get(document.key);
      if (kept === document) return false;
      if (kept === undefined || JSON.stringify(kept) !== JSON.stringify(document)) return true;
      this.#kept.set(document.key, document); // the same words: known at a glance from now on
      return false;
    });
    return { put, drop: [...this.#kept.keys()].filter((key) => !first.has(key)) };
  }
}

const rowOf = (document: FleetDocument): DocumentRow => ({
  key: document.key,
  source: document.place.source,
  path: document.place.path,
  body: document as unknown as JsonValue,
});
