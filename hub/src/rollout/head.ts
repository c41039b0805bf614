// What is true of a rollout as a whole, and of the group of Apps that it moves.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { Amount, Gate, WavesPolicy } from "../fleet/fleet.ts";
import type { Bucket } from "./member.ts";

/** An App's key, or that of an origin set whose Apps move as one. */
export type GroupId = string & { readonly __brand: "GroupId" };
/** SHA-256 over the sorted pins that one commit yields for the group. */
export type TargetId = Digest;
export type Now = { readonly wallMs: number; readonly watchedMs: number };

export type RolloutKind = "install" | "update" | "rollback" | "remove";

export type HoldCause =
  "MaxFailures" | "GateFailed" | "GateStuck" | "ReturnFailed" | "ExternalEventSuspected" | "StragglerFailed" | "Restored";

export type Phase =
  | { readonly kind: "pending" }
  | { readonly kind: "running" }
  | { readonly kind: "paused"; readonly from: "pending" | "running" | "rollingBack" }
  | { readonly kind: "held"; readonly cause: HoldCause; readonly message: string; readonly from: "running" | "rollingBack" }
  | { readonly kind: "rollingBack" }
  | { readonly kind: "ended"; readonly end: End };
export type End = "completed" | "rolledBack" | "aborted" | "superseded";
export type PhaseKind = Phase["kind"];

export type GateAnswer = "pass" | "fail" | "inconclusive" | "error";

/** `id` binds an answer: to rollout, attempt, wave, gate and target. Times are watched time, but for `askedAt` and `until`: wall clock. */
export type GateState = {
  readonly id: string;
  readonly gate: Gate;
  readonly when: "before" | "after";
  readonly state: "idle" | "open" | "passed" | "failed" | "stuck";
  readonly askedAt: number | null;
  readonly nextAt: number | null;
  readonly inconclusiveAt: number | null;
  readonly errors: number;
  /** Of an approval: who said yes, with which role. */
  readonly approvals: readonly Approval[];
  /** A person let it pass. */
  readonly byHand: boolean;
  readonly message: string;
};
export type Approval = { readonly actor: string; readonly role: string; readonly at: number };

export type WaveState = "planned" | "open" | "verifying" | "passed" | "skipped";

export type Wave = {
  readonly name: string;
  /** Index into the policy's waves; null: takes whoever is left (rest), or anybody (an automatic canary). */
  readonly policy: number | null;
  readonly size: Amount;
  readonly spreadBy: string | null;
  readonly maxUnavailable: Amount;
  readonly maxFailures: Amount;
  readonly maxAbsent: Amount;
  readonly minPassed: Amount;
  readonly state: WaveState;
  readonly drawn: number;
  readonly counts: Readonly<Record<Bucket, number>>;
  /** Passed, and unwell or silent since. */
  readonly unsteady: number;
  /** Failures that did not stop it when it passed. */
  readonly tolerated: number;
  /** Slots in use by members that need one. */
  readonly slots: number;
  readonly gates: readonly GateState[];
  /** Watched time at which every member had passed, unbroken since. */
  readonly soakedFrom: number | null;
  readonly openedAt: number | null;
  readonly endedAt: number | null;
};

export type Head = {
  readonly group: GroupId;
  readonly number: number;
  readonly kind: RolloutKind;
  readonly target: TargetId;
  readonly commit: string;
  /** Forge account of who wrote the commit; null: unknown. */
  readonly author: string | null;
  readonly attempt: number;
  readonly phase: Phase;
  readonly policy: WavesPolicy;
  readonly waves: readonly Wave[];
  /** Index of the wave that is open, or next to be. */
  readonly current: number;
  readonly emergency: boolean;
  /** A straggler failed: no other follows. */
  readonly stragglersStopped: boolean;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly participants: number;
  /** Members by whether they have the target, and by whether they are unwell or silent: is it us, or the world? */
  readonly world: WorldCounts;
  readonly back: BackCounts;
};
/** Of the way back: who waits for its turn, who is on the way and not silent, for whom it failed. */
export type BackCounts = { readonly recalled: number; readonly returning: number; readonly failed: number };
export type WorldCounts = {
  readonly released: number;
  readonly releasedBad: number;
  readonly unreleased: number;
  readonly unreleasedBad: number;
};

/** A finished rollout that may be gone back to: its pins are those that each cluster passed up to `number`. */
export type Completed = { readonly number: number; readonly target: TargetId; readonly commit: string; readonly at: number };

export type Quarantine = { readonly app: AppKey; readonly pin: Digest; readonly commit: string; readonly cause: string };

export type GroupHead = {
  readonly id: GroupId;
  /** Number of the next rollout. */
  readonly next: number;
  /** The target that its clusters are kept from. */
  readonly heldBack: { readonly target: TargetId; readonly commit: string; readonly cause: string } | null;
  readonly quarantined: readonly Quarantine[];
  /** The commit that waits for the live rollout to end. */
  readonly queued: string | null;
  /** Newest first, at most `completedMax`. */
  readonly completed: readonly Completed[];
  /** Rollouts that were superseded since the last Completed, and when the first of them began (wall clock). */
  readonly superseded: number;
  readonly unfinishedSince: number | null;
};

export const completedMax = 10;

export const rolloutName = ({ group, number }: Pick<Head, "group" | "number">): string => `${group}#${number}`;

export function newGroup(id: GroupId): GroupHead {
  return { id, next: 1, heldBack: null, quarantined: [], queued: null, completed: [], superseded: 0, unfinishedSince: null };
}
