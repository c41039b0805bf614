// Writes one declared object: looks first where somebody could be hurt, applies, settles conflicts, records the answer. Used for new
// Releases and for heals alike; when to write is others' matter.

import { canonicalJson } from "@muster/proto/model/canonical";
import { identityKey, showIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { ReasonCode } from "@muster/proto/model/reasons";

import { coversWay, fold, hasAdditions, record, type AlsoFold, type FieldSet } from "../drift/drift.ts";
import type { Applied, GetResult, KubeActions, PatchOperation, Refusal } from "../kube/kube.ts";
import { judgeExisting, pendingEntry, settleConflicts, without, type Entry, type FieldConflict } from "../plan/plan.ts";
import { declare, guarded, guardsOf, ignoredFor, mustSeeLive } from "./declaring.ts";
import type { WriteJob } from "./write-job.ts";
import { ensureNamespace } from "./namespaces.ts";
import { seenOf } from "./sightings.ts";
import { actorFor, failureText, type Site } from "./site.ts";

export type WriteResult =
  | { readonly kind: "written"; readonly outcome: Applied["outcome"]; readonly before: JsonObject | null; readonly after: JsonObject }
  /** Nothing to write: it is there, and is only ever created. */
  | { readonly kind: "left" }
  | { readonly kind: "refused"; readonly reason: ReasonCode; readonly message: string; readonly retryMs: number }
  /** It is being deleted: it is written when it is gone. */
  | { readonly kind: "terminating" };

type Refused = Extract<WriteResult, { kind: "refused" }>;
type Raced = { readonly kind: "raced" };

export const writeTimes = { racesMax: 5, conflictsMax: 4, permanentMs: 600_000, laterMs: 5_000 } as const;

/** Writes the object. Its inventory entry is in memory when this resolves; `saved` is given the promise of its being on disk. */
export async function writeObject(site: Site, job: WriteJob, saved: (done: Promise<void>) => void): Promise<WriteResult> {
  let next = job;
  try {
    for (let race = 0; race < writeTimes.racesMax; race += 1) {
      const result = await new Writing(site, next, saved).run(race > 0);
      if (result.kind !== "raced") return result;
      const { live: _, ...again } = next;
      next = again;
    }
    return refused("ApplyFailed", `${showIdentity(job.identity)} keeps being changed by others while it is written`, writeTimes.laterMs);
  } catch (error) {
    return refused("ApplyFailed", failureText(error), writeTimes.laterMs);
  }
}

/** What is being written over: the live object (null: absent, undefined: not looked at), and the entry that it belongs to. */
type Ground = { readonly declared: JsonObject; readonly live: JsonObject | null | undefined; readonly entry: Entry };

class Writing {
  readonly #site: Site;
  readonly #job: WriteJob;
  readonly #key: string;
  readonly #kube: KubeActions;
  readonly #saved: (done: Promise<void>) => void;

  constructor(site: Site, job: WriteJob, saved: (done: Promise<void>) => void) {
    this.#site = site;
    this.#job = job;
    this.#key = identityKey(job.identity);
    this.#kube = actorFor(site, job.policy);
    this.#saved = saved;
  }

  async run(reread: boolean): Promise<WriteResult | Raced> {
    const ground = await this.#ground(reread);
    if ("kind" in ground) return ground;
    const { live, entry } = ground;
    const isThere = live === undefined ? entry.uid !== null : live !== null;
    if (this.#job.writing === "ifAbsent" && isThere) return this.#leave(entry, live ?? null);
    const adopting = live ? this.#adopt(ground.declared, live, entry) : null;
    if (adopting?.kind === "refused") return adopting;
    const folded = await this.#fold(live, adopting === null ? undefined : adoptedManagers, adopting?.origin === "adopted");
    if (folded.kind !== "folded") return folded;
    const over = { ...ground, live: folded.live, entry: { ...entry, origin: adopting?.origin ?? entry.origin } };
    const applied = await this.#apply(over);
    if (applied.kind !== "applied") return applied;
    return this.#finish(over, applied, live ?? null);
  }

  /** Reads what is declared and, where it matters, what is there. */
  async #ground(reread: boolean): Promise<Ground | WriteResult> {
    const { cache, ledger, sightings, onLost } = this.#site;
    const { app, digest, identity, live } = this.#job;
    const name = showIdentity(identity);
    const declared = await cache.readObject(digest);
    if (declared === null) {
      onLost([digest]);
      return refused("Fetching", `the stored object of ${name} is damaged; it is fetched again`, writeTimes.laterMs);
    }
    const entry = ledger.get(this.#key) ?? pendingEntry(identity, app, "created");
    if (live === undefined && !reread && sightings.get(this.#key)?.deleting === true) return { kind: "terminating" };
    if (live !== undefined || (entry.uid !== null && !reread && !mustSeeLive(this.#site, this.#job, declared)))
      return { declared, live, entry };
    const found = await this.#look(declared);
    if (found.kind === "unknownKind") return refused("KindMissing", `the cluster does not know the kind of ${name}`, writeTimes.laterMs);
    if (found.kind === "absent") return { declared, live: null, entry };
    if (!seenOf(found.object).deleting) return { declared, live: found.object, entry };
    if (entry.uid === seenOf(found.object).uid) sightings.see(this.#key, found.object);
    return { kind: "terminating" };
  }

  /** That the kind is not known may change in a moment, and is no reason to delete anything: to write, it is sure enough. */
  async #look(declared: JsonObject): Promise<GetResult> {
    const { identity } = this.#job;
    const version = versionOf(declared);
    try {
      return await this.#kube.get(identity, { version });
    } catch (error) {
      if (this.#kube.mapping(identity.group, identity.kind, version) === undefined) return { kind: "unknownKind" };
      throw error;
    }
  }

  /** A live object that is not the one in the inventory: may we have it? Null when it is the one. */
  #adopt(
    declared: JsonObject,
    live: JsonObject,
    entry: Entry,
  ): { readonly kind: "taken"; readonly origin: Entry["origin"] } | Refused | null {
    if (entry.uid === seenOf(live).uid) return null;
    const { app, identity, policy } = this.#job;
    // The plan gave the object to this App: an App of this fleet whose mark it bears has it no longer.
    const verdict = judgeExisting({ identity, live, declared, fleet: this.#site.fleet, app, adopt: policy.adopt, isHeldBy: () => false });
    if (verdict.kind === "take") return { kind: "taken", origin: verdict.origin };
    // Ours was deleted and somebody made it anew, without a mark of another tool: that is drift, not a stranger's object.
    if (entry.uid !== null && verdict.reason === "Exists") return { kind: "taken", origin: entry.origin };
    return refused(verdict.reason, verdict.message, writeTimes.permanentMs);
  }

  /** It is there, and that is all that is asked. */
  #leave(entry: Entry, live: JsonObject | null): WriteResult {
    const { app, desired } = this.#job;
    const origin = entry.uid === null ? "adopted" : entry.origin; // who made it is not known: it is never pruned
    const found = live === null ? {} : ({ uid: seenOf(live).uid, apiVersion: String(live["apiVersion"]), origin } as const);
    this.#saved(this.#site.ledger.save([{ ...entry, ...found, app, desired, state: "applied", kept: false }]));
    if (live !== null) this.#site.sightings.see(this.#key, live);
    return { kind: "left" };
  }

  /** Makes people's fields ours, so that the apply drops what is not declared. */
  async #fold(
    live: JsonObject | null | undefined,
    also: AlsoFold | undefined,
    adopting: boolean,
  ): Promise<{ readonly kind: "folded"; readonly live: JsonObject | null | undefined } | Refused | Raced> {
    if (!live || !(this.#job.policy.heal || adopting)) return { kind: "folded", live };
    const operations = fold(live, ignoredFor(this.#site, this.#job.policy, this.#job.identity, live), String(live["apiVersion"]), also);
    if (operations === null) return { kind: "folded", live };
    const result = await this.#kube.patchJson(this.#job.identity, operations as readonly PatchOperation[], { version: versionOf(live) });
    return result.kind === "applied" ? { kind: "folded", live: result.object } : refusedOrRaced(result);
  }

  async #apply({ declared, live, entry }: Ground): Promise<(Applied & { readonly left: readonly FieldConflict[] }) | Refused | Raced> {
    const { policy, identity, why } = this.#job;
    const guards = guardsOf(this.#site, this.#job, live, entry);
    const owned = JSON.parse(entry.fields) as FieldSet;
    let body = declare(this.#site, this.#job, declared, live, entry);
    let force = why === "heal";
    let left = why === "heal" ? entry.left : [];
    for (let round = 0; round < writeTimes.conflictsMax; round += 1) {
      const result = await this.#kube.apply(guarded(body, guards), {
        force,
        ...(guards.known === "" ? {} : { knownVersion: guards.known }),
      });
      if (result.kind === "applied") return { ...result, left };
      if (result.kind === "refused") {
        if (result.namespaceMissing === true && (await ensureNamespace(this.#site, policy, identity.namespace))) continue;
        return refusedOrRaced(result);
      }
      const isTaken = (manager: string): boolean => policy.adopt !== "never" && entry.uid === null && isToolManager(manager);
      const settled = settleConflicts(result.conflicts, body, (way) => coversWay(owned, declared, way), isTaken);
      if (settled.leave.some(({ way }) => way === null)) return refused("ApplyFailed", result.message, writeTimes.permanentMs);
      for (const { way } of settled.leave) body = without(body, way ?? []) as JsonObject;
      left = [...left, ...settled.leave.map(({ field, manager }) => ({ field, manager }))];
      force = settled.force.length > 0;
    }
    return { kind: "raced" };
  }

  /** Takes back what people added meanwhile, and records the answer. */
  async #finish(
    ground: Ground,
    applied: Applied & { readonly left: readonly FieldConflict[] },
    before: JsonObject | null,
  ): Promise<WriteResult | Raced> {
    const { ledger, sightings } = this.#site;
    const { app, desired, identity, policy } = this.#job;
    let answer: Applied = applied;
    if (policy.heal && hasAdditions(applied.object, ignoredFor(this.#site, policy, identity, applied.object))) {
      const folded = await this.#fold(applied.object, undefined, false);
      if (folded.kind !== "folded") return folded;
      const again = await this.#apply({ ...ground, live: folded.live });
      if (again.kind !== "applied") return again;
      answer = { ...again, outcome: applied.outcome === "created" ? "created" : "configured" };
    }
    const recorded = record(answer.object, ground.declared, ignoredFor(this.#site, policy, identity, answer.object));
    const entry: Entry = {
      ...ground.entry,
      app,
      apiVersion: String(answer.object["apiVersion"]),
      state: "applied",
      kept: this.#job.writing !== "ifAbsent",
      desired,
      generation: seenOf(answer.object).generation,
      uid: recorded.uid,
      rv: recorded.rv,
      fields: canonicalJson(recorded.fields),
      valueHash: recorded.valueHash,
      left: applied.left,
      approval: null,
    };
    this.#saved(ledger.save([entry]));
    sightings.see(this.#key, answer.object, true);
    return { kind: "written", outcome: answer.outcome, before, after: answer.object };
  }
}

function refused(reason: ReasonCode, message: string, retryMs: number): Refused {
  return { kind: "refused", reason, message, retryMs };
}

function refusedOrRaced(refusal: Refusal): Refused | Raced {
  if (refusal.retry === "raced") return { kind: "raced" };
  const retryMs = refusal.retryAfterMs ?? (refusal.retry === "never" ? writeTimes.permanentMs : writeTimes.laterMs);
  return refused(refusal.reason, refusal.message, retryMs);
}

/** The version of an object, without its group. */
export function versionOf(object: JsonObject): string {
  const apiVersion = String(object["apiVersion"]);
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}

/** Managers of tools whose objects may be taken over. */
const toolManagers: ReadonlySet<string> = new Set([
  "before-first-apply",
  "helm",
  "argocd-controller",
  "argocd-application-controller",
  "kustomize-controller",
  "helm-controller",
  "fleetagent",
]);

function isToolManager(manager: string): boolean {
  return toolManagers.has(manager);
}

const adoptedManagers: AlsoFold = (entry) => isToolManager(entry.manager) && entry.operation === "Update";
