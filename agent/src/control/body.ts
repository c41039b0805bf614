// The body of the agent: applies, watches, heals and reports, towards the bundle that was accepted last, with or without a hub. Builds
// what its loops share and wires them.

import type { Bundle } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { ObservedApp } from "@muster/proto/model/session";
import type { AppStatus, Soak } from "@muster/proto/model/status";

import type { Cache } from "../cache/cache.ts";
import type { Kube } from "../kube/kube.ts";
import { soakTimes } from "../soak/soak.ts";
import { AppRecords } from "./app-records.ts";
import { AppStates } from "./app-state.ts";
import { Attempts } from "./attempts.ts";
import { DriftLog } from "./drift-log.ts";
import { Healer } from "./healer.ts";
import { inspect } from "./inspecting.ts";
import { Lanes, Turns } from "./lanes.ts";
import { Ledger } from "./ledger.ts";
import type { AgentLog } from "./log.ts";
import type { Deeds } from "./obeying.ts";
import { Problems } from "./problems.ts";
import { redeliver } from "./redelivering.ts";
import { Reporter } from "./report.ts";
import { Rounds } from "./rounds.ts";
import { Sightings } from "./sightings.ts";
import { failureText, siteBounds, type Site } from "./site.ts";
import { Soaking } from "./soaking.ts";
import { Watches } from "./watches.ts";

export type Body = {
  /** What is applied and healed towards from now on. All its Releases are in the cache. */
  accept(bundle: Bundle): void;
  /** The newest status of each App, as it was reported. */
  statuses(): ReadonlyMap<AppKey, AppStatus>;
  /** Compares everything again now, and tries again what was refused. */
  recheck(): void;
  /** What a rollout watches from now on; `again` in the first list of a session, whose hub may not know what was told before. */
  observe(apps: readonly ObservedApp[], again: boolean): void;
  /** For how long an App is well with a pin that is watched; null when it is not. */
  soakOf(app: AppKey, pin: Digest): Soak | null;
  /** What it does on command. */
  readonly deeds: Deeds;
  /** Runs until aborted and drained. */
  run(signal: AbortSignal): Promise<void>;
};

export type BodyOptions = {
  readonly kube: Kube;
  readonly cache: Cache;
  readonly fleet: string;
  /** The agent's own namespace: nothing in it is ever pruned. */
  readonly namespace?: string;
  readonly log: AgentLog;
  readonly now: () => number;
  readonly onStatus: (status: AppStatus) => void;
  /** An App that the bundle no longer names, of which nothing is left. */
  readonly onForgotten?: (app: AppKey) => void;
  /** Blobs of the accepted bundle that were found absent or damaged on disk: to be fetched again. Call `recheck` when they are there. */
  readonly onMissing?: (digests: readonly Digest[]) => void;
  /**
   * How long good and bad news has to last. Two seconds are enough to see a pod that starts and falls over at once; longer doubts are the
   * rollout's, which soaks.
   */
  readonly healthyAfterMs?: number;
  readonly degradedAfterMs?: number;
  /** An App that is watched was well for as long as is asked for: its status is to be reported again. */
  readonly onProven?: (app: AppKey) => void;
  /** Milliseconds that only rise, whatever the wall clock does; and how often the pods of what is watched are looked at. */
  readonly monotonicMs?: () => number;
  readonly podLooksEveryMs?: number;
};

export function createBody(options: BodyOptions): Body {
  const changed = (app: AppKey): void => reporter.dirty(app, "soon");
  const site: Site = {
    kube: options.kube,
    cache: options.cache,
    fleet: options.fleet,
    ownNamespace: options.namespace ?? null,
    ledger: new Ledger(options.cache.inventory, (entry, before) => {
      watches.follow(entry, before);
      for (const app of new Set([entry?.app, before?.app])) if (app !== undefined) changed(app);
    }),
    records: new AppRecords(options.cache.apps),
    sightings: new Sightings(options.now),
    problems: new Problems(changed),
    drifts: new DriftLog(changed),
    lanes: new Lanes(siteBounds.writesInFlight),
    turns: new Turns(),
    policies: new Map(),
    scaled: new Set(),
    crashes: new Map(),
    now: options.now,
    log: options.log,
    onLost: (digests) => options.onMissing?.(digests),
  };
  const states = new AppStates((app) => {
    reporter.dirty(app, "now");
    if (states.get(app) === undefined) options.onForgotten?.(app);
  });
  const attempts = new Attempts();
  const healer = new Healer(site);
  const eyes = eyesOf(site, healer, () => rounds.wake(), changed);
  const watches = new Watches(() => site, eyes);
  const soaking = new Soaking({
    site,
    states,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    everyMs: options.podLooksEveryMs ?? soakTimes.everyMs,
    onNews: (app) => reporter.dirty(app, "now"),
    onProven: (app) => options.onProven?.(app),
  });
  const reporter = new Reporter({
    site,
    states,
    onLook: (state, found) => soaking.judged(state, found),
    damping: { healthyAfterMs: options.healthyAfterMs ?? 2_000, degradedAfterMs: options.degradedAfterMs ?? 30_000 },
    onStatus: options.onStatus,
    onHealthy: (app, pin) => {
      const { begun, lastGood } = site.records.get(app);
      if (begun !== null && begun.pin === pin && pin !== lastGood?.pin)
        site.records
          .set(app, { lastGood: begun })
          .catch((error: unknown) => site.log.error({ app, reason: failureText(error) }, "cannot keep what was healthy"));
      if (states.apps.some((other) => states.get(other)?.phase.kind === "waiting")) rounds.wake();
    },
  });
  const rounds = new Rounds({ site, states, attempts, healthy: () => reporter.healthy });
  for (const entry of site.ledger.all.values()) watches.follow(entry, null);
  const recheck = (): void => {
    attempts.clear();
    for (const key of site.ledger.all.keys()) healer.touch(key, undefined);
    rounds.wake();
  };
  const first = Promise.withResolvers<void>();
  return {
    accept: (bundle) => {
      rounds.accept(bundle);
      first.resolve();
    },
    statuses: () => reporter.statuses,
    recheck,
    observe: (apps, again) => soaking.observe(apps, again),
    soakOf: (app, pin) => soaking.soakOf(app, pin),
    deeds: {
      inspect: (args, signal) => inspect(site, states, args, signal),
      redeliver: async ({ app }) => {
        const count = await redeliver(site, states, attempts, app);
        rounds.wake();
        return count;
      },
    },
    async run(signal) {
      for (const { app, count } of await site.records.countCrashes())
        site.log.warn({ app, count }, "the agent ended while it processed this app");
      // Without a verified bundle nobody knows what is wanted: what lies in the inventory is no reason to write anything (I5).
      if (signal.aborted) first.resolve();
      else signal.addEventListener("abort", () => first.resolve(), { once: true });
      await first.promise;
      await Promise.all([watches.run(signal), healer.run(signal), reporter.run(signal), rounds.run(signal), soaking.run(signal)]);
    },
  };
}

/** What is done with what the watches see. */
function eyesOf(site: Site, healer: Healer, wake: () => void, changed: (app: AppKey) => void): ConstructorParameters<typeof Watches>[1] {
  return {
    seen: (key, object, whole) => {
      const entry = site.ledger.get(key);
      if (entry === undefined) return; // our label, copied by somebody: not ours
      const before = site.sightings.get(key);
      if (!site.sightings.see(key, object)) return;
      if (before?.health !== site.sightings.get(key)?.health || before?.message !== site.sightings.get(key)?.message) changed(entry.app);
      healer.touch(key, whole ? object : "metadata");
    },
    gone: (key) => {
      const entry = site.ledger.get(key);
      if (entry === undefined) return;
      site.sightings.lose(key);
      changed(entry.app);
      if (entry.state === "applied") healer.touch(key, null);
      else wake();
    },
    unsure: (key) => healer.touch(key, undefined),
    kindMissing: (keys) => {
      for (const key of keys) {
        site.sightings.lose(key);
        healer.touch(key, undefined);
      }
    },
    rewound: (keys) => {
      const entries = keys.flatMap((key) => site.ledger.get(key) ?? []);
      site.sightings.rewind();
      site.ledger
        .save(entries.map((entry) => ({ ...entry, rv: "" })))
        .catch((error: unknown) => site.log.error({ reason: failureText(error) }, "cannot write the inventory"));
    },
  };
}
