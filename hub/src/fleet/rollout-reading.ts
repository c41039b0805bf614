// A rollout that was written becomes a policy, with every default filled in. What comes in was checked (rollout-table.ts).

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { fill } from "./fill.ts";
import type { Amount, Gate, RolloutPolicy, Span, WavePolicy, WavesPolicy, Weekday } from "./rollout-policy.ts";
import { wavesShape } from "./rollout-table.ts";
import { selectorOf } from "./selector.ts";

/** Null: nothing is said. A map without fields says nothing, and null in it counts as not written. */
export function rolloutPolicyOf(written: JsonValue | undefined): RolloutPolicy | null {
  if (written === "immediate") return { kind: "immediate" };
  return isJsonObject(written) && Object.values(written).some((value) => value !== null) ? wavesPolicyOf(written) : null;
}

/** The policy of a map, which may be empty. */
export function wavesPolicyOf(written: JsonObject): WavesPolicy {
  const filled = fill(wavesShape, written) as unknown as FilledRollout;
  const { progressDeadline, degradedFor, inClusterDeadline, perSite, rollback } = filled;
  const { onFailure, onClusterFailure, supersede } = filled;
  return {
    kind: "waves",
    waves: filled.waves.map((wave, i, { length }) => waveOf(wave, i === length - 1)),
    gates: filled.gates.map(gateOf),
    perSite: perSite && { label: perSite.label, maxUnavailable: amountOf(perSite.maxUnavailable) },
    progressDeadlineMs: progressDeadline,
    degradedForMs: degradedFor,
    inClusterDeadlineMs: inClusterDeadline,
    onFailure,
    onClusterFailure,
    supersede,
    rollback: { maxUnavailable: amountOf(rollback.maxUnavailable), revertPR: rollback.revertPR },
  };
}

type WrittenAmount = number | string;
type FilledRollout = Pick<WavesPolicy, "onFailure" | "onClusterFailure" | "supersede"> & {
  readonly waves: readonly FilledWave[];
  readonly gates: readonly FilledGate[];
  readonly perSite: { readonly label: string; readonly maxUnavailable: WrittenAmount } | null;
  readonly progressDeadline: number;
  readonly degradedFor: number;
  readonly inClusterDeadline: number;
  readonly rollback: { readonly maxUnavailable: WrittenAmount; readonly revertPR: boolean };
};
type FilledWave = Pick<WavePolicy, "group" | "spreadBy"> & {
  readonly clusters: JsonObject | null;
  readonly percent: number | null;
  readonly count: number | null;
  readonly maxUnavailable: WrittenAmount;
  readonly maxFailures: WrittenAmount;
  readonly maxAbsent: WrittenAmount | null;
  readonly minPassed: WrittenAmount;
  readonly before: readonly FilledGate[];
  readonly after: readonly FilledGate[] | null;
};
type FilledSpan = { readonly days: readonly Weekday[]; readonly from: string; readonly to: string };
type FilledGate = {
  readonly healthyFor: number | null;
  readonly soak: number | null;
  readonly window: (FilledSpan & { readonly tz: string; readonly minRemaining: number; readonly except: readonly FilledSpan[] }) | null;
  readonly approval: { readonly by: readonly string[]; readonly count: number; readonly expires: number } | null;
  readonly webhook: { readonly url: string; readonly secretRef: string; readonly timeout: number } | null;
  readonly interval: number;
  readonly inconclusiveFor: number;
  readonly errorLimit: number;
};

/** `2` or `"10%"`. */
function amountOf(written: WrittenAmount): Amount {
  return typeof written === "number" ? { kind: "count", count: written } : { kind: "percent", percent: Number(written.slice(0, -1)) };
}

function waveOf(wave: FilledWave, last: boolean): WavePolicy {
  const { clusters, group, percent, count, spreadBy, before, after } = wave;
  return {
    clusters: clusters && selectorOf(clusters),
    group,
    size: count === null ? { kind: "percent", percent: percent ?? 100 } : { kind: "count", count },
    spreadBy,
    maxUnavailable: amountOf(wave.maxUnavailable),
    maxFailures: amountOf(wave.maxFailures),
    maxAbsent: amountOf(wave.maxAbsent ?? (last ? "100%" : "20%")),
    minPassed: amountOf(wave.minPassed),
    before: before.map(gateOf),
    after: after && after.map(gateOf),
  };
}

function gateOf(gate: FilledGate): Gate {
  const { healthyFor, soak, window, approval, webhook } = gate;
  const pace = { intervalMs: gate.interval, inconclusiveForMs: gate.inconclusiveFor, errorLimit: gate.errorLimit };
  if (healthyFor !== null) return { kind: "healthyFor", ms: healthyFor, ...pace };
  if (soak !== null) return { kind: "soak", ms: soak, ...pace };
  if (window !== null) {
    const { tz, minRemaining: minRemainingMs, except } = window;
    return { kind: "window", window: { tz, ...spanOf(window), minRemainingMs, except: except.map(spanOf) }, ...pace };
  }
  if (approval !== null) return { kind: "approval", by: approval.by, count: approval.count, expiresMs: approval.expires, ...pace };
  if (webhook !== null) return { kind: "webhook", url: webhook.url, secretRef: webhook.secretRef, timeoutMs: webhook.timeout, ...pace };
  throw new TypeError("a gate that was checked is of one kind");
}

const spanOf = ({ days, from, to }: FilledSpan): Span => ({ days, fromMinute: minuteOf(from), toMinute: minuteOf(to) });
const minuteOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
