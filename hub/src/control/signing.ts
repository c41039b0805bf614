// Turns what was decided for a cluster into its next signed bundle. Signs only for a cluster that has said hello in this run of the hub:
// it told us what it accepted, so that a hub that was restored from a copy moves past it first (F09). Equal content is never signed again.

import { encodeEnvelope } from "@muster/proto/codec/envelope";
import { bundlePayloadType } from "@muster/proto/model/bundle";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { assembleBundle, nextNumbers, settleContent } from "../bundle/bundle.ts";
import type { Keys } from "../keys/keys.ts";
import type { ReleasedRow, Write } from "../store/store.ts";
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

/** Signs and sends what differs from the cluster's newest bundle. True when a new bundle went out. */
export async function signFor(
  options: SigningOptions,
  decided: Decided,
  revision: { readonly serial: number; readonly sources: Readonly<Record<string, string>> },
): Promise<boolean> {
  const { record, keys, sessions, now, log } = options;
  const cluster: ClusterName = decided.cluster.name;
  const member = record.memory.members.get(cluster);
  const live = sessions.live(cluster);
  if (member === undefined || live === undefined || (decided.undecided && member.bundles.length > 0)) return false;
  const rows = [...decided.released.values()];
  const content = settleContent({
    paused: decided.cluster.paused,
    apps: rows,
    tombstones: decided.tombstones,
    approvals: decided.approvals,
  });
  const newest = member.bundles[0];
  const { accepted } = live.hello;
  const behind = accepted !== null && newest !== undefined && (accepted.epoch > newest.epoch || accepted.generation > newest.generation);
  const theirs = newest?.uid === member.row.uid;
  if (newest?.content === content.digest && theirs && !behind) return keepSettings(record, cluster, member.released, rows);
  if (newest === undefined && rows.length === 0 && decided.tombstones.length === 0) return false;
  const numbers = nextNumbers(newest, accepted);
  if (numbers.restored)
    log.warn(
      { cluster, epoch: numbers.epoch, generation: numbers.generation },
      "an agent has seen more than this hub remembers; moving past it",
    );
  const head = {
    fleet: keys.fleet,
    cluster,
    clusterUid: member.row.uid,
    epoch: numbers.epoch,
    signer: keys.signer.keyid,
    generation: numbers.generation,
    issuedAt: new Date(now()).toISOString(),
    revision,
  };
  const { text, digest } = assembleBundle(head, content);
  const envelope = keys.signer.sign(bundlePayloadType, text);
  const write: Write = {
    kind: "bundle",
    row: {
      cluster,
      uid: member.row.uid,
      generation: numbers.generation,
      epoch: numbers.epoch,
      digest,
      content: content.digest,
      envelope: encodeEnvelope(envelope),
      releases: releasesOf(rows),
      approvals: content.approvals,
    },
    released: rows,
    tombstones: decided.tombstones,
  };
  const moves = movesOf({ cluster, generation: numbers.generation, at: now(), sources: revision.sources }, member, decided);
  await record.commit([write, { kind: "moves", rows: moves }]);
  sessions.offer(cluster);
  log.info({ cluster, generation: numbers.generation, count: rows.length, digest }, "released a bundle");
  return true;
}

/** The bundle stays; what only the hub acts on (whose child an App is, what becomes of it) is taken over. */
async function keepSettings(
  record: HubRecord,
  cluster: ClusterName,
  held: ReadonlyMap<AppKey, ReleasedRow>,
  rows: readonly ReleasedRow[],
): Promise<false> {
  const same = rows.every((row) => JSON.stringify(held.get(row.app)) === JSON.stringify(row));
  if (!same) await record.commit([{ kind: "released", cluster, rows }]);
  return false;
}

const releasesOf = (rows: readonly ReleasedRow[]) => [...new Set(rows.map(({ release }) => release))].toSorted();
