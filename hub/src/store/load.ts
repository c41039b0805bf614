// Reads the whole state back at the start.

import type { Database } from "better-sqlite3";

import type { Tombstone } from "@muster/proto/model/bundle";
import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { AppStatus } from "@muster/proto/model/status";
import { loadActs, loadEnrolments } from "./acts.ts";
import type { ApprovalRow, BundleRow, CertificateRow, ClusterRow, ReleasedRow, SourceRow, StoredState, TokenRow } from "./rows.ts";
import { unseal } from "./seal.ts";

type Row = Readonly<Record<string, unknown>>;
const parse = <T>(text: unknown): T => JSON.parse(text as string) as T;

/** Throws OperationError "corrupt" when a document is damaged: one that seems to be gone would be taken away from clusters. */
export function loadState(db: Database, storeKey: Uint8Array): StoredState {
  const all = (sql: string): Row[] => db.prepare(sql).all() as Row[];
  return {
    meta: new Map(all("SELECT key, value FROM meta").map((row) => [row["key"] as string, row["value"] as string])),
    tokens: all("SELECT * FROM token").map(tokenRow),
    clusters: all("SELECT * FROM cluster ORDER BY name").map(clusterRow),
    certificates: all("SELECT * FROM certificate").map(certificateRow),
    bundles: all("SELECT * FROM bundle ORDER BY cluster, generation DESC").map(bundleRow),
    released: all("SELECT cluster, body FROM released ORDER BY cluster, app").map((row) => ({
      cluster: row["cluster"] as ClusterName,
      row: parse<ReleasedRow>(row["body"]),
    })),
    tombstones: all("SELECT cluster, body FROM tombstone").map((row) => ({
      cluster: row["cluster"] as ClusterName,
      tombstone: parse<Tombstone>(row["body"]),
    })),
    statuses: all("SELECT cluster, body FROM status").map((row) => ({
      cluster: row["cluster"] as ClusterName,
      status: { ...parse<Omit<AppStatus, "soak">>(row["body"]), soak: null },
    })),
    documents: all("SELECT * FROM document ORDER BY key").map((row) => ({
      key: row["key"] as string,
      source: row["source"] as string,
      path: row["path"] as string,
      body: parse<JsonValue>(unseal(storeKey, row["key"] as string, row["body"] as Uint8Array)),
    })),
    sources: all("SELECT body FROM source").map((row) => parse<SourceRow>(row["body"])),
    approvals: all("SELECT * FROM approval").map((row) => row as unknown as ApprovalRow),
    acts: loadActs(db),
    enrolments: loadEnrolments(db),
  };
}

function tokenRow(row: Row): TokenRow {
  return {
    id: row["id"] as string,
    kind: row["kind"] as TokenRow["kind"],
    hash: row["hash"] as TokenRow["hash"],
    name: row["name"] as string,
    role: row["role"] as string | null,
    tenant: row["tenant"] as string,
    cluster: row["cluster"] as ClusterName | null,
    labels: parse(row["labels"]),
    usesLeft: row["uses_left"] as number,
    replace: row["replace_name"] === 1,
    createdAt: row["created_at"] as number,
    createdBy: row["created_by"] as string,
    expiresAt: row["expires_at"] as number,
  };
}

function clusterRow(row: Row): ClusterRow {
  return {
    name: row["name"] as ClusterName,
    uid: row["uid"] as string,
    enrolledAt: row["enrolled_at"] as number,
    labels: parse(row["labels"]),
    facts: row["facts"] === null ? null : parse(row["facts"]),
    ackedGeneration: row["acked_generation"] as number,
    ackedDigest: row["acked_digest"] as string,
    refusal: row["refusal"] as ClusterRow["refusal"],
    refusalMessage: row["refusal_message"] as string,
    lastSeen: row["last_seen"] as number,
  };
}

function certificateRow(row: Row): CertificateRow {
  return {
    serial: row["serial"] as string,
    cluster: row["cluster"] as ClusterName,
    uid: row["uid"] as string,
    notAfter: row["not_after"] as number,
    revokedAt: row["revoked_at"] as number | null,
  };
}

function bundleRow(row: Row): BundleRow {
  return {
    cluster: row["cluster"] as ClusterName,
    uid: row["uid"] as string,
    generation: row["generation"] as number,
    epoch: row["epoch"] as number,
    digest: row["digest"] as BundleRow["digest"],
    content: row["content"] as BundleRow["content"],
    envelope: row["envelope"] as Uint8Array,
    releases: parse(row["releases"]),
    approvals: parse(row["approvals"]),
  };
}
