// Which objects the packs of a repository hold, by their indexes: so that a fetch can be called complete without reading every file.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { isCommitId } from "./address.ts";
import { gitError } from "./faults.ts";
import { heldRef, packFolder, packsIn } from "./gitdir.ts";

const magic = 0xff744f63;
const namesAt = 8 + 256 * 4;

/** Tells whether an object is in one of the packs. Reads the indexes once. */
export async function heldObjects(gitdir: string, name: string): Promise<(oid: string) => boolean> {
  const packs = await packsIn(gitdir);
  const indexes = await Promise.all(packs.map((pack) => readFile(join(packFolder(gitdir), `${pack}.idx`))));
  if (!indexes.every(isIndex)) throw gitError("E_GIT_CORRUPT", name, "the index of a pack is damaged");
  return (oid) => {
    const wanted = Buffer.from(oid, "hex");
    return indexes.some((index) => holds(index, wanted));
  };
}

const countOf = (index: Buffer): number => index.readUInt32BE(namesAt - 4);
const isIndex = (index: Buffer): boolean =>
  index.length > namesAt && index.readUInt32BE(0) === magic && index.readUInt32BE(4) === 2 && index.length >= namesAt + countOf(index) * 20;

/** Binary search among the sorted 20-byte ids. */
function holds(index: Buffer, wanted: Buffer): boolean {
  let low = 0;
  let high = countOf(index);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = index.compare(wanted, 0, 20, namesAt + middle * 20, namesAt + middle * 20 + 20);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** The commit of the last complete fetch, or null. */
export async function heldCommit(gitdir: string): Promise<string | null> {
  const id = (await readFile(join(gitdir, heldRef), "utf8").catch(() => "")).trim();
  return isCommitId(id) ? id : null;
}
