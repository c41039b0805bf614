// Unpacks gzip within bounds: a few kilobytes must not become gigabytes.

import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { printable } from "@muster/proto/model/printable";

import { remoteError } from "./faults.ts";
import type { RemoteLimits } from "./limits.ts";

const unpack = promisify(gunzip);

/** True for bytes that say they are gzip. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The unpacked bytes. Throws E_LIMIT for a bomb and E_ARCHIVE for what is no gzip. */
export async function inflate(packed: Uint8Array, subject: string, limits: RemoteLimits): Promise<Buffer> {
  const byRatio = Math.max(limits.inflatedFreeBytes, packed.length * limits.inflatedRatio);
  const max = Math.min(limits.inflatedBytes, byRatio);
  try {
    return await unpack(packed, { maxOutputLength: max });
  } catch (error) {
    const { code = "", message = "" } = error as { code?: string; message?: string };
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw remoteError("E_LIMIT", subject, `the archive of ${packed.length} bytes unpacks to more than ${max}`, error);
    throw remoteError("E_ARCHIVE", subject, `the archive is no whole gzip file: ${printable(message)}`, error);
  }
}
