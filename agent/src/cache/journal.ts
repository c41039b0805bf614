// Records by key that survive a power cut: a snapshot and an append-only log, each line with its own checksum. Knows nothing of what
// the records mean. A last line without its end is what a crash leaves and is cut off; any other bad line means damage: the file is
// kept aside, the good records go on, and `damage` says so, because a record that is missing must not be read as a decision.

import { open, readdir, truncate, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { digestOf } from "@muster/proto/model/digest";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

import { makeFolder, readIfThere, setAside, writeWhole } from "./disk.ts";

export type JournalChange = { readonly key: string; /** null forgets the key */ readonly record: JsonObject | null };

export type Journal = {
  get(key: string): JsonObject | undefined;
  entries(): IterableIterator<[string, JsonObject]>;
  readonly size: number;
  /** Resolves when the changes are on disk. Changes of concurrent callers share one flush. They are visible to `get` at once. */
  put(changes: readonly JournalChange[]): Promise<void>;
  /** What was found damaged when it was opened; null when it was whole. */
  readonly damage: string | null;
  close(): Promise<void>;
};

/** The log is folded into the snapshot when it has this many lines more than there are records, and at least this many. */
const foldLinesMin = 4096;

export type JournalOptions = { readonly folder: string; readonly name: string; readonly aside: string; readonly now: () => number };

export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, name } = options;
  await makeFolder(folder);
  const snapshotPath = join(folder, `${name}.snapshot`);
  const logPath = join(folder, `${name}.log`);
  const records = new Map<string, JsonObject>();
  const snapshot = readLines(await readIfThere(snapshotPath), records);
  const log = readLines(await readIfThere(logPath), records);
  const damage: string[] = [];
  if (snapshot.bad > 0) damage.push(`${name}.snapshot: ${snapshot.bad} damaged records`);
  if (log.bad > (log.tornAtEnd ? 1 : 0)) damage.push(`${name}.log: ${log.bad} damaged records`);
  if (damage.length > 0) {
    for (const path of [snapshotPath, logPath]) if (await isThere(folder, path)) await setAside(options.aside, path, options.now());
    await writeWhole(snapshotPath, linesOf(records));
  } else if (log.tornAtEnd) {
    await truncate(logPath, log.goodBytes);
  }
  const handle = await open(logPath, "a", 0o600);
  return new DiskJournal(handle, snapshotPath, records, damage.length > 0 ? damage.join("; ") : null, damage.length > 0 ? emptyLog : log);
}

async function isThere(folder: string, path: string): Promise<boolean> {
  return (await readdir(folder)).some((file) => join(folder, file) === path);
}

const emptyLog: Read = { lines: 0, bad: 0, tornAtEnd: false, goodBytes: 0 };

class DiskJournal implements Journal {
  readonly damage: string | null;
  readonly #log: FileHandle;
  readonly #snapshotPath: string;
  readonly #records: Map<string, JsonObject>;
  #lines: number;
  /** Length of the log up to its last good line; after a failed write the memory is ahead of the disk until a fold succeeds. */
  #bytes: number;
  #behind = false;
  #waiting: { text: string; lines: number; done: () => void; failed: (error: unknown) => void }[] = [];
  #isFlushing = false;
  #flushed: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, snapshotPath: string, records: Map<string, JsonObject>, damage: string | null, log: Read) {
    this.#log = handle;
    this.#snapshotPath = snapshotPath;
    this.#records = records;
    this.damage = damage;
    this.#lines = log.lines;
    this.#bytes = log.goodBytes;
  }

  get(key: string): JsonObject | undefined {
    return this.#records.get(key);
  }

  entries(): IterableIterator<[string, JsonObject]> {
    return this.#records.entries();
  }

  get size(): number {
    return this.#records.size;
  }

  put(changes: readonly JournalChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    for (const { key, record } of changes) {
      if (record === null) this.#records.delete(key);
      else this.#records.set(key, record);
    }
    const text = changes.map(({ key, record }) => line(key, record)).join("");
    return new Promise((done, failed) => {
      this.#waiting.push({ text, lines: changes.length, done, failed });
      if (!this.#isFlushing) this.#flushed = this.#flush();
    });
  }

  // Between the last look at what waits and the end there is no pause in which somebody could queue and be forgotten.
  async #flush(): Promise<void> {
    this.#isFlushing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch.map((item) => item.text).join(""));
        this.#lines += batch.reduce((sum, item) => sum + item.lines, 0);
        if (this.#behind || this.#lines > foldLinesMin + 2 * this.#records.size) await this.#fold();
        for (const item of batch) item.done();
      } catch (error) {
        this.#behind = true;
        for (const item of batch) item.failed(error);
      }
    }
    this.#isFlushing = false;
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    try {
      await this.#log.appendFile(bytes);
      await this.#log.datasync();
      this.#bytes += bytes.length;
    } catch (error) {
      await this.#log.truncate(this.#bytes).catch(() => undefined); // a half line in the middle would look like damage
      throw error;
    }
  }

  // The snapshot is in place before the log is emptied. Replaying the old log over it, after a crash between the two, changes nothing.
  async #fold(): Promise<void> {
    await writeWhole(this.#snapshotPath, linesOf(this.#records));
    await this.#log.truncate(0);
    await this.#log.datasync();
    this.#lines = 0;
    this.#bytes = 0;
    this.#behind = false;
  }

  async close(): Promise<void> {
    await this.#flushed;
    await this.#log.close();
  }
}

function line(key: string, record: JsonObject | null): string {
  const body = JSON.stringify([key, record]);
  return `${checksum(body)} ${body}\n`;
}

function linesOf(records: ReadonlyMap<string, JsonObject>): string {
  return [...records].map(([key, record]) => line(key, record)).join("");
}

function checksum(body: string): string {
  return digestOf(body).slice(0, 16);
}

type Read = { readonly lines: number; readonly bad: number; readonly tornAtEnd: boolean; readonly goodBytes: number };

function readLines(bytes: Uint8Array | null, into: Map<string, JsonObject>): Read {
  const text = Buffer.from(bytes ?? []).toString("utf8");
  let bad = 0;
  let lines = 0;
  let tornAtEnd = false;
  let goodBytes = 0;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const whole = text.slice(start, end === -1 ? text.length : end);
    const change = end === -1 ? null : parseLine(whole);
    if (change === null) {
      bad += 1;
      tornAtEnd = end === -1;
    } else {
      lines += 1;
      if (change.record === null) into.delete(change.key);
      else into.set(change.key, change.record);
      if (bad === 0) goodBytes += Buffer.byteLength(whole) + 1;
    }
    start = end === -1 ? text.length : end + 1;
  }
  return { lines, bad, tornAtEnd, goodBytes };
}

function parseLine(text: string): JournalChange | null {
  const body = text.slice(17);
  if (text[16] !== " " || checksum(body) !== text.slice(0, 16)) return null;
  const value: unknown = JSON.parse(body);
  if (!Array.isArray(value)) return null;
  const [key, record] = value as unknown[];
  if (typeof key !== "string" || (record !== null && !isJsonObject(record))) return null;
  return { key, record };
}
