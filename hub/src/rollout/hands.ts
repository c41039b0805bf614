// What people do to a rollout, each with its reason.

import type { ClusterName } from "@muster/proto/model/identity";
import { hold, quarantineFailed, recall } from "./breaking.ts";
import type { Draft } from "./draft.ts";
import { end } from "./ending.ts";
import type { HandEvent, Refusal } from "./events.ts";
import { cancelGates, findGate, newGate, setGate } from "./gates.ts";
import { rolloutName, type Wave } from "./head.ts";
import { bucketOf, isPast, type Member } from "./member.ts";
import { all } from "./plan.ts";
import { enter } from "./transition.ts";

export function start(draft: Draft): void {
  draft.setRollout({ phase: { kind: "running" }, startedAt: draft.now.wallMs });
  draft.tell({ kind: "notify", notice: "Started", message: `${rolloutName(draft.rollout)} began` });
}

export function pause(draft: Draft): void {
  const { kind } = draft.rollout.phase;
  if (kind === "pending" || kind === "running" || kind === "rollingBack") draft.setRollout({ phase: { kind: "paused", from: kind } });
}

export function resume(draft: Draft): void {
  const { phase } = draft.rollout;
  if (phase.kind === "paused") draft.setRollout({ phase: { kind: phase.from } });
}

/** Lets the wave pass as it is: gates are skipped, and who is not there yet follows by slots. */
export function promote(draft: Draft): void {
  const { current } = draft.rollout;
  const { wave } = draft;
  if (wave === undefined) return;
  for (const gate of wave.gates)
    if (wave.state !== "planned" || gate.when === "before") setGate(draft, current, gate.id, { state: "passed", byHand: true });
  if (wave.state !== "open") return;
  for (const member of draft.members())
    if (member.wave === current && bucketOf(member) !== "passed" && bucketOf(member) !== "failed")
      draft.put({ ...member, straggler: true });
  draft.setWave(current, { state: "passed", tolerated: draft.wave?.counts.failed ?? 0, endedAt: draft.now.wallMs });
}

export function promoteHeld(draft: Draft): Refusal | null {
  const { phase, waves, current } = draft.rollout;
  const stuck = (waves[current]?.gates ?? []).filter(({ state }) => state === "failed" || state === "stuck");
  if (phase.kind !== "held" || stuck.length === 0) return unfit(draft, "promote", "accept the failed clusters, retry, or roll back");
  for (const { id } of stuck) setGate(draft, current, id, { state: "passed", byHand: true });
  draft.setRollout({ phase: { kind: "running" } });
  return null;
}

/** These failures count as passed from now on. */
export function accept(draft: Draft, clusters: readonly ClusterName[]): Refusal | null {
  const failed = clusters.map((cluster) => draft.member(cluster));
  const wrong = clusters.find((_, index) => failed[index]?.state !== "failed");
  if (wrong !== undefined)
    return {
      code: "E_ROLLOUT_STATE",
      message: `${wrong} has not failed`,
      remedy: "name clusters that muster rollout status shows as failed",
    };
  for (const member of failed)
    if (member !== undefined) enter(draft, member, member.cause?.code === "ReturnFailed" ? "returned" : "passed");
  const { phase } = draft.rollout;
  if (phase.kind === "held" && phase.from === "running") draft.setRollout({ phase: { kind: "running" } });
  return null;
}

/** Nobody moves before a person looked; what was asked is asked again, and approvals are void. */
export function restore(draft: Draft): void {
  askAnew(draft);
  hold(draft, "Restored", "the hub's record is an old copy; look before anything moves");
}

/** Those that failed are judged anew, with all their time; gates are asked again, and old answers do not count. */
export function retry(draft: Draft): void {
  const { phase, target } = draft.rollout;
  if (phase.kind === "held" && phase.from === "rollingBack") return retryReturn(draft);
  lift(draft, target);
  cancelGates(draft);
  draft.setRollout({ phase: { kind: "running" } });
  askAnew(draft);
  for (const member of draft.members()) if (member.state === "failed") judgeAnew(draft, member);
}

/** The way back is taken once more by those that it failed for. */
export function retryReturn(draft: Draft): void {
  for (const member of draft.members()) if (member.cause?.code === "ReturnFailed") enter(draft, member, "recalled");
  draft.setRollout({ phase: { kind: "rollingBack" } });
}

/** Of what ended without success: from the beginning, when Git still yields it. */
export function again(draft: Draft): Refusal | null {
  const { phase, target, stragglersStopped } = draft.rollout;
  if (phase.kind === "ended" && phase.end === "completed" && stragglersStopped) {
    draft.setRollout({ stragglersStopped: false });
    for (const member of draft.members()) if (member.straggler && member.state === "failed") judgeAnew(draft, member);
    return null;
  }
  if (phase.kind !== "ended" || (phase.end !== "aborted" && phase.end !== "rolledBack"))
    return unfit(draft, "retry", "there is nothing to try again");
  lift(draft, target);
  draft.tell({ kind: "retarget" });
  return null;
}

function lift(draft: Draft, target: string): void {
  const { heldBack, quarantined } = draft.group;
  const pins = new Set([...draft.members()].flatMap(({ parts }) => parts.map(({ app, target: pin }) => `${app}\n${pin}`)));
  draft.setGroup({
    heldBack: heldBack?.target === target ? null : heldBack,
    quarantined: quarantined.filter(({ app, pin }) => !pins.has(`${app}\n${pin}`)),
  });
}

/** Another attempt: gates have other ids, so that old answers fit none of them. */
function askAnew(draft: Draft): void {
  draft.setRollout({ attempt: draft.rollout.attempt + 1 });
  draft.setRollout({ waves: draft.rollout.waves.map((wave, index) => askedAgain(draft, wave, index)) });
}

function askedAgain(draft: Draft, wave: Wave, index: number): Wave {
  if (wave.state === "passed" || wave.state === "skipped") return wave;
  return { ...wave, gates: wave.gates.map(({ when, gate }) => newGate(draft.rollout, index, when, gate)) };
}

function judgeAnew(draft: Draft, member: Member): void {
  const { watchedMs } = draft.now;
  const fresh = {
    parts: member.parts.map((part) => ({ ...part, seen: null })),
    releasedAt: watchedMs,
    healthyAt: null,
    healthyOnce: false,
    degradedAt: null,
  };
  const anew = { ...member, ...fresh };
  if (member.silent) enter(draft, anew, "lost");
  else enter(draft, anew, member.generation === null ? "released" : "applying");
  for (const { app } of member.parts) draft.tell({ kind: "ask", cluster: member.cluster, app });
}

/** Everybody stays where it is; the target is not begun again by itself. */
export function abort(draft: Draft, reason: string): void {
  const { target, commit } = draft.rollout;
  quarantineFailed(draft, reason);
  draft.setGroup({ heldBack: { target, commit, cause: `aborted: ${reason}` } });
  for (const member of draft.members()) if (member.state === "waiting") enter(draft, member, "heldBack");
  end(draft, "aborted", "Aborted");
}

/** Skips windows, freezes, soak and approvals from now on; failures still hold it. The present wave, then the rest. */
export function hurry(draft: Draft): Refusal | null {
  const { waves, current, phase } = draft.rollout;
  if ((phase.kind === "held" || phase.kind === "paused") && phase.from === "rollingBack")
    return unfit(draft, "hurry", "it is on its way back: retry that, or commit a fix");
  const [next] = waves.slice(current);
  const keep = waves.slice(0, current + 1);
  const rest = waves.at(-1);
  const last: readonly Wave[] =
    rest === undefined || rest === next
      ? []
      : [{ ...rest, policy: null, size: all, gates: rest.gates.filter(({ gate }) => gate.kind === "healthyFor") }];
  draft.setRollout({ emergency: true, waves: [...keep, ...last] });
  for (const member of draft.members()) {
    const hindered = member.hindered.filter((by) => !isPast(draft.rollout, by));
    if (hindered.length < member.hindered.length) draft.put({ ...member, hindered });
  }
  if (phase.kind !== "running") draft.setRollout({ phase: { kind: "running" }, startedAt: draft.rollout.startedAt ?? draft.now.wallMs });
  return null;
}

/** A yes counts for this question only, once for each person, and not from who wrote the change. */
export function answerApproval(draft: Draft, event: Extract<HandEvent, { kind: "approve" | "reject" }>): Refusal | null {
  const found = findGate(draft.rollout, event.id);
  const { actor } = event;
  const gate = found?.gate.gate;
  if (found === undefined || gate?.kind !== "approval" || found.gate.state !== "open")
    return { code: "E_ROLLOUT_GATE", message: `no approval ${event.id} is open`, remedy: "muster rollout status shows what is asked now" };
  // Nobody named: whoever may approve at all.
  const role = gate.by.length === 0 ? (actor.roles[0] ?? "") : gate.by.find((each) => actor.roles.includes(each));
  if (role === undefined)
    return { code: "E_ROLLOUT_ROLE", message: `${actor.name} has none of the roles ${gate.by.join(", ")}`, remedy: "ask somebody who has" };
  if (event.kind === "reject") {
    setGate(draft, found.index, event.id, { state: "failed", message: `${actor.name} rejected it: ${actor.reason}` });
    return null;
  }
  const { author } = draft.rollout;
  if (actor.name === author)
    return { code: "E_ROLLOUT_ROLE", message: `${actor.name} wrote the change`, remedy: "somebody else has to approve it" };
  const approvals = [
    ...found.gate.approvals.filter(({ actor: name }) => name !== actor.name),
    { actor: actor.name, role, at: draft.now.wallMs },
  ];
  // Of an unknown author one more has to agree: one of them may be the author.
  const needed = gate.count + (author === null ? 1 : 0);
  setGate(draft, found.index, event.id, approvals.length >= needed ? { approvals, state: "passed" } : { approvals });
  return null;
}

export function unfit(draft: Draft, action: string, remedy: string): Refusal {
  const { phase } = draft.rollout;
  return { code: "E_ROLLOUT_STATE", message: `cannot ${action} ${rolloutName(draft.rollout)}: it is ${phase.kind}`, remedy };
}

/** Failed, and its policy takes each such cluster back by itself while the others go on. */
export function takeBack(draft: Draft, member: Member): void {
  if (member.state === "failed" && member.cause?.code !== "ReturnFailed") recall(draft, member);
}
