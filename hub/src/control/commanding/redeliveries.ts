// Orders to apply again what is released: kept until the agent has answered or the order has expired, told to an agent that comes back,
// and given once however often somebody asks.

import { randomUUID } from "node:crypto";

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { commandFeatures, type CommandResult } from "@muster/proto/model/session";
import { actsOf, type Redelivery } from "../../acts/acts.ts";
import type { HubRecord } from "../record.ts";
import type { Live } from "../live-session.ts";
import type { Commands } from "./commands.ts";
import { agentTooOld } from "./faults.ts";

export type RedeliveriesOptions = {
  readonly record: HubRecord;
  readonly commands: Pick<Commands, "sign">;
  readonly live: (cluster: ClusterName) => Live | undefined;
  readonly now: () => number;
};

/** An agent that is away longer finds the order void; what came of one is shown for as long. */
export const redeliveryLifeMs = 3_600_000;

export class Redeliveries {
  readonly #options: RedeliveriesOptions;

  constructor(options: RedeliveriesOptions) {
    this.#options = options;
  }

  /** Gives an order; one that is under way for the same App on the same cluster stands for it. Throws when the agent is there and too old. */
  async order(cluster: ClusterName, app: AppKey, by: string, reason: string): Promise<Redelivery> {
    const { record, live, now } = this.#options;
    const session = live(cluster);
    if (session !== undefined && !knows(session)) throw agentTooOld(cluster, session.hello.agentVersion);
    const known = this.all().find((act) => act.app === app && act.cluster === cluster && isOpen(act, now()));
    if (known !== undefined) return known;
    const at = now();
    const expiresAt = at + redeliveryLifeMs;
    const act: Redelivery = { kind: "redeliver", id: `redeliver-${randomUUID()}`, app, cluster, by, reason, at, expiresAt, result: null };
    await record.commit([writeOf(act)]);
    if (session !== undefined) this.#send(act, session);
    return act;
  }

  /** True when the agent is there to hear an order. */
  isThere(cluster: ClusterName): boolean {
    return this.#options.live(cluster) !== undefined;
  }

  all(): readonly Redelivery[] {
    return actsOf(this.#options.record.memory.acts.values()).filter((act) => act.kind === "redeliver");
  }

  /** An agent is there (again): it hears what it has not answered for. */
  async greeted(cluster: ClusterName): Promise<void> {
    const { live, now } = this.#options;
    const session = live(cluster);
    if (session === undefined) return;
    for (const act of this.all()) {
      if (act.cluster !== cluster || !isOpen(act, now())) continue;
      if (knows(session)) this.#send(act, session);
      else
        await this.#settle(act, { ok: false, code: "E_AGENT_TOO_OLD", message: agentTooOld(cluster, session.hello.agentVersion).message });
    }
  }

  /** What an agent says of an order. False: it is about none of ours. */
  async result(cluster: ClusterName, result: CommandResult): Promise<boolean> {
    const act = this.all().find(({ id }) => id === result.id);
    if (act === undefined || act.cluster !== cluster) return false;
    if (act.result === null) await this.#settle(act, result);
    return true;
  }

  /** Orders that nobody has to know of any more. */
  spent(): readonly string[] {
    const at = this.#options.now();
    return this.all().flatMap(({ id, expiresAt }) => (expiresAt + redeliveryLifeMs <= at ? [id] : []));
  }

  #settle(act: Redelivery, { ok, message, code }: Pick<CommandResult, "ok" | "message" | "code">): Promise<void> {
    return this.#options.record.commit([writeOf({ ...act, result: { ok, message, code, at: this.#options.now() } })]);
  }

  #send(act: Redelivery, session: Live): void {
    const { commands, now } = this.#options;
    const { id, app, cluster, by, expiresAt } = act;
    const target = { cluster, id, actor: by, lifeMs: expiresAt - now() };
    session.session.send({ kind: "command", envelope: commands.sign({ kind: "redeliver", args: { app } }, target) });
  }
}

const isOpen = (act: Redelivery, now: number): boolean => act.result === null && act.expiresAt > now;
const knows = ({ hello }: Live): boolean => hello.features.includes(commandFeatures.redeliver);

const writeOf = (act: Redelivery) =>
  ({ kind: "act", row: { id: act.id, kind: act.kind, at: act.at, body: act as unknown as JsonValue } }) as const;
