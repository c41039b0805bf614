// What nothing names any more goes: renders that were not used for long, Releases that no bundle and no render names, objects that no
// Release names. Runs in the writer's thread, inside its transaction.

import type { Database } from "better-sqlite3";

import type { Digest } from "@muster/proto/model/digest";
import { parseManifest } from "@muster/proto/model/release";
import { sweepMoves } from "./history.ts";
import type { Write } from "./rows.ts";
import { tryUnseal } from "./seal.ts";

type Sweep = Extract<Write, { kind: "sweep" }>;

/** The Releases whose manifests are damaged: while there are any, no object goes, for nobody knows which of them they name. */
export function sweep(db: Database, { used, before, at }: Sweep, storeKey: Uint8Array): readonly Digest[] {
  db.prepare("UPDATE render SET used_at = ? WHERE variant IN (SELECT value FROM json_each(?))").run(at, JSON.stringify(used));
  db.prepare("DELETE FROM render WHERE used_at < ?").run(before);
  sweepMoves(db, at);
  db.exec(`DELETE FROM manifest WHERE release NOT IN (SELECT release FROM render WHERE release IS NOT NULL)
    AND release NOT IN (SELECT named.value FROM bundle, json_each(bundle.releases) AS named)`);
  const named = new Set<Digest>();
  const damaged: Digest[] = [];
  for (const row of db.prepare("SELECT release, body FROM manifest").iterate()) {
    const { release, body } = row as { readonly release: Digest; readonly body: Uint8Array };
    const text = tryUnseal(storeKey, release, body);
    if (text === undefined) damaged.push(release);
    else for (const line of parseManifest(text)) named.add(line.digest);
  }
  if (damaged.length > 0) return damaged;
  const gone = (db.prepare("SELECT digest FROM object").pluck().all() as Digest[]).filter((digest) => !named.has(digest));
  const remove = db.prepare("DELETE FROM object WHERE digest = ?");
  for (const digest of gone) remove.run(digest);
  return damaged;
}
