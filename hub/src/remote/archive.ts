// Reads a tar file of strangers: plain files at plain paths, or a refusal that names the entry. A reader of our own, because the whole
// archive lies in memory within bounds, and because a library skips or follows what has to be refused here.

import { printable } from "@muster/proto/model/printable";

import { remoteError } from "./faults.ts";
import { inflate, isGzip } from "./inflate.ts";
import type { RemoteLimits } from "./limits.ts";
import { blockBytes, decode, readHeader, readPax } from "./tar-header.ts";

/** Path -> content. Paths are relative, with single slashes, in Unicode's composed form as they were written. */
export type ArchiveFiles = ReadonlyMap<string, Uint8Array>;

/** What an entry is told by, before its header: a name or a size that fits into no header. */
type Said = { name?: string; bytes?: number };

const refusedTypes: { readonly [type: string]: string } = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a pipe",
  S: "a sparse file",
  M: "a part of another archive",
  V: "a volume's name",
};
const extensionBytesMax = 1 << 20;
const segmentsMax = 64;

/** The files of a tar file, packed with gzip or plain. Throws E_ARCHIVE or E_LIMIT with the entry named. */
export async function readArchive(packed: Uint8Array, subject: string, limits: RemoteLimits): Promise<ArchiveFiles> {
  const bytes = isGzip(packed) ? await inflate(packed, subject, limits) : Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  if (bytes.length > limits.inflatedBytes)
    throw remoteError("E_LIMIT", subject, `the archive is larger than ${limits.inflatedBytes} bytes`);
  return untar(bytes, subject, limits);
}

function untar(tar: Buffer, subject: string, limits: RemoteLimits): ArchiveFiles {
  const files = new Map<string, Uint8Array>();
  const places = new Places(subject);
  let said: Said = {};
  let entries = 0;
  for (let at = 0; at < tar.length;) {
    if (at + blockBytes > tar.length) throw remoteError("E_ARCHIVE", subject, "the archive ends in the middle of a header");
    const block = tar.subarray(at, at + blockBytes);
    if (block.every((byte) => byte === 0)) break;
    const header = readHeader(block);
    if (header === null) throw remoteError("E_ARCHIVE", subject, `the archive has a broken header at byte ${at}`);
    entries += 1;
    if (entries > 4 * limits.files) throw remoteError("E_LIMIT", subject, `the archive has more than ${4 * limits.files} entries`);
    const bytes = said.bytes ?? header.bytes;
    const start = at + blockBytes;
    const content = tar.subarray(start, start + bytes);
    const name = said.name ?? header.name;
    if (content.length < bytes) throw remoteError("E_ARCHIVE", subject, `the archive ends in the middle of ${shown(name)}`);
    at = start + Math.ceil(bytes / blockBytes) * blockBytes;
    if ("LKxg".includes(header.type)) {
      said = extended(said, header.type, content, subject);
      continue;
    }
    said = {};
    takeEntry(header.type, name, content);
  }
  return files;

  function takeEntry(type: string, name: string, content: Buffer): void {
    const what = refusedTypes[type] ?? (type === "0" || type === "5" ? null : `an entry of the unknown type ${shown(type)}`);
    if (what !== null) throw remoteError("E_ARCHIVE", subject, `the archive holds ${what}: ${shown(name)}`);
    const isFolder = type === "5" || name.endsWith("/");
    const path = plainPath(name, subject, limits.pathBytes);
    if (isFolder) return path === "" ? undefined : places.addFolder(path, name);
    if (path === "") throw remoteError("E_ARCHIVE", subject, `the archive has a file without a name: ${shown(name)}`);
    places.addFile(path, name);
    files.set(path, content);
    if (files.size > limits.files) throw remoteError("E_LIMIT", subject, `the archive has more than ${limits.files} files`);
  }
}

/** What an extension header says of the entry after it. */
function extended(said: Said, type: string, content: Buffer, subject: string): Said {
  if (content.length > extensionBytesMax)
    throw remoteError("E_LIMIT", subject, `the archive has a name longer than ${extensionBytesMax} bytes`);
  // Where a link leads: the link itself is refused when it comes.
  if (type === "K") return said;
  if (type === "L") {
    const end = content.indexOf(0);
    const name = decode(end === -1 ? content : content.subarray(0, end));
    if (name === null) throw remoteError("E_ARCHIVE", subject, "the archive has a name that is not UTF-8");
    return { ...said, name };
  }
  const records = readPax(content);
  if (records === null) throw remoteError("E_ARCHIVE", subject, "the archive has a broken extended header");
  const [name, size] = [records.get("path"), records.get("size")];
  if ([...records.keys()].some((key) => key.startsWith("GNU.sparse.")))
    throw remoteError("E_ARCHIVE", subject, `the archive holds a sparse file: ${shown(name ?? "")}`);
  // For all that follow: git archive writes its commit there, and nobody has reason to write a name.
  if (type === "g") {
    if (name !== undefined || size !== undefined)
      throw remoteError("E_ARCHIVE", subject, "the archive gives one name or size to every entry");
    return said;
  }
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw remoteError("E_ARCHIVE", subject, `the archive has the size ${shown(size)}`);
  return { ...said, ...(name === undefined ? {} : { name }), ...(size === undefined ? {} : { bytes: Number(size) }) };
}

/** The path without `./` and the slash at its end; "" for the root. Throws unless it stays inside and means one thing everywhere. */
function plainPath(name: string, subject: string, bytesMax: number): string {
  const refuse = (why: string) => remoteError("E_ARCHIVE", subject, `the archive has an entry ${shown(name)}: ${why}`);
  if (Buffer.byteLength(name) > bytesMax)
    throw remoteError("E_LIMIT", subject, `the archive has an entry ${shown(name)}: longer than ${bytesMax} bytes`);
  if (/[\p{Cc}\p{Cs}\u{2028}\u{2029}]/u.test(name)) throw refuse("its name has a control character");
  if (name.includes("\\")) throw refuse("its name has a backslash");
  if (name.startsWith("/") || /^[a-zA-Z]:/.test(name)) throw refuse("its path is absolute");
  const segments = name
    .replace(/\/+$/, "")
    .split("/")
    .filter((segment) => segment !== ".");
  if (segments.includes("..")) throw refuse("its path leads out of the archive");
  if (name !== "" && segments.length > 0 && segments.includes("")) throw refuse("a part of its path is empty");
  if (segments.length > segmentsMax) throw refuse(`its path has more than ${segmentsMax} parts`);
  return segments.join("/");
}

/** Where files and folders are, as every file system would see it: without case, in one Unicode form. */
class Places {
  readonly #subject: string;
  readonly #kinds = new Map<string, { readonly kind: "file" | "folder"; readonly path: string }>();

  constructor(subject: string) {
    this.#subject = subject;
  }

  addFile(path: string, name: string): void {
    const slash = path.lastIndexOf("/");
    if (slash !== -1) this.addFolder(path.slice(0, slash), name);
    const there = this.#kinds.get(folded(path));
    if (there !== undefined) throw this.#collision(name, there.path);
    this.#kinds.set(folded(path), { kind: "file", path });
  }

  addFolder(path: string, name: string): void {
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      const there = this.#kinds.get(folded(folder));
      if (there?.kind === "file" || (there !== undefined && there.path !== folder)) throw this.#collision(name, there.path);
      if (there !== undefined) return;
      this.#kinds.set(folded(folder), { kind: "folder", path: folder });
    }
  }

  #collision(name: string, other: string): Error {
    return remoteError("E_ARCHIVE", this.#subject, `the archive has two entries at one place: ${shown(name)} and ${shown(other)}`);
  }
}

const folded = (path: string): string => path.normalize("NFC").toLowerCase();
const shown = (name: string): string => printable(JSON.stringify(name), 200);
