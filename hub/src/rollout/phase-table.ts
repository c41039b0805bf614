// What an event means in each phase of a rollout: every cell. Refused are people's words that do not fit; an assertion is our own fault.

import type { PhaseKind } from "./head.ts";

export const phaseEvents = [
  "newTarget",
  "revert",
  "settled",
  "start",
  "pause",
  "resume",
  "promote",
  "accept",
  "retry",
  "abort",
  "rollback",
  "emergency",
  "restored",
] as const;
export type PhaseEvent = (typeof phaseEvents)[number];

/** `!` is refused, `-` changes nothing; else an action. */
export type PhaseCell =
  | "!"
  | "-"
  | "begin"
  | "supersede"
  | "supersedePaused"
  | "queue"
  | "settle"
  | "clear"
  | "start"
  | "pause"
  | "resume"
  | "promote"
  | "promoteHeld"
  | "accept"
  | "retry"
  | "retryReturn"
  | "again"
  | "abort"
  | "rollBack"
  | "goBack"
  | "hurry"
  | "restore";

export const phaseTable = {
  pending: {
    newTarget: "begin",
    revert: "begin",
    settled: "settle",
    start: "start",
    pause: "pause",
    resume: "!",
    promote: "!",
    accept: "!",
    retry: "!",
    abort: "abort",
    rollback: "!",
    emergency: "hurry",
    restored: "restore",
  },
  running: {
    newTarget: "supersede",
    revert: "supersede",
    settled: "settle",
    start: "!",
    pause: "pause",
    resume: "!",
    promote: "promote",
    accept: "accept",
    retry: "!",
    abort: "abort",
    rollback: "rollBack",
    emergency: "hurry",
    restored: "restore",
  },
  paused: {
    newTarget: "supersedePaused",
    revert: "supersedePaused",
    settled: "settle",
    start: "!",
    pause: "-",
    resume: "resume",
    promote: "!",
    accept: "!",
    retry: "!",
    abort: "abort",
    rollback: "rollBack",
    emergency: "hurry",
    restored: "restore",
  },
  held: {
    newTarget: "supersede",
    revert: "supersede",
    settled: "settle",
    start: "!",
    pause: "!",
    resume: "!",
    promote: "promoteHeld",
    accept: "accept",
    retry: "retry",
    abort: "abort",
    rollback: "rollBack",
    emergency: "hurry",
    restored: "restore",
  },
  rollingBack: {
    newTarget: "queue",
    revert: "clear",
    settled: "clear",
    start: "!",
    pause: "pause",
    resume: "!",
    promote: "!",
    accept: "!",
    retry: "retryReturn",
    abort: "!",
    rollback: "-",
    emergency: "!",
    restored: "restore",
  },
  ended: {
    newTarget: "begin",
    revert: "begin",
    settled: "clear",
    start: "!",
    pause: "!",
    resume: "!",
    promote: "!",
    accept: "!",
    retry: "again",
    abort: "!",
    rollback: "goBack",
    emergency: "!",
    restored: "-",
  },
} as const satisfies Record<PhaseKind, Record<PhaseEvent, PhaseCell>>;
