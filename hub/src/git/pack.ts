// Looks through a pack before it is used: checksum, counts and sizes. A pack says how large its objects are; this believes it only up to
// the limits, so that a kilobyte cannot become ten gigabytes later.

import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { inflateSync } from "node:zlib";

import { gitError, type FaultCode } from "./faults.ts";
import type { GitLimits } from "./limits.ts";

const ofsDelta = 6;
const refDelta = 7;
const types: ReadonlySet<number> = new Set([1, 2, 3, 4, ofsDelta, refDelta]);

type PackLimits = Pick<GitLimits, "objects" | "objectBytes" | "inflatedBytes" | "deltaDepth">;

/** So many objects are looked at before others have their turn. */
const turnObjects = 1_000;

/** Throws E_GIT_CORRUPT for what is no whole pack, E_LIMIT for one that would grow beyond the limits. */
export async function checkPack(pack: Uint8Array, name: string, limits: PackLimits): Promise<void> {
  const fail = (code: FaultCode, why: string) => gitError(code, name, `the pack that the server sent ${why}`);
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  if (pack.length < 32 || view.getUint32(0) !== 0x5041434b || view.getUint32(4) !== 2)
    throw fail("E_GIT_CORRUPT", "is none, or is cut off");
  const end = pack.length - 20;
  const sum = createHash("sha1").update(pack.subarray(0, end)).digest();
  if (!sum.equals(pack.subarray(end))) throw fail("E_GIT_CORRUPT", "does not match its checksum: it is cut off or damaged");
  const count = view.getUint32(8);
  if (count > limits.objects) throw fail("E_LIMIT", `holds ${count} objects, more than ${limits.objects}`);

  const depths = new Map<number, number>();
  let at = 12;
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    if (i % turnObjects === turnObjects - 1) await nextTurn();
    const entry = readEntry(pack, at, end);
    if (entry === null) throw fail("E_GIT_CORRUPT", "has a malformed object");
    if (entry.size > limits.objectBytes) throw fail("E_LIMIT", `holds an object of more than ${limits.objectBytes} bytes`);
    const inflated = inflate(pack.subarray(entry.data, end), entry.size);
    if (inflated === null) throw fail("E_GIT_CORRUPT", "has an object that is not as large as it says");
    const depth = depthOf(entry, at, depths);
    if (depth > limits.deltaDepth) throw fail("E_LIMIT", `has a chain of more than ${limits.deltaDepth} deltas`);
    depths.set(at, depth);
    const size = depth === 0 ? entry.size : deltaTarget(inflated.bytes);
    if (size > limits.objectBytes) throw fail("E_LIMIT", `holds an object of more than ${limits.objectBytes} bytes`);
    total += size;
    if (total > limits.inflatedBytes) throw fail("E_LIMIT", `grows to more than ${limits.inflatedBytes} bytes`);
    at = entry.data + inflated.consumed;
  }
  if (at !== end) throw fail("E_GIT_CORRUPT", "has bytes that belong to no object");
}

type Entry = { readonly type: number; readonly size: number; readonly base: number; readonly data: number };

/** The head of the object at `at`: type, inflated size, distance of the base of an offset delta, and where its zlib stream begins. */
function readEntry(pack: Uint8Array, at: number, end: number): Entry | null {
  let position = at;
  const next = (): number => (position < end ? (pack[position++] ?? 0) : -1);
  let byte = next();
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  for (let scale = 16; byte & 0x80; scale *= 128) {
    byte = next();
    if (byte < 0 || scale > 2 ** 45) return null;
    size += (byte & 127) * scale;
  }
  let base = 0;
  if (type === ofsDelta) {
    byte = next();
    base = byte & 127;
    while (byte & 0x80) {
      byte = next();
      if (byte < 0 || base > 2 ** 45) return null;
      base = (base + 1) * 128 + (byte & 127);
    }
  }
  if (type === refDelta) position += 20;
  return types.has(type) && byte >= 0 && position < end ? { type, size, base, data: position } : null;
}

function depthOf({ type, base }: Entry, at: number, depths: ReadonlyMap<number, number>): number {
  if (type === refDelta) return 1;
  if (type !== ofsDelta) return 0;
  return (depths.get(at - base) ?? Infinity) + 1;
}

function inflate(bytes: Uint8Array, size: number): { readonly bytes: Uint8Array; readonly consumed: number } | null {
  try {
    const options = { info: true, maxOutputLength: Math.max(size, 1), chunkSize: Math.min(Math.max(size + 1, 64), 1 << 20) };
    const { buffer, engine } = inflateSync(bytes, options) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return buffer.length === size ? { bytes: buffer, consumed: engine.bytesWritten } : null;
  } catch {
    return null;
  }
}

/** The size of what a delta makes: its second number. */
function deltaTarget(delta: Uint8Array): number {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = delta[at++] ?? 0;
      value += (byte & 127) * scale;
      if (!(byte & 0x80)) return value;
    }
    return Infinity;
  };
  number();
  return number();
}
