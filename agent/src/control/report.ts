// Reports: turns what changed into statuses, at most one for each App in two seconds, newest wins; only the first that says that an App
// is applied, or that it failed, goes out at once.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { canonicalJson } from "@muster/proto/model/canonical";
import { stateOf } from "@muster/proto/model/reasons";
import type { AppStatus } from "@muster/proto/model/status";
import { Bell } from "@muster/proto/waiting/waiting";

import type { AppState, AppStates } from "./app-state.ts";
import { failureText, type Site } from "./site.ts";
import { statusOf, type Damping, type StatusNow } from "./status.ts";

export const reportTimes = { paceMs: 2_000, tickMs: 5_000, lookMs: 50 } as const;

export type ReporterOptions = {
  readonly site: Site;
  readonly states: AppStates;
  readonly damping: Damping;
  readonly onStatus: (status: AppStatus) => void;
  /** An App's objects are all written and healthy; `pin` is null when it is held at another than the accepted one. */
  readonly onHealthy: (app: AppKey, pin: Digest | null) => void;
  /** An App was looked at, whether or not that is news. */
  readonly onLook?: (state: AppState, found: StatusNow) => void;
};

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #published = new Map<AppKey, AppStatus>();
  readonly #sentMs = new Map<AppKey, number>();
  readonly #dirty = new Set<AppKey>();
  /** When an App was looked at last: a thousand answers in a second are not a thousand looks. */
  readonly #lookedMs = new Map<AppKey, number>();
  /** When an App has to be looked at again though nothing happened. */
  readonly #dueMs = new Map<AppKey, number>();
  readonly #healthy = new Set<AppKey>();
  readonly #bell = new Bell();
  #armedMs = Infinity;

  constructor(options: ReporterOptions) {
    this.#options = options;
    for (const [app, record] of options.site.cache.outbox.entries()) {
      const status = { ...(record as unknown as AppStatus), soak: null };
      this.#published.set(app as AppKey, status);
      options.site.drifts.restore(app as AppKey, status.drift);
    }
  }

  get statuses(): ReadonlyMap<AppKey, AppStatus> {
    return this.#published;
  }

  /** Apps that are applied and healthy for the Release that they are worked towards. */
  get healthy(): ReadonlySet<AppKey> {
    return this.#healthy;
  }

  /** Says that an App may have news. `now` when a step of it ended, else soon. */
  dirty(app: AppKey, when: "now" | "soon"): void {
    const waitUntil = (this.#lookedMs.get(app) ?? -Infinity) + reportTimes.lookMs;
    if (when === "soon" && waitUntil > this.#options.site.now()) {
      this.#dueMs.set(app, Math.min(waitUntil, this.#dueMs.get(app) ?? Infinity));
      this.#arm(waitUntil);
      return;
    }
    this.#dirty.add(app);
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { site, states } = this.#options;
      await this.#bell.wait(this.#nextMs(), signal);
      if (signal.aborted) return;
      for (const key of site.sightings.reconsider()) {
        const entry = site.ledger.get(key);
        if (entry !== undefined) this.#dirty.add(entry.app);
      }
      const now = site.now();
      for (const [app, due] of this.#dueMs) if (due <= now) this.#dirty.add(app);
      for (const app of states.apps) if (states.get(app)?.shares === true) this.#dirty.add(app);
      const apps = [...this.#dirty];
      this.#dirty.clear();
      for (const app of apps) {
        if (states.get(app) === undefined) this.#forget(app);
        else this.#look(app);
      }
    }
  }

  #nextMs(): number {
    if (this.#dirty.size > 0) return 0;
    const due = [...this.#dueMs.values()];
    this.#armedMs = Math.min(this.#options.site.now() + reportTimes.tickMs, ...due);
    return Math.max(1, this.#armedMs - this.#options.site.now());
  }

  /** Wakes the loop when it would sleep too long. */
  #arm(atMs: number): void {
    if (atMs < this.#armedMs) this.#bell.ring();
  }

  #look(app: AppKey): void {
    const { site, states, damping } = this.#options;
    const state = states.get(app);
    if (state === undefined) return;
    const now = site.now();
    const found = statusOf(site, state, damping);
    this.#lookedMs.set(app, now);
    this.#noteHealth(app, found, state.phase.kind === "held" ? null : state.pin);
    this.#dueMs.delete(app);
    if (found.againMs !== null) this.#dueMs.set(app, now + Math.max(1, found.againMs));
    this.#tell(app, found, now);
    this.#options.onLook?.(state, found);
  }

  /** Says what is news, now or when it is time to. */
  #tell(app: AppKey, found: StatusNow, now: number): void {
    const last = this.#published.get(app);
    const since = last?.reason === found.status.reason && last.pin === found.status.pin ? last.since : new Date(now).toISOString();
    const status: AppStatus = { ...found.status, since };
    if (last !== undefined && spell(last) === spell(status)) return;
    const wait = (this.#sentMs.get(app) ?? -Infinity) + reportTimes.paceMs - now;
    if (wait <= 0 || isNews(last, status)) this.#publish(status);
    else this.#dueMs.set(app, Math.min(now + wait, this.#dueMs.get(app) ?? Infinity));
  }

  #noteHealth(app: AppKey, { status, applied }: StatusNow, pin: Digest | null): void {
    const isHealthy = applied && status.health === "healthy";
    const was = this.#healthy.has(app);
    if (isHealthy) this.#healthy.add(app);
    else this.#healthy.delete(app);
    if (isHealthy && (!was || this.#published.get(app)?.pin !== status.pin)) this.#options.onHealthy(app, pin);
  }

  #publish(status: AppStatus): void {
    const { site, onStatus } = this.#options;
    this.#published.set(status.app, status);
    this.#sentMs.set(status.app, site.now());
    this.#save(status.app, status as unknown as JsonObject);
    onStatus(status);
  }

  #forget(app: AppKey): void {
    if (!this.#published.delete(app)) return;
    this.#healthy.delete(app);
    this.#dueMs.delete(app);
    this.#sentMs.delete(app);
    this.#lookedMs.delete(app);
    this.#save(app, null);
  }

  #save(app: AppKey, record: JsonObject | null): void {
    const { cache, log } = this.#options.site;
    cache.outbox
      .put([{ key: app, record }])
      .catch((error: unknown) => log.error({ app, reason: failureText(error) }, "cannot keep a status"));
  }
}

/** The first report that says that an App is written, or that it failed, or that nothing of it is left. */
function isNews(last: AppStatus | undefined, status: AppStatus): boolean {
  if (last === undefined || last.pin !== status.pin || last.inventoryEmpty !== status.inventoryEmpty) return true;
  if (last.reason === status.reason) return false;
  const { applied, failed, total } = status.counts;
  return (
    stateOf(status.reason) === "failed" || (applied === total && failed === 0 && last.counts.applied < total) || status.reason === "Synced"
  );
}

function spell(status: AppStatus): string {
  return canonicalJson({ ...status, problems: status.problems.map((problem) => ({ ...problem, since: "" })) } as unknown as JsonValue);
}
