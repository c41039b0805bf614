// How blobs lie on disk: zstd, then AES-256-GCM under the store key. The nonce is random; the name that the blob is kept under is
// bound in, so that one blob cannot stand in for another.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { OperationError } from "@muster/proto/model/failure";

const nonceBytes = 12;
const tagBytes = 16;

export function seal(key: Uint8Array, name: string, text: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(name));
  const packed = zstdCompressSync(Buffer.from(text), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return Buffer.concat([nonce, cipher.update(packed), cipher.final(), cipher.getAuthTag()]);
}

/** Throws OperationError "corrupt" when the blob is not what was sealed under this key and name. */
export function unseal(key: Uint8Array, name: string, blob: Uint8Array): string {
  try {
    const bytes = Buffer.from(blob);
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes)).setAAD(Buffer.from(name));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    const packed = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    return zstdDecompressSync(packed).toString();
  } catch (error) {
    throw new OperationError("corrupt", name, `the stored blob ${name} is damaged or was written with another store key`, error);
  }
}

/** As `unseal`, but undefined when the blob is damaged: for what can be made again. */
export function tryUnseal(key: Uint8Array, name: string, blob: Uint8Array): string | undefined {
  try {
    return unseal(key, name, blob);
  } catch {
    return undefined;
  }
}
