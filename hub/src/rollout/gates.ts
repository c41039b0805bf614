// Gates of a wave: opened in their time, answered from outside or by the clock, bound to what they were asked for.

import type { Gate } from "../fleet/fleet.ts";
import type { Draft } from "./draft.ts";
import type { GateAnswer, GateState, Head, Wave } from "./head.ts";
import { windowAt } from "./windows.ts";

/** For one wave. An approval and a window are of no use after the last one. */
export function gatesOf(
  head: Pick<Head, "group" | "number" | "target" | "attempt">,
  wave: number,
  before: readonly Gate[],
  after: readonly Gate[],
): readonly GateState[] {
  return [...before.map((gate) => newGate(head, wave, "before", gate)), ...after.map((gate) => newGate(head, wave, "after", gate))];
}

/** Not asked yet. */
export function newGate(
  head: Pick<Head, "group" | "number" | "target" | "attempt">,
  wave: number,
  when: GateState["when"],
  gate: Gate,
): GateState {
  const untouched = { askedAt: null, nextAt: null, inconclusiveAt: null, errors: 0, approvals: [], byHand: false, message: "" };
  return { id: gateId(head, wave, when, gate), gate, when, state: "idle", ...untouched };
}

/** An answer for another rollout, attempt, wave or target changes nothing (R19). */
export function gateId(
  { group, number, target, attempt }: Pick<Head, "group" | "number" | "target" | "attempt">,
  wave: number,
  when: string,
  gate: Gate,
): string {
  return `${group}#${number}/${attempt}/${wave}/${when}/${gate.kind}/${target.slice(0, 12)}`;
}

/** Whether the gates of that time have all passed; opens those that have not begun. */
export function passGates(draft: Draft, index: number, when: "before" | "after"): boolean {
  const wave = draft.rollout.waves[index];
  if (wave === undefined) return true;
  for (const gate of wave.gates) if (gate.when === when && (gate.state !== "passed" || isOfTheClock(gate))) look(draft, index, gate);
  return (draft.rollout.waves[index]?.gates ?? []).every((gate) => gate.when !== when || gate.state === "passed");
}

/** What the clock says counts at the moment of passing, not when it was first looked at. */
const isOfTheClock = ({ gate, byHand }: GateState): boolean => !byHand && (gate.kind === "window" || gate.kind === "soak");

/** Gates that somebody outside has to answer are asked; the clock's are looked at. */
function look(draft: Draft, index: number, gate: GateState): void {
  const { wallMs, watchedMs } = draft.now;
  const { emergency } = draft.rollout;
  const set = (fields: Partial<GateState>): void => setGate(draft, index, gate.id, fields);
  switch (gate.gate.kind) {
    case "healthyFor": // each member passed by it
      return set({ state: "passed" });
    case "soak": {
      const from = draft.rollout.waves[index]?.soakedFrom ?? null;
      const done = emergency || (from !== null && watchedMs - from >= gate.gate.ms);
      return set(done ? { state: "passed" } : { state: "open", nextAt: from === null ? null : from + gate.gate.ms });
    }
    case "window": {
      const open = emergency || gate.gate.window.tz === "cluster" || windowAt(gate.gate.window, null, wallMs).open;
      return set(open ? { state: "passed" } : { state: "open" });
    }
    case "approval": {
      if (emergency) return set({ state: "passed" });
      const expired = gate.askedAt !== null && wallMs - gate.askedAt >= gate.gate.expiresMs;
      if (gate.state === "idle" || expired) set({ state: "open", askedAt: wallMs, approvals: [] });
      if (gate.state === "idle" || expired) draft.tell({ kind: "askGate", id: gate.id });
      return;
    }
    case "webhook": {
      if (gate.state !== "idle" && (gate.nextAt === null || gate.nextAt > watchedMs)) return;
      set({ state: "open", askedAt: wallMs, nextAt: null });
      draft.tell({ kind: "askGate", id: gate.id });
      return;
    }
  }
}

/** What a gate's other end says. Inconclusive is asked again for a while, an error more often; then a person has to look. */
export function hearGate(draft: Draft, id: string, answer: GateAnswer, message: string): void {
  const found = findGate(draft.rollout, id);
  if (found === undefined || found.gate.state !== "open") return;
  const { index, gate } = found;
  const { watchedMs } = draft.now;
  const { intervalMs, inconclusiveForMs, errorLimit } = gate.gate;
  const set = (fields: Partial<GateState>): void => setGate(draft, index, id, { message, ...fields });
  switch (answer) {
    case "pass":
      return set({ state: "passed", errors: 0 });
    case "fail":
      return set({ state: "failed" });
    case "inconclusive": {
      const since = gate.inconclusiveAt ?? watchedMs;
      const stuck = watchedMs - since >= inconclusiveForMs;
      return set(stuck ? { state: "stuck" } : { inconclusiveAt: since, errors: 0, nextAt: watchedMs + intervalMs });
    }
    case "error": {
      const errors = gate.errors + 1;
      const backOffMs = intervalMs * 2 ** Math.min(errors - 1, 4);
      return set(errors >= errorLimit ? { state: "stuck", errors } : { errors, nextAt: watchedMs + backOffMs });
    }
  }
}

export function findGate(head: Head, id: string): { readonly index: number; readonly gate: GateState } | undefined {
  for (const [index, wave] of head.waves.entries()) {
    const gate = wave.gates.find((each) => each.id === id);
    if (gate !== undefined) return { index, gate };
  }
  return undefined;
}

export function setGate(draft: Draft, index: number, id: string, fields: Partial<GateState>): void {
  const gates = draft.rollout.waves[index]?.gates ?? [];
  const known = gates.find((each) => each.id === id);
  if (known === undefined || sameFields(known, fields)) return;
  draft.setWave(index, { gates: gates.map((gate) => (gate === known ? { ...gate, ...fields } : gate)) });
}

const sameFields = (gate: GateState, fields: Partial<GateState>): boolean =>
  Object.entries(fields).every(([key, value]) => gate[key as keyof GateState] === value);

/** Questions that are still out are taken back, and asked again when it goes on. */
export function cancelGates(draft: Draft): void {
  for (const [index, wave] of draft.rollout.waves.entries())
    for (const { id, state, gate } of wave.gates) {
      if (state !== "open" || !asks(gate)) continue;
      draft.tell({ kind: "cancelGate", id });
      setGate(draft, index, id, { state: "idle", askedAt: null, nextAt: null, approvals: [] });
    }
}

const asks = ({ kind }: Gate): boolean => kind === "approval" || kind === "webhook";

export const brokenGate = (wave: Wave, state: "failed" | "stuck"): GateState | undefined => wave.gates.find((gate) => gate.state === state);
