// The one writer, in a thread of its own: takes whatever batches are waiting, makes them durable in one transaction, then answers.

import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

import type { Digest } from "@muster/proto/model/digest";
import type { Write } from "./rows.ts";
import { migrations } from "./schema.ts";
import { writesOn } from "./writes.ts";

export type WriterStart = { readonly file: string; readonly storeKey: Uint8Array };
export type WriterRequest = { readonly id: number; readonly writes: readonly Write[] } | { readonly id: number; readonly close: true };
export type WriterAnswer = {
  readonly id: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly fatal?: boolean;
  /** No answer, but Releases that were found damaged. */
  readonly damaged?: readonly Digest[];
};

const port = parentPort;
if (port !== null) runWriter(port, workerData as WriterStart);

function runWriter(self: NonNullable<typeof parentPort>, { file, storeKey }: WriterStart): void {
  const db = openDatabase(file);
  const apply = writesOn(db, storeKey, (damaged) => self.postMessage({ id: 0, damaged } satisfies WriterAnswer));
  const commitAll = db.transaction((batches: readonly (readonly Write[])[]) => {
    for (const writes of batches) for (const write of writes) apply(write);
  });
  self.on("message", (first: WriterRequest) => {
    const requests = [first, ...waiting(self)];
    const batches = requests.filter((request) => "writes" in request);
    const answers = commitGroup(batches, (writes) => commitAll.immediate(writes));
    for (const answer of answers) self.postMessage(answer);
    if (answers.some(({ fatal }) => fatal)) return self.close();
    for (const request of requests) {
      if ("writes" in request) continue;
      db.close();
      self.postMessage({ id: request.id } satisfies WriterAnswer);
      self.close();
    }
  });
  self.postMessage({ id: 0 } satisfies WriterAnswer);
}

function waiting(self: NonNullable<typeof parentPort>): WriterRequest[] {
  const requests: WriterRequest[] = [];
  for (let next = receiveMessageOnPort(self); next !== undefined; next = receiveMessageOnPort(self))
    requests.push(next.message as WriterRequest);
  return requests;
}

type Batch = { readonly id: number; readonly writes: readonly Write[] };

/**
 * After these nobody knows what is on disk, and the same connection may call the next attempt a success (a failed fsync is told once).
 */
const isFatal = (code: string): boolean => /^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(code);

/** One transaction for all; when that fails, one each, so that a bad batch fails alone. A fatal failure is everybody's, and the last. */
function commitGroup(batches: readonly Batch[], commit: (batches: readonly (readonly Write[])[]) => void): WriterAnswer[] {
  try {
    commit(batches.map((batch) => batch.writes));
    return batches.map(({ id }) => ({ id }));
  } catch (failure) {
    const { code = "UNKNOWN", message } = failure as { code?: string; message: string };
    const fatal = isFatal(code);
    if (fatal || batches.length === 1) return batches.map(({ id }) => ({ id, error: { code, message }, fatal }));
  }
  const answers: WriterAnswer[] = [];
  for (const batch of batches) {
    const last = answers.at(-1);
    answers.push(...(last?.fatal === true ? [{ ...last, id: batch.id }] : commitGroup([batch], commit)));
  }
  return answers;
}

function openDatabase(file: string): Database.Database {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  const check = db.pragma("quick_check", { simple: true });
  if (check !== "ok") throw new Error(`the database ${file} is damaged: ${String(check)}`);
  const version = db.pragma("user_version", { simple: true }) as number;
  if (version > migrations.length)
    throw new Error(`the database ${file} was written by a newer hub (schema ${version}, this one knows ${migrations.length})`);
  for (let next = version; next < migrations.length; next += 1) {
    db.transaction(() => {
      db.exec(migrations[next] ?? "");
      db.pragma(`user_version = ${next + 1}`);
    })();
  }
  return db;
}
