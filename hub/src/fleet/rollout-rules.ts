// What the fields of a rollout mean together: faults that no single field has. Judges a rollout whose fields are right each.

import type { JsonValue } from "@muster/proto/model/json";
import { check, type Fault, type FieldPath } from "./check.ts";
import { showDuration } from "./names.ts";
import { nearest } from "./nearest.ts";
import type { FleetCode } from "./problem.ts";
import type { Gate, RolloutPolicy, Span, WavePolicy, WavesPolicy, Window } from "./rollout-policy.ts";
import { rolloutPolicyOf } from "./rollout-reading.ts";
import { rolloutShape } from "./rollout-table.ts";
import { isTimeZone, timeZones } from "./zone.ts";

/** Faults of a rollout as a whole; none while single fields are wrong, for those are told on their own. */
export function rolloutFaults(written: JsonValue | undefined, path: FieldPath): Fault[] {
  if (written === undefined || written === null || check(rolloutShape, written).length > 0) return [];
  return policyFaults(rolloutPolicyOf(written)).map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
}

function policyFaults(policy: RolloutPolicy | null): Fault[] {
  if (policy?.kind !== "waves") return [];
  return [
    ...policy.waves.flatMap((wave, i) => [...waveFaults(policy.waves, wave, i), ...gatesOfWave(wave, i)]),
    ...gateFaults(policy.gates, ["gates"]),
    ...deadlineFaults(policy),
  ];
}

const fault = (code: FleetCode, path: FieldPath, says: string, remedy?: string): Fault =>
  remedy === undefined ? { code, path, says } : { code, path, says, remedy };

function waveFaults(waves: readonly WavePolicy[], wave: WavePolicy, i: number): Fault[] {
  const { size, minPassed } = wave;
  const before = waves.slice(0, i);
  const whole = before.findIndex((each) => takesAll(each));
  if (whole !== -1) return [fault("E_ROLLOUT_WAVES", ["waves", i], `takes nobody: waves[${whole}] takes all clusters`)];
  const same = before.findLastIndex((each) => who(each) === who(wave) && each.size.kind === "percent");
  const lower = before[same]?.size;
  if (size.kind === "percent" && lower?.kind === "percent" && size.percent <= lower.percent) {
    const says = `must be above the ${lower.percent} of waves[${same}]: a share counts what earlier waves took`;
    return [fault("E_ROLLOUT_WAVES", ["waves", i, "percent"], says)];
  }
  if (size.kind === "count" && minPassed.kind === "count" && minPassed.count > size.count)
    return [fault("E_ROLLOUT_BUDGET", ["waves", i, "minPassed"], `can never be met: the wave has ${size.count} of them at most`)];
  return [];
}

const who = ({ clusters, group }: WavePolicy): string => (takesEverybody(clusters, group) ? "all" : JSON.stringify([clusters, group]));
const takesEverybody = (clusters: WavePolicy["clusters"], group: string | null): boolean =>
  group === null && (clusters === null || clusters.matchAll);
const takesAll = ({ clusters, group, size }: WavePolicy): boolean =>
  takesEverybody(clusters, group) && size.kind === "percent" && size.percent === 100;

/** Gates that judge the clusters of a wave, so that they mean nothing ahead of it. */
const judging: ReadonlySet<Gate["kind"]> = new Set(["healthyFor", "soak"]);

function gatesOfWave({ before, after }: WavePolicy, i: number): Fault[] {
  const early = before.flatMap(({ kind }, j) =>
    judging.has(kind)
      ? [fault("E_ROLLOUT_GATE", ["waves", i, "before", j], `${kind} judges the clusters of a wave: put it after one`)]
      : [],
  );
  return [...early, ...gateFaults(before, ["waves", i, "before"]), ...gateFaults(after ?? [], ["waves", i, "after"])];
}

function gateFaults(gates: readonly Gate[], path: FieldPath): Fault[] {
  return gates.flatMap((gate, j) => {
    const at = [...path, j];
    const twin = gates.findIndex(({ kind }) => kind === gate.kind);
    if (twin < j) return [fault("E_ROLLOUT_GATE", at, `is a second ${gate.kind}: there may be one of each kind`)];
    return gate.kind === "window" ? windowFaults(gate.window, [...at, "window"]) : [];
  });
}

function windowFaults(window: Window, path: FieldPath): Fault[] {
  const { tz, minRemainingMs, except } = window;
  const faults = [emptySpan(window, path), ...except.map((span, i) => emptySpan(span, [...path, "except", i]))].flat();
  if (tz !== "cluster" && !isTimeZone(tz)) {
    const meant = nearest(tz, timeZones());
    const remedy = meant === undefined ? "write an IANA time zone, such as Europe/Berlin, or cluster" : `did you mean ${meant}?`;
    faults.push(fault("E_ROLLOUT_ZONE", [...path, "tz"], "is no IANA time zone", remedy));
  }
  const lengthMinutes = (window.toMinute - window.fromMinute + dayMinutes) % dayMinutes;
  if (lengthMinutes !== 0 && minRemainingMs >= lengthMinutes * 60_000) {
    const says = `must be shorter than the window, which is ${showDuration(lengthMinutes * 60_000)} long`;
    faults.push(fault("E_ROLLOUT_GATE", [...path, "minRemaining"], says));
  }
  return faults;
}

const dayMinutes = 1440;

const emptySpan = ({ fromMinute, toMinute }: Span, path: FieldPath): Fault[] =>
  fromMinute === toMinute
    ? [fault("E_ROLLOUT_GATE", [...path, "to"], "must differ from from", 'a whole day is from "00:00" to "24:00"')]
    : [];

function deadlineFaults({ progressDeadlineMs, degradedForMs }: WavesPolicy): Fault[] {
  if (progressDeadlineMs > degradedForMs) return [];
  return [fault("E_ROLLOUT_FIELD", ["progressDeadline"], `must be longer than degradedFor, which is ${showDuration(degradedForMs)}`)];
}
