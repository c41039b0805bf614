// Fetches released files and refuses what is not exactly the pinned one.

import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ORIGINS, type Origin, type Release } from "./tools.ts";
import { run } from "./run.ts";

/** Behind a closed network the answer never comes: give up soon, and only once for each origin. */
const ANSWER_TIMEOUT_MS = 5_000;
const STALL_TIMEOUT_MS = 20_000;

/** The file is not the pinned one. It has been thrown away. */
export class ChecksumError extends Error {}

/** The origin does not answer, or the file is not there. */
export class UnavailableError extends Error {}

export class Downloads {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #unreachable = new Set<Origin>();

  /** `MUSTER_DOWNLOADS=off` and the variables of `ORIGINS` are read from the environment. */
  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** The whole address of a release, or `undefined` where downloads are off or its origin did not answer before. */
  addressOf(release: Release): string | undefined {
    if (this.#environment["MUSTER_DOWNLOADS"] === "off" || this.#unreachable.has(release.origin)) return undefined;
    const base = this.#environment[release.origin];
    return (base === undefined || base === "" ? ORIGINS[release.origin] : base).replace(/\/+$/, "") + release.path;
  }

  /**
   * Puts a release into `dir` as `name`: the file itself, or its `member` (a file or a folder) where it is an archive.
   * Throws ChecksumError (the file is gone then) or UnavailableError.
   */
  async fetch(release: Release, dir: string, name: string): Promise<void> {
    const url = this.addressOf(release);
    if (url === undefined) throw new UnavailableError(`downloads from ${ORIGINS[release.origin]} are off`);
    const file = join(dir, ".download");
    try {
      const answer = await this.#answer(release.origin, url);
      const sha256 = await save(answer, file);
      if (sha256 !== release.sha256) {
        throw new ChecksumError(
          `refused ${name} from ${url}: its checksum is ${sha256} and not the pinned ${release.sha256}; it was thrown away`,
        );
      }
      await unpack(file, release.member, dir, name);
    } finally {
      await rm(file, { force: true });
    }
  }

  async #answer(origin: Origin, url: string): Promise<Response> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), ANSWER_TIMEOUT_MS);
    try {
      const answer = await fetch(url, { signal: limit.signal });
      if (!answer.ok) throw new UnavailableError(`${url} answers ${answer.status}`);
      return answer;
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      this.#unreachable.add(origin);
      throw new UnavailableError(`${new URL(url).host} does not answer`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Writes a body to a file and gives its SHA-256. */
async function save(answer: Response, file: string): Promise<string> {
  const hash = createHash("sha256");
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), STALL_TIMEOUT_MS);
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), STALL_TIMEOUT_MS);
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const body = answer.body === null ? Readable.from([]) : Readable.fromWeb(answer.body);
    await pipeline(body, meter, createWriteStream(file), { signal: stall.signal });
  } catch (cause) {
    throw new UnavailableError(`the download of ${answer.url} broke off`, { cause });
  } finally {
    clearTimeout(timer);
  }
  return hash.digest("hex");
}

async function unpack(file: string, member: string | undefined, dir: string, name: string): Promise<void> {
  if (member === undefined) {
    await rename(file, join(dir, name));
    return chmod(join(dir, name), 0o755);
  }
  const unpacked = join(dir, ".unpacked");
  await mkdir(unpacked);
  await run("tar", ["-xzf", file, "-C", unpacked, member]);
  await rename(join(unpacked, member), join(dir, name));
  await rm(unpacked, { recursive: true });
}
