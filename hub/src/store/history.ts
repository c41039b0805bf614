// What moved on each cluster, so that people can ask why: the last moves of every pin, bounded by number and age.

import type { Database } from "better-sqlite3";

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";

export const historyMigration = `
  CREATE TABLE history (
    cluster TEXT NOT NULL, app TEXT NOT NULL, generation INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (cluster, app, generation)
  ) WITHOUT ROWID;
  CREATE INDEX history_at ON history (at);
`;

export const historyLimits = { movesPerApp: 20, keptMs: 90 * 86_400_000 } as const;

/** A pin that moved with a bundle. `release` null: the App was not there. */
export type MoveRow = {
  readonly cluster: ClusterName;
  readonly app: AppKey;
  /** Of the bundle that brought it. */
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: { readonly release: Digest | null; readonly commit: string | null };
  readonly to: { readonly release: Digest | null; readonly commit: string | null };
  /** Source -> commit, of the decision. */
  readonly sources: Readonly<Record<string, string>>;
  /** The cluster's first bundle. */
  readonly first: boolean;
  /** An approval came with the same bundle. */
  readonly approved: boolean;
};

type Run = (sql: string, ...values: (string | number | null)[]) => unknown;

/** Within the writer's transaction. */
export function writeMoves(run: Run, rows: readonly MoveRow[]): void {
  for (const { cluster, app, generation, at, ...body } of rows) {
    run(
      "INSERT OR REPLACE INTO history (cluster, app, generation, at, body) VALUES (?,?,?,?,?)",
      cluster,
      app,
      generation,
      at,
      JSON.stringify(body),
    );
    run(
      "DELETE FROM history WHERE cluster = ? AND app = ? AND generation NOT IN (SELECT generation FROM history WHERE cluster = ? AND app = ? ORDER BY generation DESC LIMIT ?)",
      cluster,
      app,
      cluster,
      app,
      historyLimits.movesPerApp,
    );
  }
}

/** Within the writer's transaction: what is too old goes. */
export function sweepMoves(db: Database, at: number): void {
  db.prepare("DELETE FROM history WHERE at < ?").run(at - historyLimits.keptMs);
}

/** Newest first, at most `max`; of one App, or of all. */
export function readMoves(db: Database, cluster: ClusterName, app: AppKey | null, max: number): readonly MoveRow[] {
  const which = app === null ? "" : "AND app = @app ";
  const rows = db
    .prepare(`SELECT * FROM history WHERE cluster = @cluster ${which}ORDER BY generation DESC, app LIMIT @max`)
    .all({ cluster, max, ...(app !== null && { app }) }) as {
    readonly app: string;
    readonly generation: number;
    readonly at: number;
    readonly body: string;
  }[];
  return rows.map(({ app: key, generation, at, body }) => ({
    ...(JSON.parse(body) as Omit<MoveRow, "cluster" | "app" | "generation" | "at">),
    cluster,
    app: key as AppKey,
    generation,
    at,
  }));
}
