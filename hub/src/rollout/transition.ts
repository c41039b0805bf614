// Moves one member along its table: what it takes with it into a state, and what has to be done then.

import type { Digest } from "@muster/proto/model/digest";
import type { Draft } from "./draft.ts";
import { memberTable, type MemberEvent } from "./member-table.ts";
import { returnPin, type Cause, type Member, type MemberState, type Part } from "./member.ts";
import { passPin } from "./passed.ts";

export function transition(draft: Draft, member: Member, event: MemberEvent, cause: Cause | null = null): Member {
  const next: MemberState | "-" | "x" = memberTable[member.state][event];
  if (next === "x") throw new Error(`${event} cannot happen to ${member.cluster}, which is ${member.state}`);
  if (next === "-") return member;
  return enter(draft, member, next, cause);
}

/** Into a state whatever the table says: for what people accept, and for what begins anew. */
export function enter(draft: Draft, member: Member, state: MemberState, cause: Cause | null = null): Member {
  const { wallMs, watchedMs } = draft.now;
  const moved: Member = {
    ...member,
    ...entering(member, state, watchedMs),
    state,
    cause: cause ?? keptCause(member, state),
    since: wallMs,
  };
  draft.put(moved);
  if (state === "released" || state === "returning" || putsBack(member, state)) draft.tell({ kind: "release", cluster: member.cluster });
  if (state === "passed" || state === "returned") remember(draft, moved);
  return moved;
}

/** Released and never delivered: the old pin is signed again. */
const putsBack = (member: Member, state: MemberState): boolean => state === "waiting" && member.state === "released";

function entering(member: Member, state: MemberState, watchedMs: number): Partial<Member> {
  switch (state) {
    case "released":
      return { ...unseen(member), releasedAt: watchedMs, unwellBefore: member.unwell };
    case "returning":
      return { ...unseen(member), releasedAt: watchedMs };
    case "waiting":
      return { ...unseen(member), releasedAt: null };
    case "soaking":
      return {
        healthyAt: member.healthyAt ?? watchedMs,
        healthyOnce: true,
        askedAt: null,
        degradedAt: null,
        // It was given up on: it has all its time again.
        releasedAt: member.state === "unjudged" ? watchedMs : member.releasedAt,
      };
    case "lost":
      return { lostAt: watchedMs };
    default:
      return {};
  }
}

/** Nothing that was said before the new bundle counts for it. */
const unseen = (member: Member): Partial<Member> => ({
  parts: member.parts.map((part) => ({ ...part, seen: null })),
  generation: null,
  delivered: false,
  healthyAt: null,
  healthyOnce: false,
  askedAt: null,
  degradedAt: null,
  lostAt: null,
});

/** Why it failed stays known while it goes back. */
const keptCause = (member: Member, state: MemberState): Cause | null =>
  state === "recalled" || state === "returning" || state === "returned" || state === "gone" ? member.cause : null;

function remember(draft: Draft, member: Member): void {
  const oldest = draft.group.completed.at(-1)?.number ?? 0;
  let passed = draft.passed(member.cluster);
  const parts = member.state === "returned" ? member.parts.filter(({ base }) => base !== null) : member.parts;
  for (const part of parts) passed = passPin(passed, part.app, { number: draft.rollout.number, pin: heldPin(member, part) }, oldest);
  draft.setPassed(member.cluster, passed);
}

const heldPin = (member: Member, part: Part): Digest | null => (member.state === "returned" ? returnPin(part) : part.target);
