// The hub's record in SQLite. One writer in a thread of its own; what was committed survives a power cut. The loops keep their state in
// memory, load it here once, and let effects leave only after `commit` has resolved.

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { parseManifest, type Manifest } from "@muster/proto/model/release";
import { readMoves } from "./history.ts";
import { loadState } from "./load.ts";
import { holdLock, makePrivate } from "./lock.ts";
import type { MoveRow, StoredState, Write } from "./rows.ts";
import { tryUnseal } from "./seal.ts";
import type { WriterAnswer, WriterRequest, WriterStart } from "./writer-thread.ts";

export type * from "./rows.ts";

type Waiting = { readonly resolve: () => void; readonly reject: (error: Error) => void };

/** Makes sure that no other hub uses the database, before there is one. Throws OperationError "conflict" when another hub holds it. */
export async function lockStore(file: string): Promise<Disposable> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  return holdLock(`${file}.lock`);
}

/**
 * Opens (or makes) the database and its folder, for the owner's eyes only; `held` is its lock, when the caller has it already. Throws
 * OperationError "conflict" when another hub holds it, "corrupt" when it cannot be used.
 */
export async function openStore(file: string, storeKey: Uint8Array, held?: Disposable): Promise<Store> {
  const lock = held ?? (await lockStore(file));
  try {
    for (const path of [file, `${file}-wal`, `${file}-shm`]) if (path === file || existsSync(path)) makePrivate(path);
    return await Store.start({ file, storeKey }, lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw new OperationError("corrupt", file, `cannot open the hub's database ${file}: ${(error as Error).message}`, error);
  }
}

export class Store {
  readonly #worker: Worker;
  readonly #reader: Database.Database;
  readonly #storeKey: Uint8Array;
  readonly #waiting = new Map<number, Waiting>();
  readonly #lock: Disposable;
  /** Releases that were found damaged, and that nobody asked for yet. */
  readonly #damaged = new Set<Digest>();
  readonly #died = Promise.withResolvers<Error>();
  #nextId = 1;
  #failed: Error | undefined;
  #closing = false;

  private constructor(worker: Worker, start: WriterStart, lock: Disposable) {
    this.#worker = worker;
    this.#reader = new Database(start.file, { readonly: true });
    this.#storeKey = start.storeKey;
    this.#lock = lock;
    worker.on("message", (answer: WriterAnswer) => this.#answered(answer));
    worker.on("error", (error) => this.#fail(error as Error));
    worker.on("exit", () => this.#fail(new Error("the database's writer has ended")));
  }

  static async start(start: WriterStart, lock: Disposable): Promise<Store> {
    const worker = new Worker(new URL("./writer-thread.ts", import.meta.url), { workerData: start });
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", reject);
    });
    return new Store(worker, start, lock);
  }

  /** Why nothing can be written any more, if so: the disk failed or the file is damaged. Only a new start, on a good disk, helps. */
  get failed(): Error | undefined {
    return this.#failed;
  }

  /** Resolves when `failed` comes to be set; never, when all goes well. */
  get died(): Promise<Error> {
    return this.#died.promise;
  }

  /** Makes all writes durable, or none; resolves when they are on disk. Throws OperationError "unavailable" when the disk refuses. */
  commit(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return Promise.resolve();
    return this.#ask({ writes });
  }

  /** Everything that the loops start from. */
  load(): StoredState {
    return loadState(this.#reader, this.#storeKey);
  }

  /** The manifest of a Release, or undefined when it is not kept; a damaged one is not, and `takeDamaged` names it. */
  manifest(release: Digest): Manifest | undefined {
    const row = this.#reader.prepare("SELECT body FROM manifest WHERE release = ?").get(release) as { body: Uint8Array } | undefined;
    const text = row && tryUnseal(this.#storeKey, release, row.body);
    if (row !== undefined && text === undefined) this.foundDamaged([release]);
    return text === undefined ? undefined : parseManifest(text);
  }

  /** The canonical text of an object, or undefined, also when it is damaged: whoever knows its Release calls `foundDamaged`. */
  objectText(digest: Digest): string | undefined {
    const row = this.#reader.prepare("SELECT body FROM object WHERE digest = ?").get(digest) as { body: Uint8Array } | undefined;
    return row && tryUnseal(this.#storeKey, digest, row.body);
  }

  /** Releases that lack something on the disk: they have to be rendered again. */
  foundDamaged(releases: readonly Digest[]): void {
    for (const release of releases) this.#damaged.add(release);
  }

  /** What was found damaged since the last call. */
  takeDamaged(): readonly Digest[] {
    const found = [...this.#damaged];
    this.#damaged.clear();
    return found;
  }

  /** What a Variant's render gave, or undefined; one that is damaged is a miss, for it can be made again. */
  render(variant: Digest): JsonValue | undefined {
    const row = this.#reader.prepare("SELECT body FROM render WHERE variant = ?").get(variant) as { body: Uint8Array } | undefined;
    const text = row && tryUnseal(this.#storeKey, variant, row.body);
    return text === undefined ? undefined : (JSON.parse(text) as JsonValue);
  }

  /** What moved on a cluster, newest first, at most `max`; of one App, or of all. */
  moves(cluster: ClusterName, app: AppKey | null, max: number): readonly MoveRow[] {
    return readMoves(this.#reader, cluster, app, max);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failed === undefined) await this.#ask({ close: true }).catch(() => undefined);
    this.#closing = true;
    this.#reader.close();
    await this.#worker.terminate();
    this.#lock[Symbol.dispose]();
  }

  #ask(request: { readonly writes: readonly Write[] } | { readonly close: true }): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(unavailable(this.#failed.message, this.#failed));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request } satisfies WriterRequest);
    });
  }

  #answered({ id, error, fatal, damaged }: WriterAnswer): void {
    if (damaged !== undefined) return this.foundDamaged(damaged);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    const failure = error && unavailable(`the database refused a write: ${error.code} ${error.message}`);
    if (failure === undefined) return waiting?.resolve();
    if (fatal === true) this.#fail(failure);
    waiting?.reject(failure);
  }

  #fail(error: Error): void {
    if (this.#closing || this.#failed !== undefined) return;
    this.#failed = error;
    this.#died.resolve(error);
    for (const waiting of this.#waiting.values()) waiting.reject(unavailable(error.message, error));
    this.#waiting.clear();
  }
}

const unavailable = (message: string, cause?: Error): OperationError => new OperationError("unavailable", "database", message, cause);
