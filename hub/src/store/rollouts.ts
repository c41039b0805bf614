// Rollouts as rows: of a group its head, its newest rollout, that rollout's clusters, what each cluster passed, its pins, and the rollouts that
// ended. What a body means is the caller's matter. A row for each cluster, so that an event costs the clusters that it names.

import type { Database } from "better-sqlite3";

import type { JsonValue } from "@muster/proto/model/json";

export const rolloutParts = ["group", "live", "member", "passed", "pin", "ended"] as const;
export type RolloutPart = (typeof rolloutParts)[number];

/** `key`: a cluster, the number of an ended rollout, or empty. */
export type RolloutRow = { readonly group: string; readonly part: RolloutPart; readonly key: string; readonly body: JsonValue };

export type RolloutWrite = {
  readonly kind: "rollout";
  readonly group: string;
  /** True: all its members go first. */
  readonly fresh: boolean;
  readonly put: readonly Omit<RolloutRow, "group">[];
  readonly drop: readonly Pick<RolloutRow, "part" | "key">[];
};

export const rolloutsMigration = `
  CREATE TABLE rollout (
    grp TEXT NOT NULL, part TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (grp, part, key)
  ) WITHOUT ROWID;
  `;

type Run = (sql: string, ...values: readonly (string | number | null | Uint8Array)[]) => void;

export function writeRollout(run: Run, { group, fresh, put, drop }: RolloutWrite): void {
  if (fresh) run("DELETE FROM rollout WHERE grp = ? AND part = 'member'", group);
  for (const { part, key } of drop) run("DELETE FROM rollout WHERE grp = ? AND part = ? AND key = ?", group, part, key);
  for (const { part, key, body } of put)
    run("INSERT OR REPLACE INTO rollout (grp, part, key, body) VALUES (?,?,?,?)", group, part, key, JSON.stringify(body));
}

/** All but those that ended: they are asked for. */
export function loadRollouts(db: Database): readonly RolloutRow[] {
  const rows = db.prepare("SELECT grp, part, key, body FROM rollout WHERE part <> 'ended' ORDER BY grp, part, key").all();
  return (rows as readonly StoredRow[]).map(rowOf);
}

/** Newest first. */
export function endedRollouts(db: Database, group: string, max: number): readonly RolloutRow[] {
  const rows = db
    .prepare("SELECT grp, part, key, body FROM rollout WHERE grp = ? AND part = 'ended' ORDER BY CAST(key AS INTEGER) DESC LIMIT ?")
    .all(group, max);
  return (rows as readonly StoredRow[]).map(rowOf);
}

type StoredRow = { readonly grp: string; readonly part: RolloutPart; readonly key: string; readonly body: string };
const rowOf = ({ grp, part, key, body }: StoredRow): RolloutRow => ({ group: grp, part, key, body: JSON.parse(body) as JsonValue });
