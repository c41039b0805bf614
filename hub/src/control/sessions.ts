// Serves the agents: sessions and Releases; enrolment is enrolling.ts. Says nothing that is not on disk, gives a Release only to a cluster whose newest or
// previous bundle names it, and lets two clusters with one name have nothing new.

import { encodeTransfer } from "@muster/proto/codec/transfer";
import { decodeEnvelope } from "@muster/proto/codec/envelope";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import {
  answersBeats,
  observedMax,
  observes,
  protocolVersion,
  type Ack,
  type FromAgent,
  type FromHub,
  type Hello,
  type ObservedApp,
  type StatusReport,
} from "@muster/proto/model/session";
import { Turns } from "@muster/proto/waiting/turns";
import { agentUri, readAgentIdentity, type AgentIdentity } from "../enroll/enroll.ts";
import type { EnrollAnswer, EnrollCall, HubSession, LinkHandlers, PeerCertificate, SessionEvents } from "../link/link.ts";
import type { ClusterRow } from "../store/store.ts";
import { Enrolling, freshCluster, type EnrollingOptions } from "./enrolling.ts";
import type { CommandPort, Live } from "./live-session.ts";
import { rootOf } from "./memory.ts";
import { Observing } from "./observing.ts";

export const sessionTimes = { beatMs: 30_000, reconnectWindowMs: 2_000, refusedRetryMs: 60_000 } as const;

/** In meta: when the database was found new although the keys were not. */
export const rebuiltKey = "rebuilt";

/** What is left of a certificate whose end nobody remembers: at most its whole life. */
const recoveredLifeMs = 30 * 86_400_000;

/** Apps of one cluster that no bundle names and that are remembered all the same. */
const unnamedAppsMax = 200;

const replacedBy: FromHub = { kind: "rejected", reason: "replaced", message: "a newer session of this cluster", retryAfterMs: 5_000 };

/** Numbers that no hub of ours has ever given out: far below what a JSON number can hold. */
const numberMax = 2 ** 48;

/** How long a second claim on a name is shown. */
const claimShownMs = 10 * 60_000;

export type SessionsOptions = EnrollingOptions & {
  /** What agents say about commands goes to whoever gave them. */
  readonly commands: CommandPort;
};

export class Sessions implements LinkHandlers<AgentIdentity> {
  readonly #options: SessionsOptions;
  readonly #live = new Map<ClusterName, Live>();
  readonly #turns = new Turns();
  readonly #enrolling: Enrolling;
  readonly #observing = new Observing();
  /** The highest report of a session that is on disk. */
  readonly #acked = new WeakMap<Live, number>();
  readonly #quarantined = new Map<ClusterName, { readonly uid: string; readonly at: number }>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#enrolling = new Enrolling(options, this.#turns, (cluster) => this.#quarantined.delete(cluster));
  }

  /** The live session of a cluster. */
  live(cluster: ClusterName): Live | undefined {
    return this.#live.get(cluster);
  }

  /** The UID that claimed this cluster's name beside its own, if there is one. */
  quarantined(cluster: ClusterName): { readonly uid: string; readonly at: number } | undefined {
    const claim = this.#quarantined.get(cluster);
    return claim !== undefined && claim.at + claimShownMs > this.#options.now() ? claim : undefined;
  }

  /** Sends a cluster what its newest bundle is, if it is there to hear it. */
  offer(cluster: ClusterName): void {
    const live = this.#live.get(cluster);
    const bundle = this.#options.record.memory.members.get(cluster)?.bundles[0];
    if (live === undefined || bundle === undefined || bundle.uid !== live.hello.clusterUid) return;
    live.session.send({ kind: "bundle", envelope: decodeEnvelope(bundle.envelope) });
  }

  /**
   * Tells a cluster's agent all that rollouts watch there now; at once, and again at each of its hellos, before its bundle. Until the first
   * call in this run an agent keeps the list that it has: say `[]` where nothing is watched.
   */
  observe(cluster: ClusterName, apps: readonly ObservedApp[]): void {
    if (apps.length > observedMax)
      this.#options.log.warn({ cluster, count: apps.length }, `more apps are watched at once than an agent is told of (${observedMax})`);
    if (this.#observing.put(cluster, apps)) this.#sayObserved(cluster, this.#live.get(cluster));
  }

  /** Asks for fresh statuses of some Apps, with what their soaks are now. */
  ask(cluster: ClusterName, apps: readonly AppKey[]): void {
    if (apps.length > 0) this.#live.get(cluster)?.session.send({ kind: "need", apps });
  }

  #sayObserved(cluster: ClusterName, live: Live | undefined): void {
    const message = live === undefined ? null : this.#observing.message(cluster, live.hello);
    if (message !== null) live?.session.send(message);
  }

  identify({ alternativeNames, serial }: PeerCertificate): AgentIdentity | undefined {
    const { keys, record, now } = this.#options;
    const identity = readAgentIdentity(keys.fleet, alternativeNames, serial);
    if (identity === undefined) return undefined;
    const member = record.memory.members.get(identity.cluster);
    // One name, one cluster: who was replaced is nobody, whatever certificate it holds. Without any record of the name the CA's word has
    // to do, but only after the database was lost: revocations went with it, and who comes back first has the name.
    if (member === undefined ? !record.memory.meta.has(rebuiltKey) : member.row.uid !== identity.uid) return undefined;
    const certificate = record.memory.certificates.get(serial);
    // Ours by the CA's word and unknown by number: it was given out after the copy that this hub was restored from.
    if (certificate === undefined) return identity;
    return certificate.revokedAt === null && certificate.notAfter >= now() && certificate.uid === identity.uid ? identity : undefined;
  }

  enroll(call: EnrollCall): Promise<EnrollAnswer> {
    return this.#enrolling.enroll(call);
  }

  async renew({ cluster, uid }: AgentIdentity, csr: Uint8Array): Promise<{ readonly certificates: readonly Uint8Array[] }> {
    const { record, keys, now } = this.#options;
    const issued = await keys.authority.issueAgent(csr, agentUri(keys.fleet, cluster, uid), now());
    await this.#turns.run(cluster, async () => {
      if (record.memory.members.get(cluster)?.row.uid !== uid)
        throw new OperationError("unauthenticated", cluster, "this identity was replaced");
      await record.commit([
        { kind: "certificate", row: { serial: issued.serial, cluster, uid, notAfter: issued.notAfter, revokedAt: null } },
      ]);
    });
    return { certificates: [issued.certificate] };
  }

  session(identity: AgentIdentity, session: HubSession): SessionEvents {
    const { log } = this.#options;
    let greeted: Live | undefined;
    return {
      message: (message) =>
        this.#turns.run(identity.cluster, async () => {
          if (message.kind === "hello") {
            if (greeted !== undefined) throw new OperationError("invalid", identity.cluster, "a second hello");
            greeted = await this.#greet(identity, session, message);
          } else if (greeted === undefined) throw new OperationError("invalid", identity.cluster, "a message before hello");
          else if (this.#live.get(identity.cluster) === greeted) await this.#hear(identity, greeted, message);
          else session.end(replacedBy);
        }),
      closed: () => {
        if (greeted === undefined || this.#live.get(identity.cluster) !== greeted) return;
        this.#live.delete(identity.cluster);
        this.#options.commands.gone(identity.cluster);
        log.info({ cluster: identity.cluster }, "agent disconnected");
        this.#options.onChange(identity.cluster);
      },
    };
  }

  async #greet(identity: AgentIdentity, session: HubSession, hello: Hello): Promise<Live | undefined> {
    const { record, keys, log, now } = this.#options;
    const { cluster, uid } = identity;
    const reject = (reason: "quarantined" | "version", message: string): undefined => {
      session.end({ kind: "rejected", reason, message, retryAfterMs: sessionTimes.refusedRetryMs });
      log.warn({ cluster, reason, remote: session.remote }, "session refused");
      return undefined;
    };
    if (hello.protocolMin > protocolVersion || hello.protocolMax < protocolVersion) {
      return reject("version", `this hub speaks protocol ${protocolVersion}, the agent ${hello.protocolMin} to ${hello.protocolMax}`);
    }
    const { accepted } = hello;
    if (accepted !== null && (accepted.epoch > numberMax || accepted.generation > numberMax))
      return reject("version", "numbers that no hub has given out");
    if (hello.clusterUid !== uid) {
      this.#quarantined.set(cluster, { uid: hello.clusterUid, at: now() });
      return reject(
        "quarantined",
        `this identity was enrolled in another cluster (its kube-system has another UID); enrol this cluster under its own name`,
      );
    }
    const before = this.#live.get(cluster);
    before?.session.end(replacedBy);
    const known = record.memory.members.get(cluster);
    if (known === undefined) await this.#recover(identity);
    const member = record.memory.members.get(cluster);
    if (member === undefined) throw new OperationError("notFound", cluster, "no such cluster");
    const newest = member.bundles[0];
    const isNewest = accepted !== null && accepted.digest === newest?.digest;
    const row: ClusterRow = {
      ...member.row,
      facts: hello.facts ?? member.row.facts,
      lastSeen: now(),
      ackedGeneration: accepted?.generation ?? 0,
      ackedDigest: accepted?.digest ?? "",
      ...(isNewest && { refusal: null, refusalMessage: "" }),
    };
    await record.commit([{ kind: "cluster", row }]);
    const live: Live = { session, instance: hello.instance, hello, since: now() };
    this.#live.set(cluster, live);
    session.send({
      kind: "welcome",
      protocol: protocolVersion,
      features: [answersBeats, observes],
      beatMs: sessionTimes.beatMs,
      reconnectWindowMs: sessionTimes.reconnectWindowMs,
      keyManifests: keys.manifests.slice(hello.trustVersion),
    });
    this.#sayObserved(cluster, live);
    if (hello.statusRoot !== rootOf(member)) session.send({ kind: "need", apps: [] });
    if (isNewest) session.send({ kind: "current", digest: accepted.digest });
    else if (newest !== undefined && (accepted?.generation ?? 0) <= newest.generation) this.offer(cluster);
    log.info({ cluster, instance: hello.instance, generation: accepted?.generation ?? 0, remote: session.remote }, "agent connected");
    await this.#options.commands.greeted(cluster);
    this.#options.onChange(cluster);
    return live;
  }

  async #recover({ cluster, uid, serial }: AgentIdentity): Promise<void> {
    const { record, log, now } = this.#options;
    const at = now();
    await record.commit([
      { kind: "cluster", row: { ...freshCluster(cluster), uid, enrolledAt: at } },
      { kind: "certificate", row: { serial, cluster, uid, notAfter: at + recoveredLifeMs, revokedAt: null } },
    ]);
    log.warn({ cluster, uid }, "took an agent back by its certificate: the database does not know it");
  }

  async #hear({ cluster }: AgentIdentity, live: Live, message: Exclude<FromAgent, Hello>): Promise<void> {
    const member = this.#options.record.memory.members.get(cluster);
    if (member === undefined) return;
    switch (message.kind) {
      case "ack":
        return this.#acknowledged(cluster, message);
      case "status":
        return this.#reported(cluster, live, message);
      case "root": {
        const row = { ...member.row, lastSeen: this.#options.now() };
        member.row = row;
        // A word for every beat, so that an agent tells a quiet hub from one that does not hear it.
        if (message.statusRoot !== rootOf(member)) live.session.send({ kind: "need", apps: [] });
        else live.session.send({ kind: "statusAck", seq: this.#acked.get(live) ?? 0 });
        return;
      }
      case "commandResult":
        this.#options.log.info({ cluster, command: message.id, ok: message.ok, code: message.code }, "command answered");
        return this.#options.commands.result(cluster, message);
    }
  }

  async #acknowledged(cluster: ClusterName, ack: Ack): Promise<void> {
    const { record, log, now } = this.#options;
    const member = record.memory.members.get(cluster);
    if (member === undefined) return;
    const seen = { ...member.row, lastSeen: now() };
    const row: ClusterRow =
      ack.refusal === null
        ? { ...seen, ackedGeneration: ack.generation, ackedDigest: ack.digest, refusal: null, refusalMessage: "" }
        : { ...seen, refusal: ack.refusal, refusalMessage: ack.message };
    if (ack.refusal !== null)
      log.warn({ cluster, refusal: ack.refusal, generation: ack.generation, reason: ack.message }, "agent refused a bundle");
    await record.commit([{ kind: "cluster", row }]);
    if (member.approvals.length > 0) this.#options.onChange(cluster); // an approval is kept until its bundle is settled
  }

  async #reported(cluster: ClusterName, live: Live, report: StatusReport): Promise<void> {
    const { record, now, log } = this.#options;
    const member = record.memory.members.get(cluster);
    if (member === undefined) return;
    const known = (app: AppKey): boolean => member.released.has(app) || member.tombstones.has(app) || member.statuses.has(app);
    // What no bundle names may still be there, after a lost database: it is shown. Only so much of it, for an agent may say anything (B59).
    let room =
      unnamedAppsMax - [...member.statuses.keys()].filter((app) => !member.released.has(app) && !member.tombstones.has(app)).length;
    const statuses = report.apps.filter(({ app }) => known(app) || (room -= 1) >= 0);
    if ((report.malformed ?? 0) > 0) log.warn({ cluster, count: report.malformed ?? 0 }, "statuses that cannot be read were left out");
    const named = report.all ?? (report.complete ? report.apps.map(({ app }) => app) : null);
    const there = named === null ? null : new Set(named);
    const gone = there === null ? report.forgotten : [...member.statuses.keys()].filter((app) => !there.has(app));
    const forgotten = gone.filter((app) => member.statuses.has(app));
    const row: ClusterRow = { ...member.row, lastSeen: now(), facts: report.facts ?? member.row.facts };
    const emptied =
      statuses.some(({ app, inventoryEmpty }) => inventoryEmpty && member.tombstones.has(app)) ||
      forgotten.some((app) => member.tombstones.has(app));
    const held = statuses.some((status) => status.held !== (member.statuses.get(status.app)?.status.held ?? null));
    await record.commit([
      { kind: "status", cluster, statuses, forgotten },
      { kind: "cluster", row },
    ]);
    this.#acked.set(live, report.seq);
    live.session.send({ kind: "statusAck", seq: report.seq });
    if (emptied || held || report.facts !== null) this.#options.onChange(cluster);
  }

  awaits({ cluster }: AgentIdentity, commandId: string): boolean {
    return this.#options.commands.awaits(cluster, commandId);
  }

  answered({ cluster }: AgentIdentity, commandId: string, bytes: Uint8Array): Promise<void> {
    return this.#options.commands.answered(cluster, commandId, bytes);
  }

  async release({ cluster }: AgentIdentity, release: Digest, base: Digest | null): Promise<Uint8Array | undefined> {
    const { store, memory } = this.#options.record;
    const named = new Set(memory.members.get(cluster)?.bundles.flatMap((bundle) => bundle.releases));
    const manifest = named.has(release) ? store.manifest(release) : undefined;
    if (manifest === undefined) return undefined;
    // A base counts only where this cluster was given it: otherwise a digest would be a question about somebody else's Release.
    const held = base !== null && named.has(base) ? store.manifest(base) : undefined;
    return encodeTransfer(manifest, held ?? null, (digest) => {
      const text = store.objectText(digest);
      if (text !== undefined) return text;
      store.foundDamaged([release]);
      throw new OperationError("unavailable", release, `an object of release ${release} is missing in the database; it is rendered again`);
    });
  }
}
