// Heals: events only say which objects to look at; each is judged as it is when its turn comes, and written when it is not as applied.
// Heals towards what the inventory says was applied, so it goes on during pause, with no hub, and while a new Release waits.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { showIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { DriftRecord } from "@muster/proto/model/status";
import { Bell, pause } from "@muster/proto/waiting/waiting";

import { attribute, judge, ownFields, project, record, type Attribution, type FieldSet, type Recorded } from "../drift/drift.ts";
import { canonicalJson } from "@muster/proto/model/canonical";
import type { Entry } from "../plan/plan.ts";
import { needsBody } from "../health/health.ts";
import { declare, ignoredFor } from "./declaring.ts";
import { driftRecord, ignoreRule } from "./drift-log.ts";
import { Lanes } from "./lanes.ts";
import { seenOf } from "./sightings.ts";
import { actorFor, failureText, siteBounds, type Site } from "./site.ts";
import type { WriteJob } from "./write-job.ts";
import { versionOf, writeObject } from "./writer.ts";

export const healTimes = { debounceMs: 20, retryMs: 5_000 } as const;

/**
 * What an event showed: the object with its body; `metadata`: only that it is at the version of its sighting; null: surely gone;
 * undefined: nothing, it has to be read.
 */
export type Shown = JsonObject | "metadata" | null | undefined;

export class Healer {
  readonly #site: Site;
  readonly #lanes = new Lanes(siteBounds.healsInFlight);
  readonly #dirty = new Map<string, Shown>();
  readonly #again = new Map<string, NodeJS.Timeout>();
  /** To be written whatever the verdict: a quarrel is over. */
  readonly #insist = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #bell = new Bell();

  constructor(site: Site) {
    this.#site = site;
  }

  /** Says that an object may have changed. */
  touch(key: string, shown: Shown): void {
    const mustRead = this.#dirty.has(key) && this.#dirty.get(key) === undefined;
    this.#dirty.set(key, mustRead ? undefined : shown);
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#bell.wait(Infinity, signal);
      await pause(healTimes.debounceMs, signal);
      if (signal.aborted) break;
      const batch = [...this.#dirty];
      this.#dirty.clear();
      for (const [key, shown] of batch) this.#start(key, shown);
    }
    for (const timer of this.#again.values()) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #start(key: string, shown: Shown): void {
    const task = this.#lanes
      .run(() => this.#site.turns.run(key, () => this.#look(key, shown)))
      .catch((error: unknown) => {
        this.#site.log.warn({ object: key, reason: failureText(error) }, "cannot look at an object; trying again");
        this.#later(key, healTimes.retryMs);
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  #later(key: string, ms: number): void {
    clearTimeout(this.#again.get(key));
    this.#again.set(
      key,
      setTimeout(() => {
        this.#again.delete(key);
        this.touch(key, undefined);
      }, ms),
    );
  }

  async #look(key: string, shown: Shown): Promise<void> {
    const { ledger, policies, sightings } = this.#site;
    const entry = ledger.get(key);
    const policy = entry && (policies.get(entry.app) ?? this.#site.records.get(entry.app).begun?.policy);
    if (entry?.state !== "applied" || policy === undefined) return;
    const known = sightings.get(key);
    const isSeen = shown !== undefined && shown !== null;
    if (isSeen && known?.uid === entry.uid && known.rv === entry.rv) return this.#settle(key, entry); // our own write, or judged before
    const live = shown === undefined || shown === "metadata" ? await this.#read(entry) : shown;
    if (live === "unknownKind")
      return this.#tell(entry, "KindMissing", `the cluster no longer knows the kind of ${showIdentity(entry.identity)}`);
    if (live === null) return this.#recreate(key, entry, policy);
    sightings.see(key, live);
    if (!entry.kept) return this.#settle(key, entry);
    await this.#judge(key, entry, policy, live);
  }

  async #read(entry: Entry): Promise<JsonObject | null | "unknownKind"> {
    const found = await this.#site.kube.get(entry.identity, { version: versionOf({ apiVersion: entry.apiVersion }) });
    if (found.kind === "found") return found.object;
    return found.kind === "absent" ? null : "unknownKind";
  }

  async #judge(key: string, entry: Entry, policy: AgentPolicy, live: JsonObject): Promise<void> {
    const declared = (await this.#site.cache.readObject(digestIn(entry))) ?? undefined;
    const ignored = ignoredFor(this.#site, policy, entry.identity, live);
    const verdict = judge(live, recordedOf(entry), declared, ignored);
    const insist = this.#insist.delete(key);
    switch (verdict.kind) {
      case "same":
        return insist ? this.#heal(key, entry, policy, live) : this.#keepVersion(key, entry, live);
      case "terminating":
        return;
      case "entryOnly":
        return (await this.#isOnlyEntry(entry, policy, live)) ? this.#note(key, entry, policy, live) : this.#heal(key, entry, policy, live);
      case "values":
      case "additions":
      case "yielded":
      case "disowned":
      case "replaced":
        return this.#heal(key, entry, policy, live);
    }
  }

  /** Of kinds that are watched by metadata the version is kept: what was read and found the same need not be read again. */
  async #keepVersion(key: string, entry: Entry, live: JsonObject): Promise<void> {
    this.#settle(key, entry);
    if (!needsBody(entry.identity.group, entry.identity.kind) && entry.rv !== seenOf(live).rv)
      await this.#site.ledger.save([{ ...entry, rv: seenOf(live).rv }]);
  }

  /** A dry run tells whether an apply would change a value, or only who owns it. */
  async #isOnlyEntry(entry: Entry, policy: AgentPolicy, live: JsonObject): Promise<boolean> {
    const after = await this.#dryRun(entry, policy, live);
    if (after === null) return false;
    const fields = ownFields(after) ?? {};
    return canonicalJson(project(live, fields)) === canonicalJson(project(after, fields));
  }

  async #dryRun(entry: Entry, policy: AgentPolicy, live: JsonObject | null): Promise<JsonObject | null> {
    const declared = await this.#site.cache.readObject(digestIn(entry));
    if (declared === null) return null;
    const body = declare(this.#site, jobOf(entry, policy, live), declared, live, entry);
    const result = await actorFor(this.#site, policy).apply(body, { force: true, dryRun: true });
    return result.kind === "applied" ? result.object : null;
  }

  /** Takes the live object as what is recorded: nothing of ours has another value. */
  async #note(key: string, entry: Entry, policy: AgentPolicy, live: JsonObject): Promise<void> {
    const declared = (await this.#site.cache.readObject(digestIn(entry))) ?? undefined;
    const { rv, fields, valueHash } = record(live, declared, ignoredFor(this.#site, policy, entry.identity, live));
    this.#settle(key, entry);
    await this.#site.ledger.save([{ ...entry, rv, fields: canonicalJson(fields), valueHash }]);
  }

  async #recreate(key: string, entry: Entry, policy: AgentPolicy): Promise<void> {
    this.#site.sightings.lose(key);
    const gone: Attribution = { fields: [], paths: [], manager: "unknown", operation: "Delete", subresource: "", changedAt: null };
    if (!policy.heal) return this.#leave(entry, "deleted", gone);
    await this.#write(key, entry, policy, null, () => gone);
  }

  async #heal(key: string, entry: Entry, policy: AgentPolicy, live: JsonObject): Promise<void> {
    if (!policy.heal) {
      const after = await this.#dryRun(entry, policy, live);
      return this.#leave(entry, "changed", attribute(live, after ?? live));
    }
    await this.#write(key, entry, policy, live, (after) => attribute(live, after));
  }

  async #write(
    key: string,
    entry: Entry,
    policy: AgentPolicy,
    live: JsonObject | null,
    whoWas: (after: JsonObject) => Attribution,
  ): Promise<void> {
    const { drifts, log, now, problems } = this.#site;
    const seenAt = now();
    const waitMs = drifts.takeHeal(key, seenAt);
    if (waitMs > 0) {
      this.#later(key, waitMs);
      return this.#tell(entry, "Contested", `healed too often; the next heal is in ${Math.ceil(waitMs / 1_000)} s`);
    }
    const result = await writeObject(
      this.#site,
      jobOf(entry, policy, live),
      (saved) => void saved.catch((error: unknown) => this.#unsaved(error)),
    );
    if (result.kind === "refused") {
      problems.set({
        app: entry.app,
        identity: entry.identity,
        sort: "write",
        reason: result.reason,
        message: result.message,
        sinceMs: now(),
      });
      return this.#later(key, result.retryMs);
    }
    if (result.kind !== "written") return;
    problems.clear(entry.identity, "write");
    const who = whoWas(result.after);
    if (result.outcome === "unchanged" || (live !== null && who.paths.length === 0)) return this.#settle(key, entry);
    const contested = this.#quarrel(key, entry, who);
    drifts.add(entry.app, driftRecord(entry.identity, live === null ? "deleted" : "changed", who, { seenAt, healedAt: now(), contested }));
    log.info(
      { app: entry.app, object: showIdentity(entry.identity), manager: who.manager, fields: who.fields, ms: now() - seenAt },
      "healed drift",
    );
  }

  /** Notes a heal; gives fields up for a while when the same manager keeps taking them back. */
  #quarrel(key: string, entry: Entry, who: Attribution): boolean {
    const { drifts, now, problems } = this.#site;
    const byPerson = who.manager.startsWith("kubectl");
    const contested = drifts.note(key, { paths: who.paths, manager: who.manager, byPerson }, now());
    if (contested.length === 0) {
      problems.clear(entry.identity, "drift");
      return false;
    }
    const until = Math.max(...drifts.yielded(key, now()).map(({ untilMs }) => untilMs));
    this.#tell(
      entry,
      "Contested",
      `${who.manager} keeps changing ${who.fields.join(", ")}; left to it for now; to end this, add to sync.ignore: ${ignoreRule(entry.identity, who)}`,
    );
    this.#insist.add(key);
    this.#later(key, until - now() + 1);
    return true;
  }

  /** It is as it was applied. */
  #settle(key: string, entry: Entry): void {
    if (this.#site.drifts.yielded(key, this.#site.now()).length > 0) return;
    this.#site.problems.clear(entry.identity, "drift");
    this.#site.drifts.settle(entry.app, entry.identity);
  }

  /** Healing is off: only told. */
  #leave(entry: Entry, kind: DriftRecord["kind"], who: Attribution): void {
    const { drifts, now } = this.#site;
    drifts.add(entry.app, driftRecord(entry.identity, kind, who, { seenAt: now(), healedAt: null, contested: false }));
    this.#tell(entry, "DriftNotHealed", `${who.manager} ${kind} ${who.fields.join(", ") || showIdentity(entry.identity)}`);
  }

  #tell(entry: Entry, reason: "KindMissing" | "Contested" | "DriftNotHealed", message: string): void {
    const { app, identity } = entry;
    this.#site.problems.set({ app, identity, sort: "drift", reason, message, sinceMs: this.#site.now() });
  }

  #unsaved(error: unknown): void {
    this.#site.log.error({ reason: failureText(error) }, "cannot write the inventory");
  }
}

function jobOf(entry: Entry, policy: AgentPolicy, live: JsonObject | null): WriteJob {
  const { app, identity, desired } = entry;
  return { app, identity, digest: digestIn(entry), desired, policy, writing: entry.kept ? "always" : "ifAbsent", why: "heal", live };
}

/** The digest of the object that was applied last. */
function digestIn(entry: Entry): Digest {
  return entry.desired.slice(0, 64) as Digest;
}

function recordedOf(entry: Entry): Recorded {
  return { uid: entry.uid ?? "", rv: entry.rv, fields: JSON.parse(entry.fields) as FieldSet, valueHash: entry.valueHash as Digest };
}
