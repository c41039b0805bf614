// The apply loop: a round takes the accepted bundle, plans, writes what is missing, deletes what may go. Started by a new bundle, a timer,
// or news from elsewhere; a new bundle cuts short what a round only waits for.

import type { Bundle } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { digestOf } from "@muster/proto/model/digest";
import { identityKey, type AppKey } from "@muster/proto/model/identity";
import { Bell } from "@muster/proto/waiting/waiting";

import { makePlan, type Plan, type TombstonePlan } from "../plan/plan.ts";
import { AppRound, heldMessage, roundTimes, type Gates, type RoundOptions } from "./app-round.ts";
import { prune } from "./pruner.ts";
import { failureText } from "./site.ts";
import { resolveTargets, TraitsMemory, type Aim, type Manifests } from "./targets.ts";

export class Rounds {
  readonly #options: RoundOptions;
  readonly #bell = new Bell();
  readonly #traits = new TraitsMemory();
  readonly #manifests: Manifests = new Map();
  #bundle: Bundle | null = null;
  /** After which bundle the disk was cleared up. */
  #swept: Bundle | null = null;
  #interrupt = new AbortController();
  /** Damaged inventory: nothing is pruned before one round applied everything. */
  #doubtful: boolean;

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#doubtful = options.site.ledger.damaged;
  }

  accept(bundle: Bundle): void {
    this.#bundle = bundle;
    this.#interrupt.abort();
    this.#bell.ring();
  }

  /** Something changed that a round may act on. */
  wake(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    let waitMs = Infinity;
    while (!signal.aborted) {
      await this.#bell.wait(waitMs, signal);
      if (signal.aborted || this.#bundle === null) continue;
      this.#interrupt = new AbortController();
      try {
        waitMs = await this.#round(this.#bundle, AbortSignal.any([signal, this.#interrupt.signal]));
      } catch (error) {
        this.#options.site.log.error({ reason: failureText(error), err: error }, "a round failed; trying again");
        waitMs = roundTimes.failedMs;
      }
    }
  }

  /** One round. Returns when the next one is wanted, in milliseconds. */
  async #round(bundle: Bundle, signal: AbortSignal): Promise<number> {
    const { site, attempts, healthy } = this.#options;
    const beganMs = site.now();
    const found = await resolveTargets(site, bundle, this.#manifests);
    const baseline = new Map(
      [...site.records.all()].flatMap(([app, record]) => (record.baseline === null ? [] : [[app, record.baseline]])),
    );
    const plan = makePlan({
      targets: found.targets,
      alsoDeclared: found.declared,
      complete: found.complete && !this.#doubtful,
      tombstones: bundle.tombstones,
      approvals: new Set(bundle.approvals),
      inventory: site.ledger.all,
      baseline,
      traits: await this.#traits.of(site, found.targets),
      healthy: healthy(),
      ownNamespace: site.ownNamespace,
      now: site.now(),
    });
    this.#take(plan, found.aims, bundle);
    const gates: Gates = new Map();
    const rounds = plan.apps.map(
      (appPlan) => new AppRound(this.#options, appPlan, aimFor(found.aims, appPlan.app), gates, bundle.generation),
    );
    attempts.keepOnly(new Set(plan.apps.flatMap(({ applies }) => applies.map((step) => identityKey(step.identity)))));
    const [suspect, sound] = split(rounds, (round) => round.isSuspect);
    for (const round of sound) round.openGates();
    await Promise.all(sound.map((round) => round.run(signal)));
    for (const round of suspect) {
      round.openGates();
      await round.run(signal); // one at a time: a crash has to name the right App
    }
    const complete = found.complete && rounds.every((round) => round.isComplete);
    if (complete) this.#doubtful = false;
    // A removal is an upgrade too: while the cluster is paused it waits.
    const waits = bundle.paused ? [] : await this.#tombstones(plan.tombstones, signal);
    if (complete && !signal.aborted && this.#swept !== bundle) {
      await this.#sweep(bundle);
      this.#swept = bundle;
    }
    return Math.min(attempts.nextMs(beganMs, site.now()), ...rounds.map((round) => round.againMs), ...waits);
  }

  /** Shows the plan before it is carried out. */
  #take(plan: Plan, aims: readonly Aim[], bundle: Bundle): void {
    const { site, states } = this.#options;
    site.scaled.clear();
    for (const key of plan.scaled) site.scaled.add(key);
    const nothing = { expected: [], skipped: [], refused: [], shares: false };
    const planned = new Set(
      plan.apps.map(({ app, policy }) => {
        site.policies.set(app, policy);
        return app;
      }),
    );
    for (const { app, accepted, hold } of aims) {
      if (planned.has(app)) continue;
      const { pin, release } = accepted;
      states.set({ app, pin, release, generation: bundle.generation, phase: { kind: "held", hold: hold ?? "Fetching" }, ...nothing });
    }
    const bare = (app: AppKey): { app: AppKey; pin: Digest; release: Digest; generation: number } => {
      const begun = site.records.get(app).begun;
      return { app, pin: begun?.pin ?? digestOf(""), release: begun?.release ?? digestOf(""), generation: bundle.generation };
    };
    for (const app of plan.kept) states.set({ ...bare(app), phase: { kind: "kept" }, ...nothing });
    for (const { app, waitMs } of plan.tombstones) {
      const phase = bundle.paused
        ? ({ kind: "held", hold: "Paused" } as const)
        : ({ kind: "tombstone", atMs: site.now() + waitMs } as const);
      states.set({ ...bare(app), phase, ...nothing });
    }
    const named = new Set([...aims.map(({ app }) => app), ...plan.kept, ...bundle.tombstones.map(({ app }) => app)]);
    for (const app of states.apps) if (!named.has(app)) this.#forget(app);
  }

  /** Nothing of the App is here, and the bundle does not speak of it any more. */
  #forget(app: AppKey): void {
    const { site, states } = this.#options;
    states.forget(app);
    site.policies.delete(app);
    site.drifts.forget(app);
    site.records.forget(app).catch((error: unknown) => site.log.error({ app, reason: failureText(error) }, "cannot forget an app"));
  }

  async #tombstones(tombstones: readonly TombstonePlan[], signal: AbortSignal): Promise<readonly number[]> {
    const { site, states } = this.#options;
    const waits: number[] = [];
    for (const { app, mode, waitMs, prune: plan, forget } of tombstones) {
      if (waitMs > 0) waits.push(waitMs);
      if (waitMs > 0 || signal.aborted) continue;
      if (mode === "orphan") {
        await site.ledger.drop(forget.map((entry) => identityKey(entry.identity)));
      } else {
        if (plan.rounds.length > 0) states.enter(app, { kind: "pruning" });
        const result = await prune(site, site.kube, plan, signal);
        if (result === "pending") waits.push(roundTimes.pruneAgainMs);
        if (result === "failed") waits.push(roundTimes.failedMs);
        // Adopted objects are never deleted: with the App gone they are only forgotten.
        const left = [...site.ledger.all].filter(([, entry]) => entry.app === app && entry.origin === "adopted");
        await site.ledger.drop(left.map(([key]) => key));
        if (plan.held !== null) states.enter(app, { kind: "guarded", message: heldMessage(plan.held), digest: plan.held.digest });
      }
      if (plan.held === null) states.enter(app, { kind: "tombstone", atMs: site.now() });
    }
    return waits;
  }

  /** Removes blobs that nothing needs: not the accepted bundle, not what is applied or was healthy, not what an object was applied from. */
  async #sweep(bundle: Bundle): Promise<void> {
    const { site } = this.#options;
    const releases = new Set(bundle.apps.map(({ release }) => release));
    for (const [, { begun, lastGood }] of site.records.all())
      for (const pin of [begun, lastGood]) if (pin !== null) releases.add(pin.release);
    const objects = [...site.ledger.all.values()].map((entry) => entry.desired.slice(0, 64) as Digest);
    await site.cache.sweep(releases, objects);
  }
}

function aimFor(aims: readonly Aim[], app: AppKey): Aim {
  const aim = aims.find((candidate) => candidate.app === app);
  if (aim === undefined) throw new TypeError(`no aim for ${app}`);
  return aim;
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
