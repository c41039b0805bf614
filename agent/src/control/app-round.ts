// One App in one round: inventory ahead of the first write, stage after stage, then, when everything is there, its prune.

import type { Digest } from "@muster/proto/model/digest";
import { identityKey, showIdentity, type AppKey } from "@muster/proto/model/identity";

import { pendingEntry, stagesInOrder, type AppPlan, type ApplyStep } from "../plan/plan.ts";
import type { Aim } from "./targets.ts";
import type { AppPhase, AppStates } from "./app-state.ts";
import type { Attempts } from "./attempts.ts";
import { ensureNamespace } from "./namespaces.ts";
import { absentOf } from "./preflight.ts";
import { prune } from "./pruner.ts";
import { waitReady } from "./readiness.ts";
import { actorFor, failureText, type Site } from "./site.ts";
import type { WriteJob } from "./write-job.ts";
import { writeObject, type WriteResult } from "./writer.ts";

/** What others stand on, by identity: resolves when it is ready, or when it is sure that it will not be in this round. */
export type Gates = Map<string, Gate>;
type Gate = { readonly ready: Promise<void>; readonly open: () => void };

export const roundTimes = { failedMs: 5_000, pruneAgainMs: 1_000 } as const;

export type RoundOptions = {
  readonly site: Site;
  readonly states: AppStates;
  readonly attempts: Attempts;
  readonly healthy: () => ReadonlySet<AppKey>;
};

export class AppRound {
  readonly app: AppKey;
  readonly #options: RoundOptions;
  readonly #site: Site;
  readonly #plan: AppPlan;
  readonly #aim: Aim;
  readonly #gates: Gates;
  readonly #generation: number;
  readonly #steps: readonly ApplyStep[];
  #saving: Promise<void>[] = [];
  againMs = Infinity;
  isComplete = false;

  constructor(options: RoundOptions, plan: AppPlan, aim: Aim, gates: Gates, generation: number) {
    this.#options = options;
    this.#site = options.site;
    this.#plan = plan;
    this.app = plan.app;
    this.#aim = aim;
    this.#gates = gates;
    this.#generation = generation;
    const now = this.#site.now();
    const isDue = (step: ApplyStep): boolean => !options.attempts.isWaiting(identityKey(step.identity), this.#attempt(step), now);
    this.#steps = plan.waitsFor.length > 0 ? [] : plan.applies.filter(isDue);
    this.#show();
  }

  /** True when the agent crashed while it processed what is aimed at. */
  get isSuspect(): boolean {
    return this.#site.records.get(this.app).crashes?.pin === this.#aim.aim?.pin && this.#aim.aim !== null;
  }

  /** What was attempted: another declaration, or another policy of the App, is another attempt. */
  #attempt(step: ApplyStep): string {
    return `${step.desired} ${this.#aim.aim?.pin ?? ""}`;
  }

  /** Makes the gates for what this App writes first, so that others can wait for them. */
  openGates(): void {
    for (const step of this.#steps.filter(({ stage }) => stage === 0)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#gates.set(identityKey(step.identity), { ready: promise, open: resolve });
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      if (this.#steps.length > 0) await this.#apply(signal);
      this.isComplete = this.#isApplied();
      if (!signal.aborted && this.isComplete) await this.#complete(signal);
    } catch (error) {
      // The disk or the cluster failed us as a whole: nothing is lost, the next round plans again.
      this.#site.log.error({ app: this.app, reason: failureText(error), err: error }, "an app could not be processed; trying again");
      this.againMs = roundTimes.failedMs;
    } finally {
      for (const step of this.#steps) this.#gates.get(identityKey(step.identity))?.open();
    }
    this.#rest();
  }

  #show(): void {
    const { expected, skipped, refused } = this.#plan;
    const { hold } = this.#aim;
    const { pin, release } = hold === "Paused" && this.#aim.aim !== null ? this.#aim.aim : this.#aim.accepted;
    this.#options.states.set({
      app: this.app,
      pin,
      release,
      generation: this.#generation,
      expected,
      skipped,
      refused,
      shares: expected.some(({ identity }) => (this.#site.ledger.get(identityKey(identity))?.app ?? this.app) !== this.app),
      phase: this.#firstPhase(),
    });
    const wanted = new Set(this.#plan.applies.map((step) => identityKey(step.identity)));
    const healed = this.#plan.expected.filter(({ identity }) => this.#site.ledger.get(identityKey(identity))?.state === "applied");
    for (const { identity } of healed) wanted.add(identityKey(identity));
    this.#site.problems.keepOnly("write", this.app, wanted);
    this.#site.problems.keepOnly("delete", this.app, new Set(this.#plan.prune.rounds.flat().map((entry) => identityKey(entry.identity))));
  }

  /** What it is about to do: an App with deletes ahead of it is not at rest yet. */
  #firstPhase(): AppPhase {
    const { waitsFor, prune: plan } = this.#plan;
    if (this.#aim.hold !== null) return { kind: "held", hold: this.#aim.hold };
    if (waitsFor.length > 0) return { kind: "waiting", for: waitsFor };
    if (this.#steps.length > 0) return { kind: "applying" };
    if (plan.rounds.length > 0) return { kind: "pruning" };
    return plan.held === null ? { kind: "resting" } : { kind: "guarded", message: heldMessage(plan.held), digest: plan.held.digest };
  }

  /** Back to rest, or to what holds the App: the phase of a hold and of waiting stays. */
  #rest(): void {
    const phase = this.#options.states.get(this.app)?.phase.kind;
    if (phase === "applying" || phase === "pruning") this.#options.states.enter(this.app, { kind: "resting" });
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const { ledger, records, log, now } = this.#site;
    const began = now();
    const fresh = this.#steps.filter((step) => ledger.get(identityKey(step.identity)) === undefined);
    await Promise.all([
      ledger.save(fresh.map((step) => pendingEntry(step.identity, this.app, "created"))),
      records.set(this.app, { processing: this.#aim.aim?.pin ?? null, ...(this.#aim.hold === null ? { begun: this.#aim.accepted } : {}) }),
    ]);
    const { namespace } = this.#plan.policy;
    if (namespace !== null && this.#steps.some((step) => ledger.get(identityKey(step.identity))?.uid === null))
      await ensureNamespace(this.#site, this.#plan.policy, namespace);
    const absent = await absentOf(actorFor(this.#site, this.#plan.policy), this.#unknown());
    for (const stage of stagesInOrder) {
      const steps = this.#steps.filter((step) => step.stage === stage);
      await Promise.all(steps.map((step) => this.#step(step, absent.has(identityKey(step.identity)), signal)));
    }
    const { crashes } = records.get(this.app);
    // Having come back to the last healthy Release does not make the poisonous one sound.
    const done = { processing: null, crashes: crashes?.pin === this.#aim.aim?.pin ? null : crashes };
    await Promise.all([...this.#saving, records.set(this.app, done)]);
    this.#saving = [];
    log.info({ app: this.app, count: this.#steps.length, ms: now() - began, generation: this.#generation }, "applied");
  }

  /** Objects that were never answered for: they may be somebody else's. */
  #unknown(): readonly ApplyStep[] {
    return this.#steps.filter((step) => this.#site.ledger.get(identityKey(step.identity))?.uid === null);
  }

  async #step(step: ApplyStep, absent: boolean, signal: AbortSignal): Promise<void> {
    const key = identityKey(step.identity);
    for (const need of step.needs) if (need !== key) await this.#gates.get(need)?.ready;
    if (signal.aborted) return this.#gates.get(key)?.open();
    const job: WriteJob = {
      app: this.app,
      identity: step.identity,
      digest: step.digest,
      desired: step.desired,
      policy: this.#plan.policy,
      writing: step.traits.writing,
      why: "release",
      ...(absent && step.needs.length === 0 ? { live: null } : {}),
    };
    const result = await this.#site.lanes.run(() =>
      this.#site.turns.run(key, () => writeObject(this.#site, job, (saved) => this.#saving.push(saved))),
    );
    await this.#take(step, result, signal);
  }

  async #take(step: ApplyStep, result: WriteResult, signal: AbortSignal): Promise<void> {
    const { site, attempts } = this.#options;
    const key = identityKey(step.identity);
    switch (result.kind) {
      case "written":
        attempts.done(key);
        site.problems.clear(step.identity, "write", "drift");
        if (step.stage === 0) {
          await waitReady(site.kube, step, result.after, signal);
          if (step.traits.defines !== null) attempts.kindsChanged();
        }
        return this.#gates.get(key)?.open();
      case "left":
        attempts.done(key);
        return this.#gates.get(key)?.open();
      case "terminating":
        attempts.refused(key, this.#attempt(step), roundTimes.failedMs, false, site.now());
        return this.#problem(
          step,
          "NamespaceTerminating",
          `${showIdentity(step.identity)} is being deleted; it is written when it is gone`,
        );
      case "refused":
        attempts.refused(key, this.#attempt(step), result.retryMs, result.reason === "KindMissing", site.now());
        return this.#problem(step, result.reason, result.message);
    }
  }

  #problem(step: ApplyStep, reason: Extract<WriteResult, { kind: "refused" }>["reason"], message: string): void {
    this.#site.problems.set({ app: this.app, identity: step.identity, sort: "write", reason, message, sinceMs: this.#site.now() });
  }

  #isApplied(): boolean {
    if (this.#plan.refused.length > 0 || this.#plan.waitsFor.length > 0) return false;
    return this.#plan.expected.every(({ identity, digest }) => {
      const entry = this.#site.ledger.get(identityKey(identity));
      return entry?.state === "applied" && entry.desired.startsWith(digest);
    });
  }

  /** Everything that the Release declares is there: what it no longer declares may go. */
  async #complete(signal: AbortSignal): Promise<void> {
    const { records, ledger } = this.#site;
    const { prune: plan, policy } = this.#plan;
    if (plan.rounds.length > 0) {
      this.#options.states.enter(this.app, { kind: "pruning" });
      const result = await prune(this.#site, actorFor(this.#site, policy), plan, signal);
      if (result !== "gone") this.againMs = result === "pending" ? roundTimes.pruneAgainMs : roundTimes.failedMs;
      if (result !== "gone" || signal.aborted) return;
    }
    if (plan.held !== null)
      return this.#options.states.enter(this.app, { kind: "guarded", message: heldMessage(plan.held), digest: plan.held.digest });
    const baseline = ledger.countOf(this.app);
    const record = records.get(this.app);
    const begun = this.#aim.aim ?? record.begun;
    if (record.baseline !== baseline || record.begun?.pin !== begun?.pin) await records.set(this.app, { baseline, begun });
  }
}

/** Says what waits for a person, and the digest that an approval has to name. */
export function heldMessage(held: { readonly guards: readonly string[]; readonly digest: Digest; readonly count: number }): string {
  return `${held.count} deletes need an approval (${held.guards.join(", ")}); muster approve ${held.digest.slice(0, 12)} gives it`;
}
