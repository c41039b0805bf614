// Each kind of write as statements. Runs in the writer's thread, inside its transaction.

import type { Database, Statement } from "better-sqlite3";

import type { Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { manifestText } from "@muster/proto/model/release";
import type { JsonValue } from "@muster/proto/model/json";
import { actAppliers } from "./acts.ts";
import { writeMoves } from "./history.ts";
import type { ReleasedChange, Write } from "./rows.ts";
import { seal, tryUnseal } from "./seal.ts";
import { sweep } from "./sweep.ts";

const json = (value: unknown): string => JSON.stringify(value as JsonValue);

/** Keeps a text under its digest, sealed. One that is there and whole stays; a damaged one is written anew. */
type Keep = (table: "manifest" | "object", digest: Digest, text: string) => void;
const kept = {
  manifest: { find: "SELECT body FROM manifest WHERE release = ?", put: "INSERT OR REPLACE INTO manifest (release, body) VALUES (?,?)" },
  object: { find: "SELECT body FROM object WHERE digest = ?", put: "INSERT OR REPLACE INTO object (digest, body) VALUES (?,?)" },
} as const satisfies Record<Parameters<Keep>[0], object>;

type Run = (sql: string, ...values: readonly (string | number | null | Uint8Array)[]) => void;

/** Applies writes to an open database; statements are prepared once. `onDamaged` hears of Releases that cannot be read. */
export function writesOn(db: Database, storeKey: Uint8Array, onDamaged: (releases: readonly Digest[]) => void): (write: Write) => void {
  const prepared = new Map<string, Statement>();
  const statement = (sql: string): Statement => {
    const known = prepared.get(sql) ?? db.prepare(sql);
    prepared.set(sql, known);
    return known;
  };
  const run: Run = (sql, ...values) => void statement(sql).run(...values);
  const keep: Keep = (table, digest, text) => {
    const row = statement(kept[table].find).get(digest) as { readonly body: Uint8Array } | undefined;
    if (row !== undefined && tryUnseal(storeKey, digest, row.body) === text) return;
    run(kept[table].put, digest, seal(storeKey, digest, text));
  };
  return (write) => {
    if (write.kind === "sweep") {
      const damaged = sweep(db, write, storeKey);
      return damaged.length === 0 ? undefined : onDamaged(damaged);
    }
    const apply = appliers[write.kind] as (run: Run, write: Write, storeKey: Uint8Array, keep: Keep) => void;
    apply(run, write, storeKey, keep);
  };
}

type Applier<K extends Write["kind"]> = (run: Run, write: Extract<Write, { kind: K }>, storeKey: Uint8Array, keep: Keep) => void;

const appliers: { readonly [K in Exclude<Write["kind"], "sweep">]: Applier<K> } = {
  ...actAppliers,
  meta: (run, { key, value }) => run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value),
  token: (run, { row: t }) =>
    run(
      "INSERT OR REPLACE INTO token (id, kind, hash, name, role, tenant, cluster, labels, uses_left, replace_name, created_at, created_by, expires_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
      t.id,
      t.kind,
      t.hash,
      t.name,
      t.role,
      t.tenant,
      t.cluster,
      json(t.labels),
      t.usesLeft,
      t.replace ? 1 : 0,
      t.createdAt,
      t.createdBy,
      t.expiresAt,
    ),
  tokenUsed: (run, { id }) => run("UPDATE token SET uses_left = uses_left - 1 WHERE id = ?", id),
  cluster: (run, { row: c }) =>
    run(
      "INSERT OR REPLACE INTO cluster (name, uid, enrolled_at, labels, facts, acked_generation, acked_digest, refusal, refusal_message, last_seen) VALUES (?,?,?,?,?,?,?,?,?,?)",
      c.name,
      c.uid,
      c.enrolledAt,
      json(c.labels),
      c.facts && json(c.facts),
      c.ackedGeneration,
      c.ackedDigest,
      c.refusal,
      c.refusalMessage,
      c.lastSeen,
    ),
  certificate: (run, { row: c }) =>
    run(
      "INSERT OR REPLACE INTO certificate (serial, cluster, uid, not_after, revoked_at) VALUES (?,?,?,?,?)",
      c.serial,
      c.cluster,
      c.uid,
      c.notAfter,
      c.revokedAt,
    ),
  revoke: (run, { cluster, exceptUid, at }) =>
    run("UPDATE certificate SET revoked_at = ? WHERE cluster = ? AND revoked_at IS NULL AND uid IS NOT ?", at, cluster, exceptUid),
  bundle: (run, { row: b, released, tombstones }) => {
    const releases = json(b.releases);
    run(
      "INSERT INTO bundle (cluster, uid, generation, epoch, digest, content, envelope, releases, approvals) VALUES (?,?,?,?,?,?,?,?,?)",
      b.cluster,
      b.uid,
      b.generation,
      b.epoch,
      b.digest,
      b.content,
      b.envelope,
      releases,
      json(b.approvals),
    );
    // The newest and the one before it: what an agent may still be fetching.
    run(
      "DELETE FROM bundle WHERE cluster = ? AND generation NOT IN (SELECT generation FROM bundle WHERE cluster = ? ORDER BY generation DESC LIMIT 2)",
      b.cluster,
      b.cluster,
    );
    putReleased(run, b.cluster, released);
    run("DELETE FROM tombstone WHERE cluster = ?", b.cluster);
    for (const row of tombstones) run("INSERT INTO tombstone (cluster, app, body) VALUES (?,?,?)", b.cluster, row.app, json(row));
  },
  released: (run, { cluster, released }) => putReleased(run, cluster, released),
  status: (run, { cluster, statuses, forgotten }) => {
    for (const { soak: _, ...lasting } of statuses)
      run("INSERT OR REPLACE INTO status (cluster, app, body) VALUES (?,?,?)", cluster, lasting.app, json(lasting));
    for (const app of forgotten) run("DELETE FROM status WHERE cluster = ? AND app = ?", cluster, app);
  },
  release: (_run, { digest, manifest, objects }, _storeKey, keep) => {
    keep("manifest", digest, manifestText(manifest));
    for (const [name, text] of objects) keep("object", name, text);
  },
  render: (run, { variant, release, body, at }, storeKey) =>
    run(
      "INSERT OR REPLACE INTO render (variant, release, body, used_at) VALUES (?,?,?,?)",
      variant,
      release,
      seal(storeKey, variant, json(body)),
      at,
    ),
  rendersGone: (run, { releases }) => {
    for (const release of releases) run("DELETE FROM render WHERE release = ?", release);
  },
  documents: (run, { put, drop }, storeKey) => {
    for (const key of drop) run("DELETE FROM document WHERE key = ?", key);
    for (const { key, source, path, body } of put)
      run("INSERT OR REPLACE INTO document (key, source, path, body) VALUES (?,?,?,?)", key, source, path, seal(storeKey, key, json(body)));
  },
  source: (run, { row }) => run("INSERT OR REPLACE INTO source (name, body) VALUES (?,?)", row.name, json(row)),
  moves: (run, { rows }) => writeMoves(run, rows),
  sourcesGone: (run, { names }) => {
    for (const name of names) run("DELETE FROM source WHERE name = ?", name);
  },
  approval: (run, { row: a }) =>
    run("INSERT OR REPLACE INTO approval (digest, actor, reason, at) VALUES (?,?,?,?)", a.digest, a.actor, a.reason, a.at),
};

function putReleased(run: Run, cluster: ClusterName, { put, drop }: ReleasedChange): void {
  for (const app of drop) run("DELETE FROM released WHERE cluster = ? AND app = ?", cluster, app);
  for (const row of put)
    run("INSERT OR REPLACE INTO released (cluster, app, release, body) VALUES (?,?,?,?)", cluster, row.app, row.release, json(row));
}
