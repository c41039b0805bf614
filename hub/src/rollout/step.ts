// One event after the other: what it means for a group's rollout, and what has to be done. The cost is that of the clusters named.

import type { ClusterName } from "@muster/proto/model/identity";
import { rollBack } from "./breaking.ts";
import { Draft, type Change, type Group } from "./draft.ts";
import { end } from "./ending.ts";
import { hearFact } from "./facts.ts";
import type { FactEvent, HandEvent, Refusal, RestoredEvent, RolloutEvent, TargetEvent } from "./events.ts";
import {
  abort,
  accept,
  again,
  answerApproval,
  hurry,
  pause,
  promote,
  promoteHeld,
  restore,
  resume,
  retry,
  retryReturn,
  start,
  takeBack,
  unfit,
} from "./hands.ts";
import { rolloutName, type Now, type Phase, type PhaseKind } from "./head.ts";
import { phaseTable, type PhaseCell, type PhaseEvent } from "./phase-table.ts";
import { begin, supersede } from "./retarget.ts";
import { settle } from "./waves.ts";

export type Step = { readonly kind: "changed"; readonly change: Change } | { readonly kind: "refused"; readonly refusal: Refusal };

export function step(group: Group, event: RolloutEvent, now: Now): Step {
  const draft = new Draft(group, now);
  const refusal = hear(draft, event);
  if (refusal !== null) return { kind: "refused", refusal };
  lookAtFailures(draft, event);
  settle(draft);
  return { kind: "changed", change: draft.change() };
}

function hear(draft: Draft, event: RolloutEvent): Refusal | null {
  switch (event.kind) {
    case "report":
    case "signed":
    case "delivered":
    case "silent":
    case "back":
    case "hindered":
    case "joined":
    case "left":
    case "relabelled":
    case "granted":
    case "gateAnswer":
    case "tick":
      if (draft.any !== null) hearFact(draft, event satisfies FactEvent);
      return null;
    case "newTarget":
      return isKnown(draft, event) ? null : act(draft, event.target.kind === "rollback" ? "revert" : "newTarget", event);
    case "settled":
      return draft.any?.target === event.id ? null : act(draft, event.kind, event);
    case "restored":
      return act(draft, event.kind, event);
    case "approve":
    case "reject":
      return draft.any === null ? nothingRuns(draft) : byHand(draft, event, answerApproval(draft, event));
    default:
      return draft.any === null && event.kind !== "rollback" ? nothingRuns(draft) : byHand(draft, event, act(draft, event.kind, event));
  }
}

/** What runs already, is complete but for those that follow, or is kept from its clusters until somebody says otherwise. */
function isKnown(draft: Draft, { target }: Extract<TargetEvent, { kind: "newTarget" }>): boolean {
  const { heldBack, completed } = draft.group;
  const head = draft.any;
  const stands = head !== null && (head.phase.kind !== "ended" || head.phase.end === "completed");
  const live = head === null ? completed[0]?.target : stands ? head.target : undefined;
  return live === target.id || heldBack?.target === target.id;
}

const nothingRuns = (draft: Draft): Refusal => ({
  code: "E_ROLLOUT_STATE",
  message: `${draft.group.id} has no rollout`,
  remedy: "muster rollout list shows those that run",
});

function byHand(draft: Draft, event: HandEvent, refusal: Refusal | null): Refusal | null {
  const { actor, kind } = event;
  if (refusal === null)
    draft.tell({ kind: "audit", actor, action: kind, message: draft.any === null ? draft.group.id : rolloutName(draft.rollout) });
  return refusal;
}

type Acting = TargetEvent | HandEvent | RestoredEvent;

function act(draft: Draft, column: PhaseEvent, event: Acting): Refusal | null {
  const cell: PhaseCell = phaseTable[rowFor(draft, column)][column];
  return cell === "-"
    ? null
    : cell === "!"
      ? unfit(draft, column, "muster rollout status says what it waits for")
      : actions[cell](draft, event);
}

/** What is paused on its way back, or before it began, is that all the same for what would take it elsewhere. */
function rowFor(draft: Draft, column: PhaseEvent): PhaseKind {
  const phase: Phase = draft.any?.phase ?? { kind: "ended", end: "completed" };
  if (phase.kind !== "paused" || phase.from === "running" || !elsewhere.has(column)) return phase.kind;
  return phase.from === "pending" && column !== "rollback" ? "paused" : phase.from;
}
const elsewhere: ReadonlySet<PhaseEvent> = new Set(["newTarget", "revert", "settled", "abort", "rollback"]);

type Action = (draft: Draft, event: Acting) => Refusal | null;
const done =
  (action: (draft: Draft) => void): Action =>
  (draft) => (action(draft), null);

const reasonOf = (event: Acting): string => ("actor" in event ? event.actor.reason : "");
const targetOf = (event: Acting) => {
  if (!("target" in event) || event.target === null) throw new Error(`${event.kind} names no target`);
  return event.target;
};

const actions: Record<Exclude<PhaseCell, "!" | "-">, Action> = {
  begin: (draft, event) => (begin(draft, targetOf(event)), null),
  supersede: (draft, event) => superseding(draft, event, false),
  supersedePaused: (draft, event) => superseding(draft, event, true),
  queue: (draft, event) => (draft.setGroup({ queued: targetOf(event).commit }), null),
  settle: (draft) => {
    end(draft, "superseded", "Superseded");
    draft.archive();
    draft.rest();
    return null;
  },
  clear: (draft, event) => {
    if (event.kind === "newTarget") draft.setGroup({ queued: event.target.commit });
    draft.setGroup({ heldBack: null });
    return null;
  },
  start: done(start),
  pause: done(pause),
  resume: done(resume),
  promote: done(promote),
  promoteHeld,
  accept: (draft, event) => (event.kind === "accept" ? accept(draft, event.clusters) : null),
  retry: done(retry),
  retryReturn: done(retryReturn),
  again,
  abort: (draft, event) => (abort(draft, reasonOf(event)), null),
  rollBack: (draft, event) => (rollBack(draft, `by hand: ${reasonOf(event)}`), null),
  goBack: goBackTo,
  hurry,
  restore: done(restore),
};

/** `finish` completes what runs first. A way back never waits. */
function superseding(draft: Draft, event: Acting, paused: boolean): null {
  const target = targetOf(event);
  if (draft.rollout.policy.supersede === "finish" && target.kind !== "rollback" && draft.rollout.phase.kind !== "held")
    draft.setGroup({ queued: target.commit });
  else supersede(draft, target, paused);
  return null;
}

/** To a set that was complete; what Git yields is held back from its clusters until it yields something else. */
function goBackTo(draft: Draft, event: Acting): Refusal | null {
  if (event.kind !== "rollback" || event.target === null)
    return {
      code: "E_ROLLOUT_STATE",
      message: `${draft.group.id} has no set to go back to`,
      remedy: "muster rollout history shows what is kept",
    };
  begin(draft, { ...event.target, kind: "rollback" });
  const { id, commit } = event.target.from ?? event.target;
  draft.setGroup({ heldBack: { target: id, commit, cause: `taken back by hand: ${event.actor.reason}` } });
  return null;
}

/** A cluster that failed alone: goes back by itself where that is the policy; a straggler stops those behind it. */
function lookAtFailures(draft: Draft, event: RolloutEvent): void {
  const head = draft.any;
  if (head === null || (event.kind !== "report" && event.kind !== "tick")) return;
  for (const cluster of namesIn(event)) {
    const member = draft.member(cluster);
    if (member?.state !== "failed") continue;
    if (member.straggler && !head.stragglersStopped) {
      draft.setRollout({ stragglersStopped: true });
      draft.tell({
        kind: "notify",
        notice: "StragglerFailed",
        message: `${cluster} failed to follow ${rolloutName(head)}; the others wait`,
      });
    }
    if (head.policy.onClusterFailure === "rollback" && head.phase.kind === "running" && head.kind === "update") takeBack(draft, member);
  }
}

const namesIn = (event: Extract<RolloutEvent, { kind: "report" | "tick" }>): readonly ClusterName[] =>
  event.kind === "report" ? [event.cluster] : event.due;
