// Bytes of a file as text, and what a file must not be.

import { RenderFault } from "./rendered.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const pointerStart = Buffer.from("version https://git-lfs.github.com/spec/");

/** The text of a UTF-8 file. Throws E_LFS_POINTER and E_ENCODING. */
export function decodeFile(path: string, bytes: Uint8Array): string {
  refusePointer(path, bytes);
  return decodeUtf8(path, bytes);
}

/** The text of UTF-8 bytes. Throws E_ENCODING. */
export function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new RenderFault("E_ENCODING", "not UTF-8 text", { path });
  }
}

/** Throws E_LFS_POINTER when Git LFS keeps the file's content elsewhere. */
export function refusePointer(path: string, bytes: Uint8Array): void {
  if (bytes.length >= pointerStart.length && pointerStart.equals(bytes.subarray(0, pointerStart.length))) {
    throw new RenderFault("E_LFS_POINTER", "only a Git LFS pointer is in the repository: commit the file itself", { path });
  }
}

/** The line (from 1) of the first place where a text or pattern stands; 1 when it stands nowhere. */
export function lineOf(text: string, wanted: string | RegExp): number {
  const at = typeof wanted === "string" ? text.indexOf(wanted) : text.search(wanted);
  return at <= 0 ? 1 : text.slice(0, at).split("\n").length;
}
