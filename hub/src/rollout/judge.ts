// What a report says of a member. It passes only by evidence for this very pin and for the bundle that brought it (R3): acknowledged,
// reported synced and healthy, unbroken for as long as the policy asks, by the agent's clock and by the hub's watched time.

import type { Draft } from "./draft.ts";
import type { FactEvent } from "./events.ts";
import type { Head } from "./head.ts";
import { returnPin, type Cause, type Member, type Part } from "./member.ts";
import { transition } from "./transition.ts";

type Report = Extract<FactEvent, { kind: "report" }>;

export function hearReport(draft: Draft, report: Report): void {
  const known = draft.member(report.cluster);
  if (known === undefined || known.state === "gone") return;
  let member = withPresent(known, report);
  draft.put(member);
  if (member.generation === null || report.acked < member.generation) return;
  member = transition(draft, member, "ack");
  if (!isOfPin(member, report)) return;
  member = { ...member, parts: member.parts.map((part) => (part.app === report.app ? { ...part, seen: report.seen } : part)) };
  draft.put(member);
  if (report.final !== null) return void transition(draft, member, "failure", causeOf(member, report.final, report.seen.message));
  judge(draft, member);
}

/** What the present looks like, whatever the report is about. */
function withPresent(member: Member, { app, seen, inCluster }: Report): Member {
  const unwell = seen.standing === "degraded" || seen.standing === "failed";
  const known = member.parts.find((part) => part.app === app);
  if (known === undefined || (known.unwell === unwell && known.inCluster === inCluster)) return member;
  const parts = member.parts.map((part) => (part === known ? { ...part, unwell, inCluster } : part));
  return { ...member, parts, unwell: parts.some((part) => part.unwell), inCluster: parts.some((part) => part.inCluster) };
}

function isOfPin(member: Member, { app, pin, generation }: Report): boolean {
  const part = member.parts.find((each) => each.app === app);
  if (part === undefined || member.generation === null || generation < member.generation) return false;
  return pin === awaited(member, part);
}

/** The pin that its bundle was signed with last. */
const awaited = (member: Member, part: Part) => (member.state === "returning" ? returnPin(part) : part.target);

function judge(draft: Draft, member: Member): void {
  const { watchedMs } = draft.now;
  switch (standingOf(member)) {
    case "failed":
    case "degraded": {
      const worse = { ...member, healthyAt: null, degradedAt: member.degradedAt ?? watchedMs };
      draft.put(worse);
      transition(draft, worse, "progressing");
      return;
    }
    case "progressing": {
      const waiting = { ...member, healthyAt: null, degradedAt: null };
      draft.put(waiting);
      transition(draft, waiting, "progressing");
      return;
    }
    case "healthy": {
      const well = { ...member, healthyAt: member.healthyAt ?? watchedMs, degradedAt: null };
      draft.put(well);
      const soaking = transition(draft, well, "healthy");
      if (isServed(draft.rollout, soaking, watchedMs)) transition(draft, soaking, "served");
      return;
    }
    case "unseen":
      return;
  }
}

/** The worst of its Apps; unseen while one of them was not heard of. */
export function standingOf(member: Member): "unseen" | "progressing" | "healthy" | "degraded" | "failed" {
  const seen = judgedParts(member).map((part) => part.seen?.standing ?? "unseen");
  for (const each of ["failed", "degraded", "unseen", "progressing"] as const) if (seen.includes(each)) return each;
  return "healthy";
}

/** On the way back only what has somewhere to go back to says anything. */
const judgedParts = ({ state, parts }: Member): readonly Part[] =>
  state === "returning" ? parts.filter(({ base }) => base !== null) : parts;

/** How long it has to be healthy, unbroken. What goes back, or is gone back to, was proven before. */
export function healthyForMs({ kind, waves, current, policy }: Head, member: Member): number {
  if (kind === "rollback" || member.state === "returning") return 0;
  const gates = waves[member.wave ?? current]?.gates.map(({ gate }) => gate) ?? policy.gates;
  const gate = gates.find((each) => each.kind === "healthyFor");
  return gate?.kind === "healthyFor" ? gate.ms : 0;
}

/** Proven: by the agent's own clock and by ours. */
export function isServed(head: Head, member: Member, watchedMs: number): boolean {
  const needMs = healthyForMs(head, member);
  if (member.healthyAt === null || standingOf(member) !== "healthy") return false;
  if (needMs === 0) return true;
  // While something hinders it, its time stands still.
  const untilMs = member.hinderedAt ?? watchedMs;
  return untilMs - member.healthyAt >= needMs && judgedParts(member).every(({ seen }) => (seen?.healthyForMs ?? 0) >= needMs);
}

export function causeOf(member: Member, code: Cause["code"], message: string): Cause {
  return member.state === "returning" ? { code: "ReturnFailed", message: `${code}: ${message}` } : { code, message };
}
