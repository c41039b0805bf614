// Keeps what was fetched on disk, named by the SHA-256 of its bytes. Every read is checked; what is damaged is thrown away, and fetched
// again by whoever asked. When it grows too large, what was not used for longest goes.

import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import { digestOf, isDigest, type Digest } from "@muster/proto/model/digest";
import { messageOf, OperationError } from "@muster/proto/model/failure";

export type ArchiveCache = {
  /** The bytes of a digest; undefined when they are not there, or were there and damaged. */
  readonly get: (digest: Digest) => Promise<Buffer | undefined>;
  /** Keeps bytes; after a crash they are there as a whole or not at all. Throws OperationError "unavailable" when the disk refuses. */
  readonly put: (bytes: Uint8Array) => Promise<Digest>;
  /** Bytes on disk. */
  readonly size: () => number;
};

const draftEnd = ".draft";
let drafts = 0;

/** Opens the cache in a folder, which one process has for itself. `bytesMax` holds for the sum of all that is kept. */
export async function openArchiveCache(dir: string, bytesMax: number): Promise<ArchiveCache> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // A map keeps the order in which keys came: the first is the one that was not used for longest.
  const sizes = await whatIsThere(dir);
  let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const forget = async (digest: Digest): Promise<void> => {
    total -= sizes.get(digest) ?? 0;
    sizes.delete(digest);
    await rm(join(dir, digest), { force: true });
  };
  const remember = (digest: Digest, bytes: number): void => {
    total += bytes - (sizes.get(digest) ?? 0);
    sizes.delete(digest);
    sizes.set(digest, bytes);
  };
  const makeRoom = async (): Promise<void> => {
    for (const digest of sizes.keys()) {
      if (total <= bytesMax) return;
      await forget(digest);
    }
  };
  return {
    async get(digest) {
      if (!sizes.has(digest)) return undefined;
      const bytes = await readFile(join(dir, digest)).catch(() => undefined);
      if (bytes === undefined || digestOf(bytes) !== digest) {
        await forget(digest);
        return undefined;
      }
      remember(digest, bytes.length);
      const now = new Date();
      await utimes(join(dir, digest), now, now).catch(() => undefined);
      return bytes;
    },
    async put(bytes) {
      const digest = digestOf(bytes);
      if (bytes.length > bytesMax) return digest;
      if (!sizes.has(digest)) await writeWhole(dir, digest, bytes);
      remember(digest, bytes.length);
      await makeRoom();
      return digest;
    },
    size: () => total,
  };
}

/** What an earlier process left, the longest unused first. Its drafts go. */
async function whatIsThere(dir: string): Promise<Map<Digest, number>> {
  const found: { readonly digest: Digest; readonly bytes: number; readonly usedMs: number }[] = [];
  for (const name of await readdir(dir)) {
    if (name.endsWith(draftEnd)) await rm(join(dir, name), { force: true });
    if (!isDigest(name)) continue;
    const { size, mtimeMs } = await stat(join(dir, name));
    found.push({ digest: name, bytes: size, usedMs: mtimeMs });
  }
  return new Map(found.toSorted((left, right) => left.usedMs - right.usedMs).map(({ digest, bytes }) => [digest, bytes]));
}

async function writeWhole(dir: string, digest: Digest, bytes: Uint8Array): Promise<void> {
  const draft = join(dir, `${digest}.${(drafts += 1)}${draftEnd}`);
  try {
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(dir, digest));
  } catch (error) {
    await rm(draft, { force: true });
    throw new OperationError("unavailable", digest, `cannot keep an archive in ${dir}: ${messageOf(error)}`, error);
  }
}
