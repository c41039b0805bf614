// Signs commands for agents and takes in what they say to them. A look waits in memory for its answer, for as long as somebody wants it;
// what acts is kept by redeliveries.ts.

import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";

import { commandPayloadType, commandText, type CommandBody, type InspectArgs } from "@muster/proto/model/command";
import type { Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { inspectionLimits, parseInspection, type Inspection } from "@muster/proto/model/inspection";
import { commandFeatures, type CommandResult } from "@muster/proto/model/session";
import type { Keys } from "../../keys/keys.ts";
import type { HubRecord } from "../record.ts";
import type { Live } from "../live-session.ts";
import { agentOffline, agentSilent, agentTooOld, busy, malformedAnswer, refusedByAgent } from "./faults.ts";

export type CommandsOptions = {
  readonly record: HubRecord;
  readonly keys: Pick<Keys, "fleet" | "signer">;
  readonly live: (cluster: ClusterName) => Live | undefined;
  readonly now: () => number;
  /** How long a look may take; 20 s. */
  readonly lookMs?: number;
};

/** Answers are held in memory until they are told: so many at once in all, and for one cluster. */
export const lookLimits = { all: 16, perCluster: 4, lookMs: 20_000 } as const;

type Look = {
  readonly cluster: ClusterName;
  readonly resolve: (inspection: Inspection) => void;
  readonly reject: (error: OperationError) => void;
};

const decompress = promisify(zstdDecompress);

/** Clocks differ: a look is good for longer than anybody waits for it. */
const clockSkewMs = 600_000;

export class Commands {
  readonly #options: CommandsOptions;
  /** By the id of the command. */
  readonly #looks = new Map<string, Look>();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /**
   * Has an agent look at one of its Apps. Throws OperationError with a fault: no agent, one that is too old, busy, refused, out of time.
   * Nothing of a look is kept.
   */
  async inspect(cluster: ClusterName, args: InspectArgs, actor: string, signal?: AbortSignal): Promise<Inspection> {
    const live = this.#liveFor(cluster, "inspect");
    const under = [...this.#looks.values()].filter((look) => look.cluster === cluster).length;
    if (this.#looks.size >= lookLimits.all || under >= lookLimits.perCluster) throw busy(cluster);
    const id = randomUUID();
    const lookMs = this.#options.lookMs ?? lookLimits.lookMs;
    const { promise, resolve, reject } = Promise.withResolvers<Inspection>();
    const late = setTimeout(() => reject(agentSilent(cluster, lookMs)), lookMs);
    const abort = (): void => reject(new OperationError("cancelled", cluster, "nobody waits any more"));
    signal?.addEventListener("abort", abort, { once: true });
    this.#looks.set(id, { cluster, resolve, reject });
    try {
      live.session.send({
        kind: "command",
        envelope: this.sign({ kind: "inspect", args }, { cluster, id, actor, lifeMs: lookMs + clockSkewMs }),
      });
      return await promise;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
      this.#looks.delete(id);
    }
  }

  /** The live session of an agent that knows the kind. Throws OperationError where there is none. */
  #liveFor(cluster: ClusterName, kind: CommandBody["kind"]): Live {
    const { record, live } = this.#options;
    const session = live(cluster);
    if (session === undefined) throw agentOffline(cluster, record.memory.members.get(cluster)?.row.lastSeen);
    if (!session.hello.features.includes(commandFeatures[kind])) throw agentTooOld(cluster, session.hello.agentVersion);
    return session;
  }

  /** A command for one cluster, good for so long. */
  sign(
    body: CommandBody,
    { cluster, id, actor, lifeMs }: { readonly cluster: ClusterName; readonly id: string; readonly actor: string; readonly lifeMs: number },
  ): Envelope {
    const { keys, record, now } = this.#options;
    const member = record.memory.members.get(cluster);
    const text = commandText({
      fleet: keys.fleet,
      cluster,
      clusterUid: member?.row.uid ?? "",
      epoch: member?.bundles[0]?.epoch ?? 0,
      id,
      notBefore: null,
      expiresAt: new Date(now() + lifeMs).toISOString(),
      actor,
      ...body,
    });
    return keys.signer.sign(commandPayloadType, text);
  }

  /** The session of a cluster ended: what it was asked, it will not answer. */
  gone(cluster: ClusterName): void {
    const seen = this.#options.record.memory.members.get(cluster)?.row.lastSeen;
    for (const look of this.#looks.values()) if (look.cluster === cluster) look.reject(agentOffline(cluster, seen));
  }

  /** A look that could not be answered. False: it is about no look of ours. */
  refused(cluster: ClusterName, { id, ok, code, message }: CommandResult): boolean {
    const look = this.#looks.get(id);
    if (look?.cluster !== cluster) return false;
    look.reject(refusedByAgent(cluster, ok ? "E_NO_ANSWER" : code, message));
    return true;
  }

  awaits(cluster: ClusterName, commandId: string): boolean {
    return this.#looks.get(commandId)?.cluster === cluster;
  }

  async answered(cluster: ClusterName, commandId: string, bytes: Uint8Array): Promise<void> {
    const look = this.#looks.get(commandId);
    if (look?.cluster !== cluster) throw new OperationError("notFound", cluster, "nobody waits for this answer any more");
    try {
      const text = await decompress(bytes, { maxOutputLength: inspectionLimits.answerTextBytes });
      look.resolve(parseInspection(text.toString("utf8")));
    } catch (error) {
      const failure = malformedAnswer(cluster, error);
      look.reject(failure);
      throw failure;
    }
  }
}
