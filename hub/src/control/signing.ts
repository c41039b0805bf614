// Turns what was decided for a cluster into its next signed bundle. Signs only for a cluster that has said hello in this run of the hub:
// it told us what it accepted, so that a hub that was restored from a copy moves past it first (F09). Equal content is never signed again.

import { encodeEnvelope } from "@muster/proto/codec/envelope";
import { bundlePayloadType } from "@muster/proto/model/bundle";
import { messageOf } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { assembleBundle, nextNumbers, settleContent } from "../bundle/bundle.ts";
import type { Keys } from "../keys/keys.ts";
import type { MoveRow, ReleasedChange, ReleasedRow, Write } from "../store/store.ts";
import { movesOf } from "./asking/moves.ts";
import type { Decided } from "./fleet-state.ts";
import type { HubLog } from "./log.ts";
import type { HubRecord } from "./record.ts";
import type { Sessions } from "./sessions.ts";

export type SigningOptions = {
  readonly record: HubRecord;
  readonly keys: Keys;
  readonly sessions: Pick<Sessions, "live" | "offer">;
  readonly now: () => number;
  readonly log: HubLog;
};

/** What a decision was made from: a serial of the hub, and the commits by content key. */
export type Revision = { readonly serial: number; readonly sources: Readonly<Record<string, string>> };

const batchMax = 100;

/** Signs and sends what differs from each cluster's newest bundle. The number of new bundles. */
export async function signAll(options: SigningOptions, decided: Iterable<Decided>, revision: Revision): Promise<number> {
  let signed = 0;
  let batch: Next[] = [];
  const flush = async (): Promise<void> => {
    const ready = batch;
    batch = [];
    if (ready.length === 0) return;
    await options.record.commit(
      ready.flatMap(({ write, moves }): Write[] => (moves.length > 0 ? [write, { kind: "moves", rows: moves }] : [write])),
    );
    for (const { write, told } of ready) if (write.kind === "bundle") tell(options, write.row.cluster, told);
    signed += ready.filter(({ write }) => write.kind === "bundle").length;
  };
  for (const each of decided) {
    const next = nextOf(options, each, revision);
    if (next !== undefined) batch.push(next);
    if (batch.length >= batchMax) await flush();
  }
  await flush();
  return signed;
}

type Next = { readonly write: Extract<Write, { kind: "bundle" | "released" }>; readonly told: object; readonly moves: readonly MoveRow[] };

function tell({ sessions, log }: SigningOptions, cluster: ClusterName, told: object): void {
  sessions.offer(cluster);
  log.debug({ cluster, ...told }, "released a bundle");
}

/** One cluster that cannot be signed for stops only itself (S51). */
function nextOf(options: SigningOptions, decided: Decided, revision: Revision): Next | undefined {
  try {
    return nextBundle(options, decided, revision);
  } catch (error) {
    const { name } = decided.cluster;
    options.log.error({ cluster: name, reason: messageOf(error), err: error }, "could not sign for a cluster; its newest bundle stays");
    return undefined;
  }
}

/** The write that brings a cluster to what was decided for it; undefined when it is there, or when there is nobody to sign for. */
function nextBundle({ record, keys, sessions, now, log }: SigningOptions, decided: Decided, revision: Revision): Next | undefined {
  const cluster: ClusterName = decided.cluster.name;
  const member = record.memory.members.get(cluster);
  const live = sessions.live(cluster);
  if (member === undefined || live === undefined || (decided.undecided && member.bundles.length > 0)) return undefined;
  const newest = member.bundles[0];
  const { accepted } = live.hello;
  const behind = accepted !== null && newest !== undefined && (accepted.epoch > newest.epoch || accepted.generation > newest.generation);
  const theirs = newest?.uid === member.row.uid;
  const released = changeOf(member.released, decided.released);
  if (newest?.content === decided.content && theirs && !behind) {
    // The bundle stays; what only the hub acts on (whose child an App is, what becomes of it) is taken over.
    const same = released.put.length + released.drop.length === 0;
    return same ? undefined : { write: { kind: "released", cluster, released }, told: {}, moves: [] };
  }
  const rows = [...decided.released.values()];
  if (newest === undefined && rows.length === 0 && decided.tombstones.length === 0) return undefined;
  const numbers = nextNumbers(newest, accepted);
  const { epoch, generation } = numbers;
  if (numbers.restored) log.warn({ cluster, epoch, generation }, "an agent has seen more than this hub remembers; moving past it");
  const { tombstones, approvals } = decided;
  const content = settleContent({ paused: decided.cluster.paused, apps: rows, tombstones, approvals });
  const { uid } = member.row;
  const head = {
    fleet: keys.fleet,
    cluster,
    clusterUid: uid,
    epoch,
    signer: keys.signer.keyid,
    generation,
    issuedAt: new Date(now()).toISOString(),
    revision,
  };
  const { text, digest } = assembleBundle(head, content);
  const envelope = encodeEnvelope(keys.signer.sign(bundlePayloadType, text));
  const releases = releasesOf(rows);
  const row = { cluster, uid, generation, epoch, digest, content: content.digest, envelope, releases, approvals: content.approvals };
  const moves = movesOf({ cluster, generation, at: now(), sources: revision.sources }, member, decided);
  return { write: { kind: "bundle", row, released, tombstones }, told: { generation, count: rows.length, digest }, moves };
}

function changeOf(held: ReadonlyMap<AppKey, ReleasedRow>, wanted: ReadonlyMap<AppKey, ReleasedRow>): ReleasedChange {
  const differs = (row: ReleasedRow): boolean => {
    const known = held.get(row.app);
    return known !== row && (known === undefined || JSON.stringify(known) !== JSON.stringify(row));
  };
  return { put: [...wanted.values()].filter(differs), drop: [...held.keys()].filter((app) => !wanted.has(app)) };
}

const releasesOf = (rows: readonly ReleasedRow[]) => [...new Set(rows.map(({ release }) => release))].toSorted();
