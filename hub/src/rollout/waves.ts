// How a rollout goes from wave to wave. Looked at after every event, until nothing moves by itself any more.

import { atLeast, atMost } from "./amounts.ts";
import { draw } from "./draw.ts";
import type { Draft } from "./draft.ts";
import { brokenGate, gateId, gatesOf, passGates } from "./gates.ts";
import { completedMax, rolloutName, type BackCounts, type Wave } from "./head.ts";
import { bucketOf } from "./member.ts";
import { breakOff } from "./breaking.ts";
import { end } from "./ending.ts";
import { canaryWave } from "./plan.ts";
import { enter } from "./transition.ts";

/** True: something moved, look again. */
type Moved = boolean;

export function settle(draft: Draft): void {
  // Each move is a wave or a phase further: 20 waves, an automatic canary and the rest, some phases each.
  for (let moves = 0; draft.any !== null && advance(draft); moves += 1)
    if (moves > 200) throw new Error(`rollout ${rolloutName(draft.rollout)} does not come to rest`);
}

function advance(draft: Draft): Moved {
  switch (draft.rollout.phase.kind) {
    case "running":
      return advanceWave(draft);
    case "rollingBack":
      return advanceReturn(draft);
    case "pending":
    case "paused":
    case "held":
    case "ended":
      return false;
  }
}

function advanceWave(draft: Draft): Moved {
  const { wave } = draft;
  const { current } = draft.rollout;
  if (wave === undefined) return complete(draft);
  const failures = wave.counts.failed + lateFailures(draft.rollout.waves.slice(0, current));
  if (failures > atMost(wave.maxFailures, wave.drawn)) return breakOff(draft, "MaxFailures", failedMessage(wave, failures));
  const gate = brokenGate(wave, "failed") ?? brokenGate(wave, "stuck");
  if (gate !== undefined)
    return breakOff(
      draft,
      gate.state === "failed" ? "GateFailed" : "GateStuck",
      `gate ${gate.gate.kind} of wave ${wave.name}: ${gate.message}`,
    );
  switch (wave.state) {
    case "planned":
      return passGates(draft, current, "before") && open(draft);
    case "open":
      return wave.drawn === 0 ? skip(draft) : isOver(wave, draft.rollout.back) && verify(draft);
    case "verifying":
      return wave.drawn === 0 ? skip(draft) : verified(draft, wave);
    case "passed":
    case "skipped":
      draft.setRollout({ current: current + 1 });
      return true;
  }
}

/** What failed in waves that had passed. */
const lateFailures = (waves: readonly Wave[]): number =>
  waves.reduce((sum, { counts, tolerated }) => sum + Math.max(0, counts.failed - tolerated), 0);

const failedMessage = ({ name, drawn }: Wave, failures: number): string => `${failures} of ${drawn} clusters of wave ${name} failed`;

function open(draft: Draft): Moved {
  const { current, waves } = draft.rollout;
  const drawn = draw(draft.rollout, draft.members());
  if (drawn.length === 0) return skip(draft);
  const before = waves.slice(0, current);
  if (drawn.length > 1 && before.length > 0 && before.every(({ state }) => state === "skipped")) return insertCanary(draft);
  draft.setWave(current, { state: "open", openedAt: draft.now.wallMs });
  for (const [place, member] of drawn.entries()) draft.put({ ...member, wave: current, place });
  return true;
}

/** It takes nobody, or those that it took are gone: it proves nothing. */
function skip(draft: Draft): Moved {
  draft.setWave(draft.rollout.current, { state: "skipped", endedAt: draft.now.wallMs });
  return true;
}

/** The waves before took nobody: several clusters at once would be the first. */
function insertCanary(draft: Draft): Moved {
  const { waves, current, policy } = draft.rollout;
  const canary: Wave = { ...canaryWave(policy), gates: gatesOf(draft.rollout, current, [], policy.gates) };
  const next = [...waves.slice(0, current), canary, ...waves.slice(current)];
  const renamed = next.map((each, index) => ({
    ...each,
    gates: each.gates.map((gate) => ({ ...gate, id: gateId(draft.rollout, index, gate.when, gate.gate) })),
  }));
  draft.setRollout({ waves: renamed });
  return true;
}

/** Nobody is pending, and what is left is evidence enough. */
function isOver({ counts, drawn, minPassed, maxAbsent }: Wave, back: BackCounts): boolean {
  if (counts.ready + counts.blocked + counts.inFlight + back.recalled + back.returning > 0) return false;
  return counts.passed >= Math.min(drawn, atLeast(minPassed, drawn)) && counts.absent <= atMost(maxAbsent, drawn);
}

function verify(draft: Draft): Moved {
  draft.setWave(draft.rollout.current, { state: "verifying", soakedFrom: draft.now.watchedMs });
  return true;
}

function verified(draft: Draft, wave: Wave): Moved {
  const { current } = draft.rollout;
  if (!isOver(wave, draft.rollout.back)) {
    draft.setWave(current, { state: "open", soakedFrom: null });
    return true;
  }
  const from = wave.unsteady > 0 ? null : (wave.soakedFrom ?? draft.now.watchedMs);
  if (from !== wave.soakedFrom) draft.setWave(current, { soakedFrom: from });
  return passGates(draft, current, "after") && pass(draft, wave);
}

function pass(draft: Draft, wave: Wave): Moved {
  const { current, waves } = draft.rollout;
  const absent = wave.counts.absent > 0 ? [...draft.members()].filter((each) => each.wave === current && bucketOf(each) === "absent") : [];
  // They follow by themselves, by slots.
  for (const member of absent) draft.put({ ...member, straggler: true });
  draft.setWave(current, { state: "passed", tolerated: wave.counts.failed, endedAt: draft.now.wallMs });
  draft.setRollout({ current: current + 1 });
  const message = `${rolloutName(draft.rollout)}: wave ${wave.name} passed on ${wave.counts.passed} of ${wave.drawn} clusters`;
  if (current < waves.length - 1) draft.tell({ kind: "notify", notice: "WavePassed", message });
  return true;
}

function complete(draft: Draft): Moved {
  const { number, target, commit } = draft.rollout;
  for (const member of draft.members()) if (member.state === "waiting" && !member.straggler) draft.put({ ...member, straggler: true });
  const completed = [{ number, target, commit, at: draft.now.wallMs }, ...draft.group.completed].slice(0, completedMax);
  const { heldBack } = draft.group;
  draft.setGroup({ completed, superseded: 0, unfinishedSince: null, heldBack: heldBack?.target === target ? null : heldBack });
  end(draft, "completed", "Completed");
  return true;
}

function advanceReturn(draft: Draft): Moved {
  const { back } = draft.rollout;
  if (back.failed > 0) return breakOff(draft, "ReturnFailed", `${back.failed} clusters could not go back`);
  if (back.recalled + back.returning > 0) return false;
  for (const member of draft.members()) if (member.state === "waiting") enter(draft, member, "heldBack");
  end(draft, "rolledBack", "RolledBack");
  return true;
}
