// What lies on disk is unreadable and unforgeable without the agent's key: AES-256-GCM, bound to the blob's name.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** The first byte: how the text is packed. Below a disk block there is nothing to gain. */
const packings = { plain: 1, zstd: 2 } as const;
const packFromBytes = 4_096;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes + tagBytes;
/** No object or manifest is larger; a crafted blob cannot make us allocate more. */
const plainBytesMax = 64 * 1024 * 1024;

export const sealKeyBytes = 32;

/** Seals a text under a 32-byte key. `name` has to be given again to open it. */
export function seal(key: Uint8Array, name: string, text: string): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(name));
  const plain = Buffer.from(text);
  const isPacked = plain.length > packFromBytes;
  const packed = isPacked ? zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }) : plain;
  const sealed = Buffer.concat([cipher.update(packed), cipher.final()]);
  return Buffer.concat([Uint8Array.of(isPacked ? packings.zstd : packings.plain), nonce, cipher.getAuthTag(), sealed]);
}

/** The text that was sealed under this key and name; null for anything else. */
export function unseal(key: Uint8Array, name: string, sealed: Uint8Array): string | null {
  const packing = sealed[0];
  if (sealed.length < headBytes || (packing !== packings.plain && packing !== packings.zstd)) return null;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes })
      .setAAD(Buffer.from(name))
      .setAuthTag(sealed.subarray(1 + nonceBytes, headBytes));
    const packed = Buffer.concat([decipher.update(sealed.subarray(headBytes)), decipher.final()]);
    return (packing === packings.zstd ? zstdDecompressSync(packed, { maxOutputLength: plainBytesMax }) : packed).toString("utf8");
  } catch {
    return null; // a wrong tag, a foreign file or a torn one: all the same to us
  }
}
