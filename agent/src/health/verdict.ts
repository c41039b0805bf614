// A verdict on one object's health, and the ways to make one.

import type { JsonObject } from "@muster/proto/model/json";
import type { Health } from "@muster/proto/model/status";
import { wordsOf, type Condition } from "./conditions.ts";

export type Verdict = {
  readonly health: Health;
  /** In words; "" when there is nothing to say. */
  readonly message: string;
  /** A word for machines: `CrashLoopBackOff`. */
  readonly reason?: string;
  /** It will not get better by itself: report it at once. */
  readonly terminal?: true;
  /** The verdict may change after this time with no event: look again. */
  readonly recheckInMs?: number;
};

/** `since`: when the object was first seen not healthy at its present generation. Both in milliseconds since 1970. */
export type Moment = { readonly now: number; readonly since: number | undefined };

/** The health of an object of a kind that is neither deleted nor behind its generation. */
export type Rule = (object: JsonObject, moment: Moment) => Verdict;

export const minute = 60_000;

export function healthy(message = "", reason?: string): Verdict {
  return verdict("healthy", message, reason);
}

export function progressing(message: string, reason?: string): Verdict {
  return verdict("progressing", message, reason);
}

export function degraded(message: string, reason?: string): Verdict {
  return verdict("degraded", message, reason);
}

/** Degraded, and nothing but a person or a new Release changes that. */
export function failed(message: string, reason?: string): Verdict {
  return { ...degraded(message, reason), terminal: true };
}

export function suspended(message: string): Verdict {
  return verdict("suspended", message, "Suspended");
}

function verdict(health: Health, message: string, reason: string | undefined): Verdict {
  return { health, message, ...(reason === undefined || reason === "" ? {} : { reason }) };
}

/** `early` until `afterMs` have gone by since `begun`, then `late`. Without a beginning it stays `early`. */
export function inTime(now: number, begun: number | undefined, afterMs: number, early: Verdict, late: Verdict): Verdict {
  if (begun === undefined) return early;
  const left = begun + afterMs - now;
  return left <= 0 ? late : { ...early, recheckInMs: Math.min(left, early.recheckInMs ?? left) };
}

/** Progressing with these words, and degraded when that lasts. */
export function stillAfter(now: number, begun: number | undefined, afterMs: number, message: string, reason?: string): Verdict {
  return inTime(now, begun, afterMs, progressing(message, reason), degraded(message, reason));
}

/** Healthy when the condition is True; else progressing, and degraded when it stays False. */
export function byCondition(condition: Condition | undefined, moment: Moment, falseForMs: number): Verdict {
  if (condition === undefined) return progressing("no condition reported yet");
  if (condition.status === "True") return healthy();
  if (condition.status !== "False") return progressing(wordsOf(condition), condition.reason);
  return stillAfter(moment.now, condition.since ?? moment.since, falseForMs, wordsOf(condition), condition.reason);
}
