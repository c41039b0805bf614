// How a cluster becomes a member: a join token for a certificate, once. The same request again, for an answer that was lost on its way,
// gets the very same certificate again; nobody else does, for the request proves its key.

import { createHash } from "node:crypto";

import type { ClusterName } from "@muster/proto/model/identity";
import type { Turns } from "@muster/proto/waiting/turns";
import { agentUri, decideEnrollment, heldToken } from "../enroll/enroll.ts";
import type { EnrollAnswer, EnrollCall } from "../link/link.ts";
import type { Keys } from "../keys/keys.ts";
import type { ClusterRow, EnrolmentRow, Write } from "../store/store.ts";
import type { HubLog } from "./log.ts";
import type { Memory } from "./memory.ts";
import type { HubRecord } from "./record.ts";

export type EnrollingOptions = {
  readonly record: HubRecord;
  readonly keys: Keys;
  readonly now: () => number;
  readonly log: HubLog;
  /** An agent enrolled, said hello, or reported facts that a render may use: what it shall run has to be looked at again. */
  readonly onChange: (cluster: ClusterName) => void;
  /** A certificate was revoked: its connections have to go. */
  readonly onRevoked: (serial: string) => void;
};

export class Enrolling {
  readonly #options: EnrollingOptions;
  readonly #turns: Turns;
  readonly #onEnrolled: (cluster: ClusterName) => void;

  /** `turns` are those of the sessions: what concerns one cluster is done one after the other. */
  constructor(options: EnrollingOptions, turns: Turns, onEnrolled: (cluster: ClusterName) => void) {
    this.#options = options;
    this.#turns = turns;
    this.#onEnrolled = onEnrolled;
  }

  /** One enrolment at a time: a token is used as often as it says. Throws OperationError with the reason of a refusal. */
  enroll(call: EnrollCall): Promise<EnrollAnswer> {
    return this.#turns.run("enrolment", () => this.#again(call) ?? this.#enroll(call));
  }

  /** The answer of the first time, while its certificate is still good and its cluster still the one that holds the name. */
  #again(call: EnrollCall): Promise<EnrollAnswer> | undefined {
    const { memory } = this.#options.record;
    const token = heldToken(call.token, (id) => memory.tokens.get(id));
    const row = token === undefined ? undefined : memory.enrolments.get(requestName(token.id, call.csr));
    if (row === undefined) return undefined;
    const cluster = row.cluster as ClusterName;
    if (uidAnswered(memory, row, this.#options.now()) !== call.clusterUid) return undefined;
    this.#options.log.info({ cluster, uid: call.clusterUid, remote: call.remote }, "answered an enrolment again");
    return Promise.resolve(this.#answer(cluster, row.certificate));
  }

  async #enroll(call: EnrollCall): Promise<EnrollAnswer> {
    const { record, keys, now, log } = this.#options;
    const { memory } = record;
    const at = now();
    const decided = decideEnrollment(
      call,
      (id) => {
        const row = memory.tokens.get(id);
        return row?.kind === "join" ? row : undefined;
      },
      (name) => memory.members.get(name as ClusterName)?.row,
      at,
    );
    const { cluster, uid } = decided;
    const issued = await keys.authority.issueAgent(call.csr, agentUri(keys.fleet, cluster, uid), at);
    const gone = await this.#turns.run(cluster, async () => {
      const known = memory.members.get(cluster)?.row;
      const row: ClusterRow = {
        ...(known ?? freshCluster(cluster)),
        uid,
        labels: known === undefined || decided.replaces ? decided.labels : known.labels,
        enrolledAt: at,
      };
      const replaced = [...memory.certificates.values()].filter(
        (held) => decided.replaces && held.cluster === cluster && held.uid !== uid && held.revokedAt === null,
      );
      const { certificate, serial } = issued;
      const answered: EnrolmentRow = { request: requestName(decided.tokenId, call.csr), cluster, serial, certificate, at };
      await record.commit([
        { kind: "tokenUsed", id: decided.tokenId },
        {
          kind: "cluster",
          row: decided.replaces ? { ...row, ackedGeneration: 0, ackedDigest: "", refusal: null, refusalMessage: "" } : row,
        },
        { kind: "certificate", row: { serial, cluster, uid, notAfter: issued.notAfter, revokedAt: null } },
        { kind: "enrolment", row: answered },
        ...(decided.replaces ? this.#forgetOld(cluster, uid, at) : []),
      ]);
      return replaced;
    });
    for (const { serial } of gone) this.#options.onRevoked(serial);
    this.#onEnrolled(cluster);
    log.info({ cluster, uid, replaces: decided.replaces, remote: call.remote }, "cluster enrolled");
    this.#options.onChange(cluster);
    return this.#answer(cluster, issued.certificate);
  }

  #answer(cluster: ClusterName, certificate: Uint8Array): EnrollAnswer {
    const { keys } = this.#options;
    return { certificates: [certificate], cluster, fleet: keys.fleet, keyManifests: keys.manifests };
  }

  #forgetOld(cluster: ClusterName, uid: string, at: number): Write[] {
    const statuses = this.#options.record.memory.members.get(cluster)?.statuses.keys() ?? [];
    return [
      { kind: "revoke", cluster, exceptUid: uid, at },
      { kind: "status", cluster, statuses: [], forgotten: [...statuses] },
    ];
  }
}

/** The cluster's UID while its answer may be given again: its certificate is good and it still holds the name. */
function uidAnswered({ certificates, members }: Memory, { cluster, serial }: EnrolmentRow, now: number): string | undefined {
  const certificate = certificates.get(serial);
  if (certificate === undefined || certificate.revokedAt !== null || certificate.notAfter <= now) return undefined;
  return members.get(cluster as ClusterName)?.row.uid === certificate.uid ? certificate.uid : undefined;
}

/** Requests whose answers are never given again. */
export function spentEnrolments(memory: Memory, now: number): readonly string[] {
  return [...memory.enrolments.values()].flatMap((row) => (uidAnswered(memory, row, now) === undefined ? [row.request] : []));
}

/** What tells one request from all others: the token that it used up, and the request itself, whose signature proves its key. */
function requestName(tokenId: string, csr: Uint8Array): string {
  return createHash("sha256").update(`${tokenId}\n`).update(csr).digest("hex");
}

/** A cluster of which nothing is known but its name. */
export function freshCluster(name: ClusterName): ClusterRow {
  return {
    name,
    uid: "",
    enrolledAt: 0,
    labels: {},
    facts: null,
    ackedGeneration: 0,
    ackedDigest: "",
    refusal: null,
    refusalMessage: "",
    lastSeen: 0,
  };
}
