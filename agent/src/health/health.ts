// How an object is doing, from the object alone: first what holds for all kinds, then the kind's own rule. For how long it has been so,
// what counts for a Release, and damping are the caller's.

import type { JsonObject } from "@muster/proto/model/json";
import type { Health } from "@muster/proto/model/status";
import { conditionOf, wordsOf } from "./conditions.ts";
import { at, numberAt, objectsAt, textAt, textsAt, timeAt } from "@muster/proto/model/members";
import { hasHealth, observesGeneration, ruleFor } from "./table.ts";
import { degraded, inTime, minute, progressing, type Moment, type Verdict } from "./verdict.ts";

export type { Verdict as HealthResult } from "./verdict.ts";

/**
 * The health of a live object, or of its absence. `now` and `since` in milliseconds since 1970: `since` is when the caller first saw the
 * object not healthy at its present generation; kinds without times of their own turn degraded only with it. Never throws.
 */
export function healthOf(object: JsonObject | undefined, now: number, since?: number): Verdict {
  if (object === undefined) return { health: "missing", message: "it is not there", reason: "Missing" };
  const moment: Moment = { now, since };
  return (
    terminating(object, now) ??
    behind(object) ??
    announced(object) ??
    ruleFor(groupOf(object), textAt(object, "kind") ?? "")(object, moment)
  );
}

/** False for kinds whose existence is all there is to know (Secret, ConfigMap, RBAC, ...): watching their metadata is enough. */
export function needsBody(group: string, kind: string): boolean {
  return hasHealth(group, kind);
}

/** From worst to best. */
const order = ["degraded", "missing", "unknown", "progressing", "suspended", "healthy"] as const satisfies readonly Health[];

/** The worst of all; healthy when there is none. */
export function worst(healths: Iterable<Health>): Health {
  const seen = new Set(healths);
  return order.find((health) => seen.has(health)) ?? "healthy";
}

function groupOf(object: JsonObject): string {
  const apiVersion = textAt(object, "apiVersion") ?? "";
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

function terminating(object: JsonObject, now: number): Verdict | undefined {
  const begun = timeAt(object, "metadata", "deletionTimestamp");
  if (begun === undefined) return undefined;
  const finalizers = [...textsAt(object, "metadata", "finalizers"), ...textsAt(object, "spec", "finalizers")];
  const blockers = groupOf(object) === "" && at(object, "kind") === "Namespace" ? objectsAt(object, "status", "conditions") : [];
  const why = blockers.filter((it) => textAt(it, "status") === "True").map((it) => textAt(it, "message") ?? "");
  const message = ["it is being deleted", finalizers.length === 0 ? "" : `held by ${finalizers.join(", ")}`, ...why]
    .filter(Boolean)
    .join("; ");
  const early = progressing(message, "Terminating");
  return finalizers.length === 0 ? early : inTime(now, begun, 10 * minute, early, degraded(message, "Terminating"));
}

/** Its controller has not seen the present generation yet. Argo Rollouts writes the number as a string. */
function behind(object: JsonObject): Verdict | undefined {
  const generation = numberAt(object, "metadata", "generation");
  const raw = at(object, "status", "observedGeneration");
  const never = observesGeneration(groupOf(object), textAt(object, "kind") ?? "") ? 0 : undefined;
  const observed = typeof raw === "number" ? raw : typeof raw === "string" && /^\d{1,15}$/.test(raw) ? Number(raw) : never;
  if (generation === undefined || observed === undefined || observed >= generation) return undefined;
  return progressing("its controller has not seen the newest change yet", "OldGeneration");
}

/** What a kind that follows kstatus announces. */
function announced(object: JsonObject): Verdict | undefined {
  const stalled = conditionOf(object, "Stalled");
  if (stalled?.status === "True") return degraded(wordsOf(stalled), stalled.reason);
  const reconciling = conditionOf(object, "Reconciling");
  return reconciling?.status === "True" ? progressing(wordsOf(reconciling), reconciling.reason) : undefined;
}
