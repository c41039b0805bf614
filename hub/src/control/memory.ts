// What the loops hold in memory: the stored state by its keys. Changed only after the store has made the same change durable, so that
// nobody is ever told what a power cut could take back.

import type { Tombstone } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { statusDigest, statusRoot } from "@muster/proto/model/root";
import type { AppStatus } from "@muster/proto/model/status";
import type {
  ActRow,
  ApprovalRow,
  BundleRow,
  CertificateRow,
  ClusterRow,
  DocumentRow,
  EnrolmentRow,
  ReleasedChange,
  ReleasedRow,
  SourceRow,
  StoredState,
  TokenRow,
  Write,
} from "../store/store.ts";

type Kept = { readonly status: AppStatus; readonly digest: Digest };

/** One enrolled cluster with all that is remembered of it. */
export type Member = {
  row: ClusterRow;
  /** Newest first, at most two. */
  bundles: readonly BundleRow[];
  released: ReadonlyMap<AppKey, ReleasedRow>;
  tombstones: ReadonlyMap<AppKey, Tombstone>;
  /** Of the newest bundle. */
  approvals: readonly Digest[];
  readonly statuses: Map<AppKey, Kept>;
};

export type Memory = {
  readonly meta: Map<string, string>;
  readonly tokens: Map<string, TokenRow>;
  readonly certificates: Map<string, CertificateRow>;
  readonly members: Map<ClusterName, Member>;
  readonly documents: Map<string, DocumentRow>;
  readonly sources: Map<string, SourceRow>;
  readonly approvals: Map<Digest, ApprovalRow>;
  readonly acts: Map<string, ActRow>;
  /** By request. */
  readonly enrolments: Map<string, EnrolmentRow>;
};

export function memoryOf(state: StoredState): Memory {
  const memory: Memory = {
    meta: new Map(state.meta),
    tokens: new Map(state.tokens.map((row) => [row.id, row])),
    certificates: new Map(state.certificates.map((row) => [row.serial, row])),
    members: new Map(state.clusters.map((row) => [row.name, newMember(row)])),
    documents: new Map(state.documents.map((row) => [row.key, row])),
    sources: new Map(state.sources.map((row) => [row.name, row])),
    approvals: new Map(state.approvals.map((row) => [row.digest, row])),
    acts: new Map(state.acts.map((row) => [row.id, row])),
    enrolments: new Map(state.enrolments.map((row) => [row.request, row])),
  };
  for (const row of state.bundles)
    within(memory, row.cluster, (member) => {
      if (member.bundles.length === 0) member.approvals = row.approvals;
      member.bundles = [...member.bundles, row].slice(0, 2);
    });
  for (const [cluster, rows] of Map.groupBy(state.released, (entry) => entry.cluster)) {
    within(memory, cluster, (member) => (member.released = new Map(rows.map(({ row }) => [row.app, row]))));
  }
  for (const [cluster, rows] of Map.groupBy(state.tombstones, (entry) => entry.cluster)) {
    within(memory, cluster, (member) => (member.tombstones = new Map(rows.map(({ tombstone }) => [tombstone.app, tombstone]))));
  }
  for (const { cluster, status } of state.statuses) within(memory, cluster, (member) => void member.statuses.set(status.app, keep(status)));
  return memory;
}

/** Does in memory what the store has done on disk. */
export function remember(memory: Memory, writes: readonly Write[]): void {
  for (const write of writes) (changes[write.kind] as (memory: Memory, write: Write) => void)(memory, write);
}

type Change<K extends Write["kind"]> = (memory: Memory, write: Extract<Write, { kind: K }>) => void;

const changes: { readonly [K in Write["kind"]]: Change<K> } = {
  meta: (memory, { key, value }) => void memory.meta.set(key, value),
  token: (memory, { row }) => void memory.tokens.set(row.id, row),
  tokenUsed: (memory, { id }) => {
    const row = memory.tokens.get(id);
    if (row !== undefined) memory.tokens.set(id, { ...row, usesLeft: row.usesLeft - 1 });
  },
  cluster: (memory, { row }) => {
    const member = memory.members.get(row.name);
    if (member === undefined) memory.members.set(row.name, newMember(row));
    else member.row = row;
  },
  certificate: (memory, { row }) => void memory.certificates.set(row.serial, row),
  revoke: (memory, { cluster, exceptUid, at }) => {
    for (const row of memory.certificates.values()) {
      if (row.cluster === cluster && row.uid !== exceptUid && row.revokedAt === null)
        memory.certificates.set(row.serial, { ...row, revokedAt: at });
    }
  },
  bundle: (memory, { row, released, tombstones }) =>
    within(memory, row.cluster, (member) => {
      member.bundles = [row, ...member.bundles].slice(0, 2);
      member.approvals = row.approvals;
      member.released = changedRows(member.released, released);
      member.tombstones = new Map(tombstones.map((entry) => [entry.app, entry]));
    }),
  released: (memory, { cluster, released }) =>
    within(memory, cluster, (member) => (member.released = changedRows(member.released, released))),
  status: (memory, { cluster, statuses, forgotten }) =>
    within(memory, cluster, (member) => {
      for (const status of statuses) member.statuses.set(status.app, keep(status));
      for (const app of forgotten) member.statuses.delete(app);
    }),
  release: () => undefined,
  render: () => undefined,
  rendersGone: () => undefined,
  sweep: () => undefined,
  moves: () => undefined,
  documents: (memory, { put, drop }) => {
    for (const key of drop) memory.documents.delete(key);
    for (const row of put) memory.documents.set(row.key, row);
  },
  source: (memory, { row }) => void memory.sources.set(row.name, row),
  sourcesGone: (memory, { names }) => {
    for (const name of names) memory.sources.delete(name);
  },
  approval: (memory, { row }) => void memory.approvals.set(row.digest, row),
  act: (memory, { row }) => void memory.acts.set(row.id, row),
  actsGone: (memory, { ids }) => {
    for (const id of ids) memory.acts.delete(id);
  },
  enrolment: (memory, { row }) => void memory.enrolments.set(row.request, row),
  enrolmentsGone: (memory, { requests }) => {
    for (const request of requests) memory.enrolments.delete(request);
  },
};

function changedRows(rows: Member["released"], { put, drop }: ReleasedChange): Member["released"] {
  const next = new Map(rows);
  for (const app of drop) next.delete(app);
  for (const row of put) next.set(row.app, row);
  return next;
}

/** The root over what the hub knows of a cluster: compared with what its agent says. */
export function rootOf(member: Member): Digest {
  return statusRoot([...member.statuses].map(([app, { digest }]) => [app, digest] as const));
}

function newMember(row: ClusterRow): Member {
  return { row, bundles: [], released: new Map(), tombstones: new Map(), approvals: [], statuses: new Map() };
}

const keep = (status: AppStatus): Kept => ({ status, digest: statusDigest(status) });

function within(memory: Memory, cluster: ClusterName, change: (member: Member) => unknown): void {
  const member = memory.members.get(cluster);
  if (member !== undefined) change(member);
}
