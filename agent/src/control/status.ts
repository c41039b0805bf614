// From what is known of an App to its status. A function of its arguments.

import { identityKey, showIdentity } from "@muster/proto/model/identity";
import { stateOf, type ReasonCode } from "@muster/proto/model/reasons";
import type { AppStatus, Health, ObjectCounts, ObjectProblem } from "@muster/proto/model/status";

import { needsBody, worst } from "../health/health.ts";
import type { AppState } from "./app-state.ts";
import type { Problem } from "./problems.ts";
import type { Sighting } from "./sightings.ts";
import type { Site } from "./site.ts";
import { holdMessage } from "./targets.ts";

export type Damping = { readonly healthyAfterMs: number; readonly degradedAfterMs: number };

export const problemsShownMax = 50;

export type StatusNow = {
  readonly status: Omit<AppStatus, "since">;
  /** True when every expected object is written and none is refused. */
  readonly applied: boolean;
  /** When time alone may change it, in milliseconds from now; null when it is at rest. */
  readonly againMs: number | null;
};

export function statusOf(site: Site, state: AppState, damping: Damping): StatusNow {
  const now = site.now();
  const problems = [...site.problems.of(state.app), ...leftToOthers(site, state)];
  const objects = state.expected.map(({ identity, digest }) => {
    const key = identityKey(identity);
    const entry = site.ledger.get(key);
    const isApplied = entry?.state === "applied" && entry.desired.startsWith(digest);
    const sighting = site.sightings.get(key);
    const current = sighting?.uid === entry?.uid ? sighting : undefined;
    return { identity, isApplied, ...healthNow(identity, isApplied, current, damping, now) };
  });
  const failing = problems.filter((problem) => problem.sort === "write" && isFailure(problem));
  const counts: ObjectCounts = {
    total: objects.length + state.refused.length,
    applied: objects.filter((object) => object.isApplied).length,
    failed: failing.length + state.refused.length,
    healthy: objects.filter((object) => object.health === "healthy" || object.health === "suspended").length,
  };
  const crashed = site.crashes.get(state.app);
  const crash = crashed?.pin === state.pin ? crashed.message : null;
  const health = crash === null ? appHealth(objects) : "degraded";
  const applied = counts.failed === 0 && objects.every((object) => object.isApplied);
  const inventoryEmpty = site.ledger.countOf(state.app) === 0;
  const { reason, message } = reasonOf(state, { problems, health, crash, applied, inventoryEmpty, counts, objects });
  const waits = objects.flatMap((object) => (object.againMs === null ? [] : [object.againMs]));
  return {
    status: {
      app: state.app,
      pin: state.pin,
      release: state.release,
      generation: state.generation,
      reason,
      message,
      health,
      counts,
      problems: [...problems.map(showProblem), ...refusedProblems(state, now), ...sick(objects, now)].slice(0, problemsShownMax),
      drift: site.drifts.of(state.app),
      inventoryEmpty,
      held: reason === "GuardHeld" && state.phase.kind === "guarded" ? state.phase.digest : null,
      soak: null,
    },
    applied,
    againMs: waits.length === 0 ? null : Math.min(...waits),
  };
}

type HealthNow = { readonly health: Health; readonly message: string; readonly sinceMs: number; readonly againMs: number | null };
type ObjectNow = HealthNow & { readonly identity: AppState["expected"][number]["identity"]; readonly isApplied: boolean };

/** Health with damping: a change to good has to last, a change to bad too unless waiting cannot help. */
function healthNow(
  id: ObjectNow["identity"],
  isApplied: boolean,
  sighting: Sighting | undefined,
  damping: Damping,
  now: number,
): HealthNow {
  if (sighting === undefined) return { health: isApplied ? "missing" : "progressing", message: "", sinceMs: now, againMs: null };
  const { health, message, sinceMs, terminal } = sighting;
  const shown = isApplied && !sighting.deleting ? health : worst([health, "progressing"]);
  const delay =
    shown === "degraded" && !terminal
      ? damping.degradedAfterMs
      : shown === "healthy" && needsBody(id.group, id.kind)
        ? damping.healthyAfterMs
        : 0;
  const left = sinceMs + delay - now;
  return left > 0
    ? { health: "progressing", message, sinceMs, againMs: left }
    : { health: shown, message, sinceMs, againMs: sighting.body === null ? null : 5_000 };
}

/** Suspended Jobs and CronJobs do not make an App suspended. */
function appHealth(objects: readonly ObjectNow[]): Health {
  return worst(objects.map(({ health, identity }) => (health === "suspended" && identity.group === "batch" ? "healthy" : health)));
}

type Facts = {
  readonly problems: readonly Problem[];
  readonly health: Health;
  /** What crashes; null: nothing that anybody watches. */
  readonly crash: string | null;
  readonly applied: boolean;
  readonly inventoryEmpty: boolean;
  readonly counts: ObjectCounts;
  readonly objects: readonly ObjectNow[];
};

type Reason = { readonly reason: ReasonCode; readonly message: string };

/** The first that holds: what the App is held by, what failed, what crashes, what it waits for, what is in work, how it is, what others changed. */
function reasonOf(state: AppState, facts: Facts): Reason {
  return (
    heldReason(state, facts) ??
    failedReason(state, facts) ??
    crashReason(facts) ??
    workReason(state, facts) ??
    healthReason(facts) ??
    driftReason(state, facts)
  );
}

/** Also while the rest is still being written: what crashes does not wait. */
function crashReason({ crash }: Facts): Reason | null {
  return crash === null ? null : { reason: "CrashLooping", message: crash };
}

function heldReason(state: AppState, facts: Facts): Reason | null {
  const { phase } = state;
  switch (phase.kind) {
    case "held":
      return { reason: phase.hold, message: holdMessage(phase.hold) };
    case "waiting":
      return { reason: "WaitingForDependency", message: `waits for ${phase.for.join(", ")}` };
    case "kept":
      return { reason: "Kept", message: "it is not in the bundle and has no tombstone: its objects are kept" };
    case "tombstone":
      if (facts.inventoryEmpty) return { reason: "Synced", message: "nothing of it is left" };
      return { reason: "TombstonePending", message: `its objects go at ${new Date(phase.atMs).toISOString()}` };
    default:
      return null;
  }
}

function failedReason(state: AppState, facts: Facts): Reason | null {
  const writes = facts.problems.filter((problem) => problem.sort === "write");
  const first = writes.find(isFailure) ?? writes[0];
  const conflict = state.refused[0];
  if (conflict !== undefined && (first === undefined || !isFailure(first)))
    return { reason: "OwnershipConflict", message: conflict.message };
  if (first !== undefined) return { reason: first.reason, message: severally(first.message, writes.length) };
  return null;
}

function workReason(state: AppState, facts: Facts): Reason | null {
  const { phase } = state;
  if (phase.kind === "guarded") return { reason: "GuardHeld", message: phase.message };
  const refusedDeletes = facts.problems.filter((problem) => problem.sort === "delete");
  if (refusedDeletes[0] !== undefined)
    return { reason: "PruneFailed", message: severally(refusedDeletes[0].message, refusedDeletes.length) };
  if (phase.kind === "pruning") return { reason: "Pruning", message: "" };
  if (phase.kind === "applying" || !facts.applied)
    return { reason: "Applying", message: `${facts.counts.applied} of ${facts.counts.total} objects` };
  return null;
}

function healthReason(facts: Facts): Reason | null {
  const worstOne = facts.objects.find((object) => object.health === facts.health);
  const message = worstOne === undefined ? "" : `${showIdentity(worstOne.identity)}: ${worstOne.message || worstOne.health}`;
  if (facts.health === "degraded" || facts.health === "missing") return { reason: "Degraded", message };
  return facts.health === "progressing" || facts.health === "unknown" ? { reason: "Progressing", message } : null;
}

function driftReason(state: AppState, facts: Facts): Reason {
  const drift = facts.problems.find((problem) => problem.sort === "drift");
  if (drift !== undefined) return { reason: drift.reason, message: drift.message };
  const hooks = state.skipped.length;
  return { reason: "Synced", message: hooks === 0 ? "" : `${hooks} objects are not written: ${state.skipped[0]?.message ?? ""}` };
}

/** Some refusals mean waiting: a namespace that is being deleted, a blob that is fetched again. */
function isFailure(problem: Problem): boolean {
  return stateOf(problem.reason) === "failed";
}

function severally(message: string, count: number): string {
  return count === 1 ? message : `${message} (and ${count - 1} more)`;
}

function showProblem(problem: Problem): ObjectProblem {
  const { identity, reason, message, sinceMs } = problem;
  return { identity, reason, health: "unknown", message, since: new Date(sinceMs).toISOString() };
}

/** Fields that others owned before us stay theirs: shown as long as it is so. */
function leftToOthers(site: Site, state: AppState): readonly Problem[] {
  return state.expected.flatMap(({ identity }) => {
    const entry = site.ledger.get(identityKey(identity));
    if (entry === undefined || entry.left.length === 0 || entry.app !== state.app) return [];
    const fields = entry.left.map(({ field, manager }) => `${field} (${manager})`).join(", ");
    const message = `${showIdentity(identity)}: others own ${fields}; left to them; take them out of Git, or of the other's hands`;
    return [{ app: state.app, identity, sort: "drift", reason: "Contested", message, sinceMs: site.now() }];
  });
}

function refusedProblems(state: AppState, now: number): readonly ObjectProblem[] {
  return state.refused.map(({ identity, message }) => ({
    identity,
    reason: "OwnershipConflict",
    health: "unknown",
    message,
    since: new Date(now).toISOString(),
  }));
}

function sick(objects: readonly ObjectNow[], now: number): readonly ObjectProblem[] {
  return objects
    .filter((object) => object.isApplied && object.health !== "healthy" && object.health !== "suspended")
    .map(({ identity, health, message, sinceMs }) => ({
      identity,
      reason: health === "degraded" || health === "missing" ? "Degraded" : "Progressing",
      health,
      message,
      since: new Date(sinceMs || now).toISOString(),
    }));
}
