// One header block of a tar file: ustar, with the extensions that GNU and PAX write. What the entry may be is for archive.ts.

/** A block is 512 bytes; contents are filled up to it. */
export const blockBytes = 512;

export type TarHeader = { readonly name: string; readonly bytes: number; readonly type: string };

/** Null for a block that is no header: a wrong checksum, or numbers that are none. */
export function readHeader(block: Buffer): TarHeader | null {
  if (numberAt(block, 148, 8) !== checksumOf(block)) return null;
  const bytes = numberAt(block, 124, 12);
  const name = textAt(block, 0, 100);
  if (bytes === null || name === null) return null;
  const type = String.fromCharCode(block[156] ?? 0);
  // The prefix field is POSIX's only: GNU keeps other things there.
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? textAt(block, 345, 155) : "";
  if (prefix === null) return null;
  return { name: prefix === "" ? name : `${prefix}/${name}`, bytes, type: type === "\0" ? "0" : type };
}

/** The records `LENGTH KEY=VALUE\n` of a PAX header; null when they are broken. A key that stands twice counts as broken. */
export function readPax(content: Buffer): ReadonlyMap<string, string> | null {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const digits = space === -1 ? "" : content.toString("latin1", at, space);
    const length = /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > content.length || end <= space + 2 || content[end - 1] !== 0x0a) return null;
    const record = decode(content.subarray(space + 1, end - 1));
    const equals = record?.indexOf("=") ?? -1;
    if (record === null || equals < 1 || records.has(record.slice(0, equals))) return null;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** UTF-8, strictly; null when it is not. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function textAt(block: Buffer, at: number, length: number): string | null {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return decode(end === -1 ? field : field.subarray(0, end));
}

/** Octal digits, or big-endian binary where the first bit is set. */
function numberAt(block: Buffer, at: number, length: number): number | null {
  const field = block.subarray(at, at + length);
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : null;
  }
  const text = field
    .toString("latin1")
    .replace(/[\0 ]+$/, "")
    .replace(/^ +/, "");
  return /^[0-7]*$/.test(text) ? Number.parseInt(text === "" ? "0" : text, 8) : null;
}

function checksumOf(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return sum;
}
