// What people did that is not in Git: pauses, words for a pin that waits for a hand, orders to deliver again. One row each, by its id;
// what a body means is the caller's matter.

import type { Database } from "better-sqlite3";

import type { JsonValue } from "@muster/proto/model/json";

/** `at` is milliseconds since 1970. */
export type ActRow = { readonly id: string; readonly kind: string; readonly at: number; readonly body: JsonValue };

export type ActWrite = { readonly kind: "act"; readonly row: ActRow } | { readonly kind: "actsGone"; readonly ids: readonly string[] };

/** An answered enrolment: the same request gets the same certificate again. `request` is the SHA-256 of the token's id and the CSR. */
export type EnrolmentRow = {
  readonly request: string;
  readonly cluster: string;
  readonly serial: string;
  readonly certificate: Uint8Array;
  readonly at: number;
};

export type EnrolmentWrite =
  { readonly kind: "enrolment"; readonly row: EnrolmentRow } | { readonly kind: "enrolmentsGone"; readonly requests: readonly string[] };

export const actsMigration = `
  CREATE TABLE act (id TEXT PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE enrolment (
    request TEXT PRIMARY KEY, cluster TEXT NOT NULL, serial TEXT NOT NULL, certificate BLOB NOT NULL, at INTEGER NOT NULL
  ) WITHOUT ROWID;
  `;

type Run = (sql: string, ...values: readonly (string | number | null | Uint8Array)[]) => void;

/** How each of these writes is applied. */
export const actAppliers = {
  act: (run: Run, { row }: Extract<ActWrite, { kind: "act" }>): void =>
    run("INSERT OR REPLACE INTO act (id, kind, at, body) VALUES (?,?,?,?)", row.id, row.kind, row.at, JSON.stringify(row.body)),
  actsGone: (run: Run, { ids }: Extract<ActWrite, { kind: "actsGone" }>): void => {
    for (const id of ids) run("DELETE FROM act WHERE id = ?", id);
  },
  enrolmentsGone: (run: Run, { requests }: Extract<EnrolmentWrite, { kind: "enrolmentsGone" }>): void => {
    for (const request of requests) run("DELETE FROM enrolment WHERE request = ?", request);
  },
  enrolment: (run: Run, { row }: Extract<EnrolmentWrite, { kind: "enrolment" }>): void =>
    run(
      "INSERT OR REPLACE INTO enrolment (request, cluster, serial, certificate, at) VALUES (?,?,?,?,?)",
      row.request,
      row.cluster,
      row.serial,
      row.certificate,
      row.at,
    ),
} as const;

export function loadActs(db: Database): readonly ActRow[] {
  const rows = db.prepare("SELECT id, kind, at, body FROM act ORDER BY id").all() as readonly (Omit<ActRow, "body"> & { body: string })[];
  return rows.map((row) => ({ ...row, body: JSON.parse(row.body) as JsonValue }));
}

export function loadEnrolments(db: Database): readonly EnrolmentRow[] {
  return db.prepare("SELECT request, cluster, serial, certificate, at FROM enrolment").all() as EnrolmentRow[];
}
