// A rollout from a target: its waves as the policy says, frozen; who takes part. The waves' members are drawn later, each when it opens.

import type { Amount, WavePolicy, WavesPolicy } from "../fleet/fleet.ts";
import type { Target } from "./events.ts";
import { gatesOf } from "./gates.ts";
import type { GroupHead, Head, Now, RolloutKind, Wave } from "./head.ts";

const noCounts = { ready: 0, blocked: 0, absent: 0, inFlight: 0, passed: 0, failed: 0, off: 0 } as const;
const one: Amount = { kind: "count", count: 1 };
const none: Amount = { kind: "count", count: 0 };
export const all: Amount = { kind: "percent", percent: 100 };
const half: Amount = { kind: "percent", percent: 50 };

export function planRollout(group: GroupHead, target: Target, now: Now, paused: boolean): Head {
  const { participants, policy, id, commit, author, kind } = target;
  const head = { group: group.id, number: group.next, target: id, attempt: 1 };
  const drafts = kind === "rollback" ? [backWave(policy)] : wavesOf(target);
  const waves = drafts.map((wave, index) => ({ ...wave, gates: gatesIn(head, policy, wave, index, drafts.length, kind) }));
  const pending = !target.auto && kind !== "rollback";
  return {
    ...head,
    kind,
    commit,
    author,
    phase: paused ? { kind: "paused", from: pending ? "pending" : "running" } : { kind: pending ? "pending" : "running" },
    policy,
    waves,
    current: 0,
    emergency: false,
    stragglersStopped: false,
    createdAt: now.wallMs,
    startedAt: pending ? null : now.wallMs,
    endedAt: null,
    participants: participants.length,
    world: { released: 0, releasedBad: 0, unreleased: 0, unreleasedBad: 0 },
    back: { recalled: 0, returning: 0, failed: 0 },
  };
}

/** Those that no wave takes form a last one. */
function wavesOf({ policy, participants }: Target): readonly Wave[] {
  const written = policy.waves.map((wave, index) => writtenWave(wave, index, policy.waves.length));
  const last = policy.waves.at(-1);
  const takesAll =
    last !== undefined && last.clusters === null && last.group === null && last.size.kind === "percent" && last.size.percent === 100;
  const left = !isWhole(policy) || participants.some(({ matches }) => matches.length === 0);
  return takesAll || !left ? written : [...written, restWave(policy)];
}

/** Whether whoever matches anything is drawn in the end. */
const isWhole = ({ waves }: WavesPolicy): boolean => waves.every(({ size }) => size.kind === "percent" && size.percent === 100);

function writtenWave(wave: WavePolicy, index: number, count: number): Wave {
  const { size, spreadBy, maxUnavailable, maxFailures, maxAbsent, minPassed } = wave;
  return { ...empty(`${index + 1}/${count}`), policy: index, size, spreadBy, maxUnavailable, maxFailures, maxAbsent, minPassed };
}

export function canaryWave({ waves }: WavesPolicy): Wave {
  const [first] = waves;
  return {
    ...empty("canary"),
    size: one,
    maxFailures: none,
    maxAbsent: first?.maxAbsent ?? none,
    minPassed: first?.minPassed ?? one,
    maxUnavailable: one,
  };
}

function restWave({ waves }: WavesPolicy): Wave {
  const last = waves.at(-1);
  const { maxUnavailable = one, maxFailures = none, minPassed = half } = last ?? {};
  return { ...empty("rest"), maxUnavailable, maxFailures, minPassed, maxAbsent: all };
}

/** Back to what was proven: all at once, within the budget for going back. */
const backWave = ({ rollback }: WavesPolicy): Wave => ({ ...empty("back"), maxUnavailable: rollback.maxUnavailable, maxAbsent: all });

const empty = (name: string): Wave => ({
  name,
  policy: null,
  size: all,
  spreadBy: null,
  maxUnavailable: one,
  maxFailures: none,
  maxAbsent: none,
  minPassed: half,
  state: "planned",
  drawn: 0,
  counts: noCounts,
  unsteady: 0,
  tolerated: 0,
  slots: 0,
  gates: [],
  soakedFrom: null,
  openedAt: null,
  endedAt: null,
});

function gatesIn(
  head: Pick<Head, "group" | "number" | "target" | "attempt">,
  policy: WavesPolicy,
  wave: Wave,
  index: number,
  count: number,
  kind: RolloutKind,
) {
  if (kind === "rollback") return [];
  const written = wave.policy === null ? undefined : policy.waves[wave.policy];
  const after = (written?.after ?? policy.gates).filter(
    ({ kind: gate }) => index < count - 1 || (gate !== "approval" && gate !== "window"),
  );
  return gatesOf(head, index, written?.before ?? (wave.policy === null ? (policy.waves.at(-1)?.before ?? []) : []), after);
}
