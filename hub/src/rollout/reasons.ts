// The one reason why a cluster is where it is in a rollout (R18): the first of a fixed order that is true.

import type { ReasonCode } from "@muster/proto/model/reasons";
import { atLeast, atMost, slotsOf } from "./amounts.ts";
import type { Group } from "./draft.ts";
import { rolloutName, type GateState, type Head, type Wave } from "./head.ts";
import type { Hindrance, Member } from "./member.ts";

export type MemberReason = { readonly code: ReasonCode; readonly message: string };

const byHindrance = {
  Paused: "Paused",
  Leased: "Leased",
  SiteVeto: "SiteVeto",
  Offline: "Offline",
  BundleRefused: "BundleRefused",
  Frozen: "Frozen",
  Window: "WaitingForWindow",
  Dependency: "WaitingForDependency",
} as const satisfies Record<Hindrance, ReasonCode>;

/** Null: its own report says it all. */
export function reasonOf(group: Group, member: Member): MemberReason | null {
  const head = group.rollout;
  if (head === null) return null;
  const name = rolloutName(head);
  switch (member.state) {
    case "heldBack":
      return { code: "HeldBack", message: member.cause?.message ?? `${name} was taken back; it stays at its last good version` };
    case "recalled":
    case "returning":
      return { code: "RollingBack", message: `${name} goes back${member.state === "recalled" ? "; it waits for its turn" : ""}` };
    case "failed":
    case "unjudged":
    case "passed":
    case "returned":
    case "gone":
      return member.cause?.code === "NothingToRollBackTo" ? { code: "NothingToRollBackTo", message: member.cause.message } : null;
    case "lost":
      return { code: "Offline", message: `silent since ${name} released to it` };
    case "soaking":
      return { code: "Soaking", message: `healthy; ${name} waits until it has been so for long enough` };
    case "released":
    case "applying":
      return null;
    case "waiting":
      return waiting(head, member, name);
  }
}

function waiting(head: Head, member: Member, name: string): MemberReason {
  const [hindrance] = member.hindered;
  if (hindrance !== undefined && hindrance !== "Window" && hindrance !== "Dependency") return { code: byHindrance[hindrance], message: "" };
  switch (head.phase.kind) {
    case "held":
      return { code: "RolloutHeld", message: `${name} is held (${head.phase.cause}): ${head.phase.message}` };
    case "paused":
      return { code: "RolloutHeld", message: `${name} is paused` };
    case "rollingBack":
      return { code: "RollingBack", message: `${name} goes back` };
    case "pending":
      return { code: "WaitingForHand", message: "sync.auto is false; muster sync starts it" };
    case "running":
    case "ended":
      break;
  }
  if (hindrance !== undefined) return { code: byHindrance[hindrance], message: "" };
  if (member.straggler)
    return { code: head.stragglersStopped ? "RolloutHeld" : "WaitingForBudget", message: `${name}: it follows when there is a slot` };
  const wave = head.waves[head.current];
  return wave === undefined ? { code: "WaitingForWave", message: name } : inWave(head, wave, member, name);
}

function inWave(head: Head, wave: Wave, member: Member, name: string): MemberReason {
  const at = `${name}, wave ${wave.name}`;
  if (member.wave === head.current)
    return { code: "WaitingForBudget", message: `${at}: ${wave.slots} of ${slotsOf(wave.maxUnavailable, wave.drawn)} slots are in use` };
  const gate = wave.gates.find(({ state }) => state === "open");
  if (gate !== undefined && (wave.state === "verifying" || wave.state === "planned")) return byGate(gate, at);
  if (lacksEvidence(wave)) {
    const { passed, absent } = wave.counts;
    const needs = `${atLeast(wave.minPassed, wave.drawn)} passed and at most ${atMost(wave.maxAbsent, wave.drawn)} absent`;
    return { code: "WaitingForEvidence", message: `${at}: ${passed} passed, ${absent} absent of ${wave.drawn}; it needs ${needs}` };
  }
  return { code: "WaitingForWave", message: `${at} comes first: ${wave.counts.passed} of ${wave.drawn} passed` };
}

const lacksEvidence = ({ state, counts }: Wave): boolean => state === "open" && counts.ready + counts.blocked + counts.inFlight === 0;

const byGate = ({ gate, id, message }: GateState, at: string): MemberReason => {
  const code = gate.kind === "approval" ? "WaitingForApproval" : gate.kind === "window" ? "WaitingForWindow" : "WaitingForGate";
  return { code, message: `${at}: ${gate.kind}${gate.kind === "approval" ? ` ${id}` : ""}${message === "" ? "" : `: ${message}`}` };
};
