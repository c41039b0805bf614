// What people do by hand: sync, pause, resume. Each is a durable row before anybody is told that it is so; what it means for Placements
// is acts/'s, and the fleet loop acts on it.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonValue } from "@muster/proto/model/json";
import { pause as wait, Bell } from "@muster/proto/waiting/waiting";
import { actsOf, pauseId, pausing, pauseMessage, syncId, wakeAt, type Act, type Pause, type Scope, type Sync } from "../../acts/acts.ts";
import type {
  ActsAnswer,
  PauseRequest,
  PauseRow,
  ResumeAnswer,
  ResumeRequest,
  ScopeRequest,
  SyncAnswer,
  SyncRequest,
  SyncRow,
} from "../../view/live.ts";
import type { FleetState } from "../fleet-state.ts";
import type { HubLog } from "../log.ts";
import type { HubRecord } from "../record.ts";
import type { Redeliveries } from "./redeliveries.ts";
import { appOf, clusterOf } from "./subjects.ts";

export type HandsOptions = {
  readonly record: HubRecord;
  readonly state: () => FleetState;
  readonly redeliveries: Redeliveries;
  readonly now: () => number;
  readonly log: HubLog;
  /** Something was done, or ended by itself: what clusters shall run has to be decided again. */
  readonly onChange: () => void;
};

/** How many pauses there may be. */
const pausesMax = 1_000;
const tickMs = 60_000;

export class Hands {
  readonly #options: HandsOptions;
  readonly #bell = new Bell();

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  /** Lets go what waits for a hand, or has agents apply again what is released. Throws OperationError for what is not there. */
  async sync(request: SyncRequest, by: string): Promise<SyncAnswer> {
    const world = this.#world();
    const cluster = request.cluster === undefined ? undefined : clusterOf(world, request.cluster);
    const { app, clusters } = appOf(world, request.app, cluster);
    const reason = request.reason ?? "";
    const items: SyncRow[] = [];
    for (const each of clusters)
      items.push(request.redeliver === true ? await this.#redeliver(app, each, by, reason) : await this.#letGo(app, each, by, reason));
    if (items.some(({ state }) => state === "asked")) this.#changed();
    return { items };
  }

  async #letGo(app: AppKey, cluster: ClusterName, by: string, reason: string): Promise<SyncRow> {
    const { record, state, now, log } = this.#options;
    const row = { app, cluster, pin: null } as const;
    const held = pausing(this.#acts(), { app, cluster }, now());
    if (held !== undefined) return { ...row, state: "paused", message: pauseMessage(held) };
    const waits = state().clusters.get(cluster)?.waits.get(app);
    if (waits?.reason !== "WaitingForHand" || waits.pin === undefined)
      return {
        ...row,
        state: "notWaiting",
        message: waits === undefined ? "nothing waits for a hand" : `${waits.reason}: ${waits.message}`,
      };
    const { pin } = waits;
    const act: Sync = { kind: "sync", id: syncId(cluster, app), app, cluster, pin, by, reason, at: now() };
    await record.commit([writeOf(act)]);
    log.info({ app, cluster, actor: by, digest: pin }, "somebody let a change go");
    return { ...row, state: "asked", pin, message: "" };
  }

  async #redeliver(app: AppKey, cluster: ClusterName, by: string, reason: string): Promise<SyncRow> {
    const { record, redeliveries, log } = this.#options;
    const row = { app, cluster, pin: null } as const;
    if (!record.memory.members.get(cluster)?.released.has(app))
      return { ...row, state: "notWaiting", message: "nothing of it is released here" };
    try {
      const { id } = await redeliveries.order(cluster, app, by, reason);
      log.info({ app, cluster, actor: by, command: id }, "somebody had a release delivered again");
      return redeliveries.isThere(cluster)
        ? { ...row, state: "ordered", message: "" }
        : { ...row, state: "waitsForAgent", message: "the agent is not connected; it is told when it comes back within an hour" };
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      return { ...row, state: "refused", message: error.message };
    }
  }

  async pause(request: PauseRequest, by: string): Promise<PauseRow> {
    const { record, now, log } = this.#options;
    const scope = this.#scopeOf(request);
    const id = pauseId(scope);
    const at = now();
    const until = request.forSeconds === undefined ? null : at + request.forSeconds * 1_000;
    if (!record.memory.acts.has(id) && this.#pauses().length >= pausesMax)
      throw new OperationError("limit", "pauses", `there are ${pausesMax} pauses already`, undefined, {
        code: "E_LIMIT",
        remedy: "pause a cluster or the fleet as a whole; muster resume ends a pause",
      });
    const act: Pause = { kind: "pause", id, ...scope, by, reason: request.reason, at, until };
    await record.commit([writeOf(act)]);
    log.info({ ...named(scope), actor: by, reason: request.reason }, "somebody paused upgrades");
    this.#changed();
    return rowOf(act);
  }

  async resume(request: ResumeRequest, by: string): Promise<ResumeAnswer> {
    const { record, log } = this.#options;
    const scope = this.#scopeOf(request);
    const act = this.#pauses().find(({ id }) => id === pauseId(scope));
    if (act === undefined) throw this.#notPaused(scope);
    await record.commit([{ kind: "actsGone", ids: [act.id] }]);
    log.info({ ...named(scope), actor: by, reason: request.reason ?? "" }, "somebody resumed upgrades");
    this.#changed();
    return { ended: rowOf(act) };
  }

  acts(): ActsAnswer {
    const acts = this.#acts();
    const now = this.#options.now();
    return {
      pauses: this.#pauses().map(rowOf),
      syncs: acts.flatMap((act) => {
        if (act.kind !== "sync") return [];
        const { app, cluster, pin, by, reason, at } = act;
        return [{ app, cluster, pin, by, reason, at: iso(at) }];
      }),
      redeliveries: acts.flatMap((act) => {
        if (act.kind !== "redeliver") return [];
        const { app, cluster, by, reason, at, result, expiresAt } = act;
        const open = expiresAt > now ? ("waiting" as const) : ("expired" as const);
        const state = result === null ? open : result.ok ? ("done" as const) : ("failed" as const);
        return [{ app, cluster, by, reason, at: iso(at), state, message: result?.message ?? "" }];
      }),
    };
  }

  /** Ends pauses when their time has come, and forgets orders that are spent. Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { now, log } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#expire();
      } catch (error) {
        log.error({ err: error }, "could not end a pause; trying again");
        await wait(1_000, signal);
      }
      const next = wakeAt(this.#acts(), now());
      await this.#bell.wait(next === null ? tickMs : Math.min(tickMs, Math.max(1, next - now())), signal);
    }
  }

  async #expire(): Promise<void> {
    const { record, redeliveries, now, log } = this.#options;
    const at = now();
    const ended = this.#pausesKept().filter(({ until }) => until !== null && until <= at);
    const ids = [...ended.map(({ id }) => id), ...redeliveries.spent()];
    if (ids.length === 0) return;
    await record.commit([{ kind: "actsGone", ids }]);
    for (const pause of ended) log.info(named(pause), "a pause ended by itself");
    if (ended.length > 0) this.#options.onChange();
  }

  #changed(): void {
    this.#options.onChange();
    this.#bell.ring();
  }

  #scopeOf({ app, cluster, fleet }: ScopeRequest): Scope {
    const world = this.#world();
    if (fleet === true && (app !== undefined || cluster !== undefined))
      throw unclear("the fleet is everything: give no App and no cluster with it");
    if (fleet !== true && app === undefined && cluster === undefined) throw unclear("say what: an App, a cluster, or the fleet");
    const at = cluster === undefined ? null : clusterOf(world, cluster);
    return { app: app === undefined ? null : appOf(world, app, at ?? undefined).app, cluster: at };
  }

  /** What is to be said to somebody who resumes what no pause of its own holds. */
  #notPaused({ app, cluster }: Scope): OperationError {
    const { state } = this.#options;
    const what =
      app === null
        ? cluster === null
          ? "the fleet"
          : `cluster ${cluster}`
        : `App ${app}${cluster === null ? "" : ` on cluster ${cluster}`}`;
    const wider = this.#pauses().find(
      (pause) => (pause.app === null || pause.app === app) && (pause.cluster === null || pause.cluster === cluster),
    );
    if (wider !== undefined)
      return conflict(
        "E_PAUSED_WIDER",
        `${what} has no pause of its own; it is ${pauseMessage(wider)}`,
        `muster resume ${flagsOf(wider)} ends that`,
      );
    const inside = this.#pauses().find((pause) => (app === null || pause.app === app) && (cluster === null || pause.cluster === cluster));
    if (inside !== undefined)
      return conflict(
        "E_NOT_PAUSED",
        `${what} is not paused as a whole; a part of it is ${pauseMessage(inside)}`,
        `muster resume ${flagsOf(inside)} ends that`,
      );
    const decided = cluster === null ? undefined : state().clusters.get(cluster)?.cluster;
    if (decided?.paused === true) {
      const place = decided.place === null ? "" : ` (${decided.place.path}:${decided.place.line ?? 1})`;
      return conflict("E_PAUSED_IN_GIT", `cluster ${cluster} is paused in Git${place}`, "set spec.paused to false there");
    }
    return conflict("E_NOT_PAUSED", `${what} is not paused`, "");
  }

  #world() {
    return { memory: this.#options.record.memory, state: this.#options.state };
  }

  #acts(): readonly Act[] {
    return actsOf(this.#options.record.memory.acts.values());
  }

  #pausesKept(): readonly Pause[] {
    return this.#acts().filter((act) => act.kind === "pause");
  }

  /** Those that hold now. */
  #pauses(): readonly Pause[] {
    return this.#pausesKept().filter(({ until }) => until === null || until > this.#options.now());
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
const named = ({ app, cluster }: Scope) => ({ ...(app !== null && { app }), ...(cluster !== null && { cluster }) });
const unclear = (message: string): OperationError =>
  new OperationError("invalid", "scope", message, undefined, { code: "E_SCOPE", remedy: "APP, --cluster NAME or --fleet" });
const conflict = (code: string, message: string, remedy: string): OperationError =>
  new OperationError("conflict", "pause", message, undefined, { code, remedy });

function flagsOf({ app, cluster }: Scope): string {
  if (app === null && cluster === null) return "--fleet";
  return [app ?? "", cluster === null ? "" : `--cluster ${cluster}`].filter((part) => part !== "").join(" ");
}

function rowOf({ app, cluster, by, reason, at, until }: Pause): PauseRow {
  return { app, cluster, by, reason, at: iso(at), until: until === null ? null : iso(until) };
}

const writeOf = (act: Act) =>
  ({ kind: "act", row: { id: act.id, kind: act.kind, at: act.at, body: act as unknown as JsonValue } }) as const;
