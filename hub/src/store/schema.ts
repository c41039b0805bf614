// The tables, as numbered migrations. `user_version` says how many were applied; a database from a newer hub is refused.

import { actsMigration } from "./acts.ts";
import { historyMigration } from "./history.ts";

export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE token (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL, role TEXT, tenant TEXT NOT NULL,
    cluster TEXT, labels TEXT NOT NULL, uses_left INTEGER NOT NULL, replace_name INTEGER NOT NULL,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE cluster (
    name TEXT PRIMARY KEY, uid TEXT NOT NULL, enrolled_at INTEGER NOT NULL, labels TEXT NOT NULL, facts TEXT,
    acked_generation INTEGER NOT NULL, acked_digest TEXT NOT NULL, refusal TEXT, refusal_message TEXT NOT NULL, last_seen INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE certificate (
    serial TEXT PRIMARY KEY, cluster TEXT NOT NULL, uid TEXT NOT NULL, not_after INTEGER NOT NULL, revoked_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX certificate_cluster ON certificate (cluster);

  CREATE TABLE bundle (
    cluster TEXT NOT NULL, uid TEXT NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL, digest TEXT NOT NULL, content TEXT NOT NULL,
    envelope BLOB NOT NULL, releases TEXT NOT NULL, approvals TEXT NOT NULL, PRIMARY KEY (cluster, generation)
  ) WITHOUT ROWID;

  -- What a cluster is allowed to run now: the content of its newest bundle, with where it came from.
  CREATE TABLE released (
    cluster TEXT NOT NULL, app TEXT NOT NULL, release TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cluster, app)
  ) WITHOUT ROWID;
  CREATE TABLE tombstone (
    cluster TEXT NOT NULL, app TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cluster, app)
  ) WITHOUT ROWID;
  CREATE TABLE status (
    cluster TEXT NOT NULL, app TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (cluster, app)
  ) WITHOUT ROWID;

  CREATE TABLE manifest (release TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE object (digest TEXT PRIMARY KEY, body BLOB NOT NULL);
  CREATE TABLE render (variant TEXT PRIMARY KEY, release TEXT, body BLOB NOT NULL, used_at INTEGER NOT NULL) WITHOUT ROWID;

  -- The last good text of what people wrote in Git, by document key, sealed; and where each key was accepted from.
  CREATE TABLE document (key TEXT PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE source (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE approval (digest TEXT PRIMARY KEY, actor TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
  `,
  actsMigration,
  historyMigration,
];
