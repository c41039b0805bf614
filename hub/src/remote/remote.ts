// Content that is not in Git: charts, OCI artifacts and single files, fetched from the addresses that a Source allows, pinned by the SHA-256
// of their bytes. It knows nothing of Apps; who may ask for what, and when, is decided by others.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { messageOf } from "@muster/proto/model/failure";

import { allowedUrl, baseOf, type RemoteAddress } from "./address.ts";
import { openArchiveCache, type ArchiveCache } from "./archive-cache.ts";
import { readArchive, type ArchiveFiles } from "./archive.ts";
import { fetchPinnedArtifact, resolveArtifact, type ArtifactPin, type ArtifactRef } from "./artifact.ts";
import { basicOf } from "./challenge.ts";
import { fetchPinnedChart, readChart, resolveChart, type ChartPin, type ChartRef } from "./chart.ts";
import { IndexMemory } from "./helm-repository.ts";
import { ask, expectOk, type Errand } from "./http.ts";
import { defaultLimits, type RemoteLimits } from "./limits.ts";
import { mismatch } from "./registry.ts";
import { SignIns } from "./sign-ins.ts";

export { addressFor, type Credentials, type RemoteAddress } from "./address.ts";
export type { ArtifactPin, ArtifactRef } from "./artifact.ts";
export type { ChartPin, ChartRef } from "./chart.ts";
export { parseRemoteBase, type GitBase, type RemoteBase } from "./kustomize-base.ts";
export type { RemoteLimits } from "./limits.ts";

export type RemoteFiles = {
  /** SHA-256 of the archive that the files came in. */
  readonly digest: Digest;
  /** Path -> content: of a chart relative to the chart (`Chart.yaml`), of an artifact to its root. Executable bits are not kept. */
  readonly files: ArchiveFiles;
};

export type RemoteFile = { readonly digest: Digest; readonly bytes: Uint8Array };

/**
 * All of it throws OperationErrors whose subject is the address's name, with a fault for people. What was fetched once is taken from the
 * disk as long as it is there and whole.
 */
export type Remote = {
  /** What a version or range means now: asked for each time, with the index's ETag. */
  readonly resolveChart: (ref: ChartRef, address: RemoteAddress, signal: AbortSignal) => Promise<ChartPin>;
  /** Throws E_DIGEST_MISMATCH when other bytes come; nothing of them is kept. */
  readonly fetchChart: (pin: ChartPin, address: RemoteAddress, signal: AbortSignal) => Promise<RemoteFiles>;
  readonly resolveArtifact: (ref: ArtifactRef, address: RemoteAddress, signal: AbortSignal) => Promise<ArtifactPin>;
  readonly fetchArtifact: (pin: ArtifactPin, address: RemoteAddress, signal: AbortSignal) => Promise<RemoteFiles>;
  /** A single file over https. With a digest it is pinned: taken from disk, or checked; null takes what is there now. */
  readonly fetchFile: (url: string, digest: Digest | null, address: RemoteAddress, signal: AbortSignal) => Promise<RemoteFile>;
};

export type RemoteOptions = {
  /** The cache's folder, for this process alone. */
  readonly dir: string;
  readonly limits?: Partial<RemoteLimits>;
  readonly now?: () => number;
  readonly log: { readonly warn: (fields: object, message: string) => void };
};

/** Opens the cache; nothing is asked yet. */
export async function openRemote({ dir, limits: some, now = Date.now, log }: RemoteOptions): Promise<Remote> {
  const limits = { ...defaultLimits, ...some };
  const cache = await openArchiveCache(dir, limits.cacheBytes);
  const keep = keeping(cache, log);
  const memory = new IndexMemory({ ...cache, put: keep });
  const signIns = new SignIns(now);
  const errandOf = (address: RemoteAddress, signal: AbortSignal): Errand => ({ address, limits, signIns, signal });

  /** Bytes are kept only when they were read without a fault. */
  async function taken<T>(digest: Digest, fetch: () => Promise<Uint8Array>, read: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    const held = await cache.get(digest);
    if (held !== undefined) return read(held);
    const bytes = await fetch();
    const value = await read(bytes);
    await keep(bytes);
    return value;
  }

  return {
    async resolveChart(ref, address, signal) {
      const errand = errandOf(address, signal);
      const { pin, bytes } = await resolveChart(errand, memory, ref);
      if (bytes !== null && (await readChart(errand, bytes))) await keep(bytes);
      return pin;
    },
    fetchChart(pin, address, signal) {
      const errand = errandOf(address, signal);
      const fetch = () => fetchPinnedChart(errand, memory, pin);
      return taken(pin.digest, fetch, async (bytes) => ({ digest: pin.digest, files: await readChart(errand, bytes) }));
    },
    resolveArtifact: (ref, address, signal) => resolveArtifact(errandOf(address, signal), ref),
    fetchArtifact(pin, address, signal) {
      const errand = errandOf(address, signal);
      const fetch = () => fetchPinnedArtifact(errand, pin);
      return taken(pin.digest, fetch, async (bytes) => ({ digest: pin.digest, files: await readArchive(bytes, address.name, limits) }));
    },
    async fetchFile(url, digest, address, signal) {
      const errand = errandOf(address, signal);
      if (digest === null) {
        const bytes = await download(errand, url);
        return { digest: await keep(bytes), bytes };
      }
      const fetch = async (): Promise<Buffer> => {
        const bytes = await download(errand, url);
        if (digestOf(bytes) !== digest) throw mismatch(errand, url, digest, digestOf(bytes));
        return bytes;
      };
      return taken(digest, fetch, (bytes) => Promise.resolve({ digest, bytes }));
    },
  };
}

/** A disk that refuses costs the next fetch, not this one. */
function keeping(cache: ArchiveCache, log: RemoteOptions["log"]): (bytes: Uint8Array) => Promise<Digest> {
  return async (bytes) => {
    try {
      return await cache.put(bytes);
    } catch (error) {
      log.warn({ error: messageOf(error) }, "fetched content is not kept");
      return digestOf(bytes);
    }
  };
}

async function download(errand: Errand, text: string): Promise<Buffer> {
  const { address, limits } = errand;
  const url = allowedUrl(address, text);
  const authorization = address.credentials && { value: basicOf(address.credentials), below: baseOf(address) };
  const elsewhere = address.credentials === undefined ? "bare" : "never";
  return expectOk(errand, await ask(errand, { url, authorization, bytesMax: limits.fileBytes, elsewhere })).body;
}
