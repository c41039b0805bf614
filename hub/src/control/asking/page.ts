// Answers in pages, in the order of a key of each row, so that a page goes on where the one before ended whatever happened in between; and
// lists of clusters that stay short, however many there are.

import { setImmediate } from "node:timers/promises";

import { byCodeUnits } from "@muster/proto/model/canonical";
import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { namesMax } from "../../view/questions.ts";

export type Page<Row> = { readonly items: readonly Row[]; readonly total: number; readonly next: string | null };

/** The rows after `after`, at most `max`. Keys are unique. Throws E_USAGE for an `after` that no page gave. */
export function pageOf<Row>(rows: readonly Row[], keyOf: (row: Row) => string, after: string | undefined, max: number): Page<Row> {
  const from = after === undefined ? null : readCursor(after);
  const sorted = rows.map((row) => ({ row, key: keyOf(row) })).toSorted((a, b) => byCodeUnits(a.key, b.key));
  const rest = from === null ? sorted : sorted.filter(({ key }) => byCodeUnits(key, from) > 0);
  const items = rest.slice(0, max);
  const last = items.at(-1);
  return {
    items: items.map(({ row }) => row),
    total: rows.length,
    next: last === undefined || rest.length <= max ? null : Buffer.from(last.key).toString("base64url"),
  };
}

function readCursor(after: string): string {
  const key = Buffer.from(after, "base64url");
  if (key.length > 0 && key.toString("base64url") === after) return key.toString();
  throw new OperationError("invalid", "after", "this is not where a page ended", undefined, {
    code: "E_USAGE",
    remedy: "give the `next` of an answer, or nothing",
  });
}

/** The first names, and how many there are. */
export class Names {
  readonly #first: ClusterName[] = [];
  #count = 0;

  /** In the order of names. */
  add(cluster: ClusterName): void {
    if (this.#count < namesMax) this.#first.push(cluster);
    this.#count += 1;
  }

  get told(): { readonly clusters: readonly ClusterName[]; readonly clusterCount: number } {
    return { clusters: this.#first, clusterCount: this.#count };
  }
}

/** So many things are looked at before others have their turn. */
const stepMax = 2_000;

/** Visits them all; every now and then others have their turn, and the question can be given up. */
export async function visit<T>(all: Iterable<T>, signal: AbortSignal, look: (one: T) => void): Promise<void> {
  let count = 0;
  for (const one of all) {
    look(one);
    count += 1;
    if (count % stepMax !== 0) continue;
    await setImmediate();
    signal.throwIfAborted();
  }
}
