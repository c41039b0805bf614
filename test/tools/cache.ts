// The cache outside the clone: entries are folders that appear whole or not at all, whoever else makes them at the same time.

import { randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A lock of another machine on a shared disk says nothing about its process: it counts as left behind after this. */
const FOREIGN_LOCK_MS = 30 * 60_000;
const POLL_MS = 200;

/** `MUSTER_CACHE`, else `XDG_CACHE_HOME/muster`, else `~/.cache/muster`. */
export function cacheRoot(environment: Readonly<Record<string, string | undefined>>): string {
  const given = environment["MUSTER_CACHE"];
  if (given !== undefined && given !== "") return given;
  const caches = environment["XDG_CACHE_HOME"];
  return join(caches !== undefined && caches !== "" ? caches : join(homedir(), ".cache"), "muster");
}

export class Cache {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** The folder of an entry, when it is there. */
  async find(key: string): Promise<string | undefined> {
    const path = join(this.root, key);
    return access(path).then(
      () => path,
      () => undefined,
    );
  }

  /**
   * The folder of an entry, made by `make` when it is missing: `make` fills a folder beside it, which is then renamed.
   * Another run that makes the same entry is waited for. Throws what `make` throws; then nothing is left behind.
   */
  async entry(key: string, make: (dir: string) => Promise<void>, waiting: (pid: number) => void = () => undefined): Promise<string> {
    const path = join(this.root, key);
    await mkdir(dirname(path), { recursive: true });
    await using _lock = await lock(`${path}.lock`, waiting);
    if ((await this.find(key)) !== undefined) return path;
    const work = `${path}.new-${randomUUID()}`;
    try {
      await mkdir(work);
      await make(work);
      // Two runs that found the lock of a dead one may both be here: what one of them made is as good.
      await rename(work, path).catch((error: unknown) => {
        if (!isCode(error, "ENOTEMPTY") && !isCode(error, "EEXIST")) throw error;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return path;
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Takes a lock file, after whoever holds it now. A holder that died does not count. */
async function lock(path: string, waiting: (pid: number) => void): Promise<AsyncDisposable> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder);
  for (let told = false; ;) {
    try {
      await writeFile(path, mine, { flag: "wx" });
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
    const holder = await holderOf(path);
    if (holder === undefined) await rm(path, { force: true });
    else if (!told) waiting(holder.pid);
    told ||= holder !== undefined;
    await sleep(POLL_MS);
  }
}

/** Who holds the lock; `undefined` when nobody alive does. */
async function holderOf(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
  // Between its making and its writing the file is empty for a moment.
  if (text === "") return age < 5_000 ? { pid: 0, host: hostname() } : undefined;
  const holder: unknown = JSON.parse(text);
  if (!isHolder(holder)) return undefined;
  if (holder.host !== hostname()) return age < FOREIGN_LOCK_MS ? holder : undefined;
  return isAlive(holder.pid) ? holder : undefined;
}

function isHolder(value: unknown): value is Holder {
  return typeof value === "object" && value !== null && "pid" in value && typeof value.pid === "number" && "host" in value;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM"); // it is another user's, and it runs
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
