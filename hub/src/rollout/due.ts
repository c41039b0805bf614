// What time alone does to a member. All of it is watched time: while the hub was down, or a clock jumped, nobody's time ran out (R17).

import type { Draft } from "./draft.ts";
import type { Head } from "./head.ts";
import { causeOf, healthyForMs, isServed } from "./judge.ts";
import type { Cause, Member } from "./member.ts";
import { enter, transition } from "./transition.ts";
import { isOurs } from "./world.ts";

const askEveryMs = 15_000;

/** Watched time at which something is due; null: nothing is. */
export function dueAt(head: Head, member: Member): number | null {
  if (member.hinderedAt !== null && member.state !== "lost") return null;
  const times = [degradedDue(head, member), progressDue(head, member), servedDue(head, member)].filter((each) => each !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** Looks at a member whose time may have come. */
export function lookAt(draft: Draft, member: Member): void {
  const { watchedMs } = draft.now;
  const head = draft.rollout;
  if (member.hinderedAt !== null && member.state !== "lost") return;
  const degraded = degradedDue(head, member);
  if (degraded !== null && degraded <= watchedMs) return fail(draft, member, "Degraded");
  const served = servedDue(head, member);
  if (served !== null && served <= watchedMs && isServed(head, member, watchedMs)) return void transition(draft, member, "served");
  const progress = progressDue(head, member);
  if (progress !== null && progress <= watchedMs) return outOfTime(draft, member);
  if (served === null || served > watchedMs) return;
  // The time is up by our clock, and the agent's word for it is missing.
  draft.put({ ...member, askedAt: watchedMs });
  for (const { app } of member.parts) draft.tell({ kind: "ask", cluster: member.cluster, app });
}

function degradedDue({ policy }: Head, { degradedAt, unwellBefore, state }: Member): number | null {
  const judged = state === "applying" || state === "soaking" || state === "passed" || state === "returning";
  return degradedAt === null || unwellBefore || !judged ? null : degradedAt + policy.degradedForMs;
}

function progressDue(head: Head, member: Member): number | null {
  const { progressDeadlineMs, inClusterDeadlineMs } = head.policy;
  switch (member.state) {
    case "released":
    case "applying":
    case "soaking":
    case "returning": {
      if (member.releasedAt === null) return null;
      // It has been healthy in between, perhaps again and again, but never for long.
      const flapping = member.healthyOnce ? 3 * healthyForMs(head, member) : 0;
      return member.releasedAt + (member.inCluster ? inClusterDeadlineMs : progressDeadlineMs) + flapping;
    }
    case "lost":
      return member.lostAt === null ? null : member.lostAt + progressDeadlineMs;
    default:
      return null;
  }
}

function servedDue(head: Head, member: Member): number | null {
  const { state, healthyAt, askedAt } = member;
  if ((state !== "soaking" && state !== "failed") || healthyAt === null) return null;
  const due = healthyAt + healthyForMs(head, member);
  return askedAt === null ? due : Math.max(due, askedAt + askEveryMs);
}

function outOfTime(draft: Draft, member: Member): void {
  if (member.state === "lost") return lostForGood(draft, member);
  if (member.unwellBefore && member.unwell) return void enter(draft, member, "unjudged");
  const code: Cause["code"] = member.healthyOnce ? "Flapping" : "DeadlineExceeded";
  fail(draft, member, code);
}

/** It fell silent with what was released. Where those that were not released to fell silent alike, that says nothing. */
function lostForGood(draft: Draft, member: Member): void {
  if (isOurs(draft.rollout.world)) fail(draft, member, "SilentAfterRelease");
  else enter(draft, member, "unjudged");
}

const told: Partial<Record<Cause["code"], string>> = {
  Degraded: "degraded for longer than degradedFor",
  DeadlineExceeded: "not healthy by progressDeadline",
  Flapping: "healthy again and again, and never for as long as healthyFor",
  SilentAfterRelease: "silent since it was released to",
};

function fail(draft: Draft, member: Member, code: Cause["code"]): void {
  const seen = member.parts.map((part) => part.seen?.message ?? "").find((message) => message !== "");
  transition(draft, member, code === "Degraded" ? "failure" : "deadline", causeOf(member, code, seen ?? told[code] ?? ""));
}
