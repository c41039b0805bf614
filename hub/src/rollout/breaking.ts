// A rollout that met its limit: it holds, or goes back, as its policy says. In doubt it holds: the hub cannot know what can be undone.

import type { Draft } from "./draft.ts";
import { cancelGates } from "./gates.ts";
import { rolloutName, type HoldCause, type Quarantine } from "./head.ts";
import { isReleased, type Cause, type Member } from "./member.ts";
import { enter, transition } from "./transition.ts";
import { isOurs } from "./world.ts";

/** True: the phase changed. */
export function breakOff(draft: Draft, cause: HoldCause, message: string): boolean {
  const { policy, kind, world } = draft.rollout;
  const undoes = policy.onFailure === "rollback" && kind === "update" && (cause === "MaxFailures" || cause === "GateFailed");
  if (!undoes) hold(draft, cause, message);
  else if (cause === "MaxFailures" && !isOurs(world))
    hold(draft, "ExternalEventSuspected", `${message}; ${world.unreleasedBad} of ${world.unreleased} clusters without it are unwell too`);
  else rollBack(draft, message);
  return true;
}

export function hold(draft: Draft, cause: HoldCause, message: string): void {
  const { phase } = draft.rollout;
  const isBack = phase.kind === "rollingBack" || ((phase.kind === "paused" || phase.kind === "held") && phase.from === "rollingBack");
  draft.setRollout({ phase: { kind: "held", cause, message, from: isBack ? "rollingBack" : "running" } });
  cancelGates(draft);
  if (draft.group.queued !== null && !isBack) {
    // What waited for it to finish may be the remedy.
    draft.setGroup({ queued: null });
    draft.tell({ kind: "retarget" });
  }
  draft.tell({ kind: "notify", notice: "Held", message: `${rolloutName(draft.rollout)} is held (${cause}): ${message}` });
}

/** Everybody who has the target goes back to what it passed last, those that are silent too; whoever was not released to stays. */
export function rollBack(draft: Draft, message: string): void {
  const { target, commit } = draft.rollout;
  quarantineFailed(draft, message);
  draft.setGroup({ heldBack: { target, commit, cause: message } });
  draft.setRollout({ phase: { kind: "rollingBack" } });
  for (const member of draft.members()) recall(draft, member);
  cancelGates(draft);
  draft.tell({ kind: "notify", notice: "RollingBack", message: `${rolloutName(draft.rollout)} goes back: ${message}` });
}

export function recall(draft: Draft, member: Member): void {
  if (!isReleased(member)) transition(draft, member, "rollback");
  else if (member.parts.some(({ base }) => base !== null)) transition(draft, member, "rollback", member.cause);
  else enter(draft, member, member.state, nothingBefore(member));
}

const nothingBefore = ({ cause }: Member): Cause => ({
  code: "NothingToRollBackTo",
  message: `${cause === null ? "" : `${cause.code}: ${cause.message}; `}nothing was there before`,
});

const wentBack: ReadonlySet<string> = new Set(["recalled", "returning", "returned"]);

/** The pins that failed are not released again without a person's word (R5, R9). */
export function quarantineFailed(draft: Draft, cause: string): void {
  const { commit } = draft.rollout;
  const found = new Map<string, Quarantine>(draft.group.quarantined.map((each) => [`${each.app}\n${each.pin}`, each]));
  for (const { state, cause: own, parts } of draft.members())
    if (state === "failed" || (own !== null && wentBack.has(state)))
      for (const { app, target } of parts) if (target !== null) found.set(`${app}\n${target}`, { app, pin: target, commit, cause });
  draft.setGroup({ quarantined: [...found.values()] });
}
