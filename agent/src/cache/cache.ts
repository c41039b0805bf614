// What the agent keeps on its own disk: the accepted bundle, Releases, the inventory, what it knows of each App, and status not yet
// acknowledged. A cache is untrusted input: a blob is used only when it has the digest that it is asked for; a damaged one is set
// aside and is absent from then on. What the records mean, and which Releases are still needed, is the caller's knowledge.

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { digestOf, isDigest, type Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { manifestText, parseManifest, releaseDigest, type Manifest } from "@muster/proto/model/release";

import { makeFolder, readIfThere, setAside, writeAllWhole, writeWhole } from "./disk.ts";
import { openJournal, type Journal } from "./journal.ts";
import { seal, sealKeyBytes, unseal } from "./seal.ts";

export type { Journal, JournalChange } from "./journal.ts";

export type CacheLog = { warn(fields: { readonly [name: string]: unknown }, message: string): void };

export type CacheOptions = {
  readonly dir: string;
  /** 32 bytes, kept with the agent's identity: without it the blobs on disk are noise and are fetched again. */
  readonly key: Uint8Array;
  readonly log: CacheLog;
  readonly now: () => number;
};

export type Cache = AsyncDisposable & {
  /** The bytes of the newest verified envelope, as they were written; whoever reads them verifies them again. */
  readAccepted(): Promise<Uint8Array | null>;
  writeAccepted(envelope: Uint8Array): Promise<void>;
  /** True when the manifest reads back and every object that it names has a file. */
  hasRelease(release: Digest): Promise<boolean>;
  /** The verified manifest, or null when it is absent or damaged. */
  readManifest(release: Digest): Promise<Manifest | null>;
  hasObject(object: Digest): boolean;
  /** The verified object, or null when it is absent or damaged. */
  readObject(object: Digest): Promise<JsonObject | null>;
  /** Those of the digests whose objects are not here. */
  missing(objects: Iterable<Digest>): readonly Digest[];
  /** Stores objects by their canonical texts, ahead of their Release. Throws OperationError `corrupt` when a text has another digest. */
  saveObjects(objects: ReadonlyMap<Digest, string>): Promise<void>;
  /** Stores a Release: the objects first, the manifest last. Throws OperationError `corrupt` when an object is neither given nor here. */
  saveRelease(manifest: Manifest, objects: ReadonlyMap<Digest, string>): Promise<Digest>;
  /**
   * Removes every blob that is neither among `objects`, nor of these Releases, nor of one that was saved and not named by a sweep yet.
   * Returns how many went; nothing goes when a kept manifest cannot be read.
   */
  sweep(keep: ReadonlySet<Digest>, objects?: Iterable<Digest>): Promise<number>;
  /** Objects on the cluster that are ours, by identity. */
  readonly inventory: Journal;
  /** What is known of each App, by key. */
  readonly apps: Journal;
  /** Newest status of each App that the hub has not acknowledged, by key. */
  readonly outbox: Journal;
  /** APIs of the cluster that the hub was told of, by name. */
  readonly reported: Journal;
  /** Commands that were taken, by id. */
  readonly commands: Journal;
};

/** Opens (and makes) the cache folder. Damage that is found is logged, set aside and survived. */
export async function openCache(options: CacheOptions): Promise<Cache> {
  const { dir, key, log, now } = options;
  if (key.length !== sealKeyBytes) throw new TypeError(`the cache key has ${key.length} bytes; it needs ${sealKeyBytes}`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const folder of ["releases", "objects", "aside"]) await makeFolder(join(dir, folder));
  const journal = async (name: string): Promise<Journal> => {
    const opened = await openJournal({ folder: dir, name, aside: join(dir, "aside"), now });
    if (opened.damage !== null) log.warn({ kind: name, reason: opened.damage }, "damaged records were set aside");
    return opened;
  };
  const journals: Journals = {
    inventory: await journal("inventory"),
    apps: await journal("apps"),
    outbox: await journal("outbox"),
    reported: await journal("reported"),
    commands: await journal("commands"),
  };
  const cache = new DiskCache(options, journals);
  await cache.scan();
  return cache;
}

type Journals = Pick<Cache, "inventory" | "apps" | "outbox" | "reported" | "commands">;

class DiskCache implements Cache {
  readonly inventory: Journal;
  readonly apps: Journal;
  readonly outbox: Journal;
  readonly reported: Journal;
  readonly commands: Journal;
  readonly #options: CacheOptions;
  readonly #objects = new Set<Digest>();
  readonly #releases = new Set<Digest>();
  /** Saved and not yet named by a sweep's `keep`: about to be accepted. */
  readonly #fresh = new Set<Digest>();
  readonly #freshObjects = new Set<Digest>();
  /** Saves and sweeps take turns, so that a sweep never removes what a save found here. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CacheOptions, journals: Journals) {
    this.#options = options;
    this.inventory = journals.inventory;
    this.apps = journals.apps;
    this.outbox = journals.outbox;
    this.reported = journals.reported;
    this.commands = journals.commands;
  }

  /** Learns which blobs are here, and removes what a crash left half written. */
  async scan(): Promise<void> {
    for (const file of await readdir(this.#path("releases"))) {
      if (isDigest(file)) this.#releases.add(file);
      else await rm(this.#path("releases", file), { force: true, recursive: true });
    }
    for (const folder of await readdir(this.#path("objects"))) {
      for (const file of await readdir(this.#path("objects", folder)).catch(() => [])) {
        if (isDigest(file)) this.#objects.add(file);
        else await rm(this.#path("objects", folder, file), { force: true, recursive: true });
      }
    }
  }

  async readAccepted(): Promise<Uint8Array | null> {
    return readIfThere(this.#path("accepted"));
  }

  async writeAccepted(envelope: Uint8Array): Promise<void> {
    await writeWhole(this.#path("accepted"), envelope);
  }

  async hasRelease(release: Digest): Promise<boolean> {
    const manifest = await this.readManifest(release);
    return manifest !== null && manifest.every((line) => this.#objects.has(line.digest));
  }

  async readManifest(release: Digest): Promise<Manifest | null> {
    const text = await this.#read(this.#releases, release, this.#path("releases", release));
    return text === null ? null : parseManifest(text);
  }

  hasObject(object: Digest): boolean {
    return this.#objects.has(object);
  }

  async readObject(object: Digest): Promise<JsonObject | null> {
    const text = await this.#read(this.#objects, object, this.#objectPath(object));
    return text === null ? null : (JSON.parse(text) as JsonObject);
  }

  missing(objects: Iterable<Digest>): readonly Digest[] {
    return [...new Set(objects)].filter((digest) => !this.#objects.has(digest));
  }

  saveObjects(objects: ReadonlyMap<Digest, string>): Promise<void> {
    return this.#inTurn(() => this.#saveObjects(objects));
  }

  saveRelease(manifest: Manifest, objects: ReadonlyMap<Digest, string>): Promise<Digest> {
    return this.#inTurn(async () => {
      await this.#saveObjects(objects);
      const lost = this.missing(manifest.map((line) => line.digest));
      const release = releaseDigest(manifest);
      if (lost.length > 0)
        throw new OperationError("corrupt", release, `cannot save release ${release}: ${lost.length} objects are missing`);
      const path = this.#path("releases", release);
      await writeWhole(path, seal(this.#options.key, release, manifestText(manifest)));
      this.#releases.add(release);
      this.#fresh.add(release);
      for (const line of manifest) this.#freshObjects.delete(line.digest);
      return release;
    });
  }

  sweep(keep: ReadonlySet<Digest>, keptObjects: Iterable<Digest> = []): Promise<number> {
    return this.#inTurn(async () => {
      for (const release of keep) this.#fresh.delete(release);
      const kept = new Set([...keep, ...this.#fresh]);
      const objects = new Set([...this.#freshObjects, ...keptObjects]);
      for (const release of kept) {
        if (!this.#releases.has(release)) continue;
        const manifest = await this.readManifest(release);
        if (manifest === null) return 0; // which objects it names is unknown: nothing may go
        for (const line of manifest) objects.add(line.digest);
      }
      return (
        (await this.#drop(this.#releases, kept, (d) => this.#path("releases", d))) +
        (await this.#drop(this.#objects, objects, (d) => this.#objectPath(d)))
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await Promise.all([this.inventory, this.apps, this.outbox, this.reported, this.commands].map((journal) => journal.close()));
  }

  async #saveObjects(objects: ReadonlyMap<Digest, string>): Promise<void> {
    const absent = [...objects].filter(([digest]) => !this.#objects.has(digest));
    for (const [digest, text] of absent) {
      if (digestOf(text) !== digest) throw new OperationError("corrupt", digest, `object ${digest} has another digest`);
    }
    for (const digest of objects.keys()) this.#freshObjects.add(digest);
    await writeAllWhole(
      absent.map(([digest, text]) => ({ path: this.#objectPath(digest), content: seal(this.#options.key, digest, text) })),
    );
    for (const [digest] of absent) this.#objects.add(digest);
  }

  async #read(index: Set<Digest>, digest: Digest, path: string): Promise<string | null> {
    if (!index.has(digest)) return null;
    const bytes = await readIfThere(path);
    const text = bytes === null ? null : unseal(this.#options.key, digest, bytes);
    if (text !== null && digestOf(text) === digest) return text;
    index.delete(digest);
    const aside = bytes === null ? null : await setAside(this.#path("aside"), path, this.#options.now());
    this.#options.log.warn(
      { object: digest, message: aside ?? "gone" },
      "a stored blob is not what its name says; it will be fetched again",
    );
    return null;
  }

  async #drop(index: Set<Digest>, keep: ReadonlySet<Digest>, pathOf: (digest: Digest) => string): Promise<number> {
    let dropped = 0;
    for (const digest of [...index].filter((candidate) => !keep.has(candidate))) {
      index.delete(digest);
      await rm(pathOf(digest), { force: true });
      dropped += 1;
    }
    return dropped;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #path(...parts: string[]): string {
    return join(this.#options.dir, ...parts);
  }

  #objectPath(digest: Digest): string {
    return this.#path("objects", digest.slice(0, 1), digest);
  }
}
