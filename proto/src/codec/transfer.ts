// A Release on its way to an agent: the manifest or what changes in it, and only the objects that the agent lacks, as one zstd frame.

import { zstdCompressSync, zstdDecompressSync, constants } from "node:zlib";

import { digestOf, isDigest, type Digest } from "../model/digest.ts";
import { OperationError } from "../model/failure.ts";
import {
  applyManifestDelta,
  manifestDelta,
  manifestText,
  parseManifest,
  releaseDigest,
  type Manifest,
  type ManifestLine,
} from "../model/release.ts";
import { ReleaseTransfer } from "../gen/muster/v1/link.ts";
import { fromWireIdentity } from "./status.ts";

export const transferLimits = { releaseBytes: 64 * 1024 * 1024, chunkBytes: 64 * 1024 } as const;

/** The bytes that carry `target` to somebody who holds `base` whole (or nothing). The same arguments give the same bytes. */
export function encodeTransfer(target: Manifest, base: Manifest | null, objectText: (digest: Digest) => string): Uint8Array {
  const held = new Set(base?.map((line) => line.digest));
  const objects = [...new Set(target.map((line) => line.digest))].filter((digest) => !held.has(digest)).map(objectText);
  const transfer: ReleaseTransfer =
    base === null
      ? { manifest: manifestText(target), delta: undefined, objects }
      : { manifest: "", delta: toWireDelta(base, target), objects };
  const bytes = ReleaseTransfer.encode(transfer).finish();
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
}

function toWireDelta(base: Manifest, target: Manifest): NonNullable<ReleaseTransfer["delta"]> {
  const { set, remove } = manifestDelta(base, target);
  return {
    set: set.map(({ identity, digest, size }) => ({ identity: { ...identity }, digest: Buffer.from(digest, "hex"), size: BigInt(size) })),
    remove: remove.map((identity) => ({ ...identity })),
  };
}

/** What arrived, verified: the manifest has the promised digest, and each object is one of its lines. */
export type Received = { readonly manifest: Manifest; readonly objects: ReadonlyMap<Digest, string> };

/** Reads a transfer. Throws OperationError "corrupt" or "limit" when it is not the promised Release; nothing of it may be used then. */
export function decodeTransfer(bytes: Uint8Array, promised: Digest, base: Manifest | null): Received {
  const transfer = decodeMessage(bytes, promised);
  const manifest = readManifest(transfer, promised, base);
  const lines = new Map(manifest.map((line) => [line.digest, line]));
  const objects = new Map<Digest, string>();
  for (const text of transfer.objects) {
    const digest = digestOf(text);
    if (!lines.has(digest))
      throw new OperationError("corrupt", promised, `release ${promised} came with an object that its manifest does not name`);
    objects.set(digest, text);
  }
  const held = new Set(base?.map((line) => line.digest));
  const lacking = manifest.find((line) => !objects.has(line.digest) && !held.has(line.digest));
  if (lacking !== undefined) throw new OperationError("corrupt", promised, `release ${promised} came without one of its objects`);
  return { manifest, objects };
}

function decodeMessage(bytes: Uint8Array, promised: Digest): ReleaseTransfer {
  try {
    return ReleaseTransfer.decode(zstdDecompressSync(bytes, { maxOutputLength: transferLimits.releaseBytes }));
  } catch (error) {
    const tooLarge = (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    throw new OperationError(tooLarge ? "limit" : "corrupt", promised, `cannot read the transfer of release ${promised}`, error);
  }
}

function readManifest(transfer: ReleaseTransfer, promised: Digest, base: Manifest | null): Manifest {
  let manifest: Manifest;
  try {
    manifest =
      transfer.delta === undefined ? parseManifest(transfer.manifest) : applyManifestDelta(base ?? [], fromWireDelta(transfer.delta));
  } catch (error) {
    throw new OperationError("corrupt", promised, `the manifest of release ${promised} cannot be read`, error);
  }
  if (releaseDigest(manifest) !== promised)
    throw new OperationError("corrupt", promised, `the manifest that came for release ${promised} has another digest`);
  return manifest;
}

function fromWireDelta(delta: NonNullable<ReleaseTransfer["delta"]>): {
  set: ManifestLine[];
  remove: ReturnType<typeof fromWireIdentity>[];
} {
  return {
    set: delta.set.map((line) => {
      const digest = line.digest.toString("hex");
      if (!isDigest(digest)) throw new TypeError("malformed digest in a manifest's delta");
      return { identity: fromWireIdentity(line.identity), digest, size: Number(line.size) };
    }),
    remove: delta.remove.map(fromWireIdentity),
  };
}
