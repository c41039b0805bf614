// How a change of an App goes through a fleet, as an App or a Source says it: waves, gates, budgets, and what happens on failure. Types
// only, every default filled in, durations in milliseconds. What they lead to is for rollout/.

import type { Selector } from "./selector.ts";

/** A number of clusters, or a share of them: 0 < percent <= 100 where a wave's size is meant, else 0 <= percent <= 100. */
export type Amount = { readonly kind: "count"; readonly count: number } | { readonly kind: "percent"; readonly percent: number };

export type RolloutPolicy = ImmediatePolicy | WavesPolicy;

/** All at once, no gates. */
export type ImmediatePolicy = { readonly kind: "immediate" };

export type WavesPolicy = {
  readonly kind: "waves";
  /** 1 to 20. Clusters that none of them takes form a last wave. */
  readonly waves: readonly WavePolicy[];
  /** After each wave that names none of its own: at most 10, one of a kind. */
  readonly gates: readonly Gate[];
  /** At most so many clusters of one value of this label are unavailable for our sake. Null: no such limit. */
  readonly perSite: { readonly label: string; readonly maxUnavailable: Amount } | null;
  readonly progressDeadlineMs: number;
  /** Less than progressDeadlineMs. */
  readonly degradedForMs: number;
  readonly inClusterDeadlineMs: number;
  readonly onFailure: "hold" | "rollback";
  readonly onClusterFailure: "keep" | "rollback";
  readonly supersede: "latest" | "finish";
  readonly rollback: { readonly maxUnavailable: Amount; readonly revertPR: boolean };
};

export type WavePolicy = {
  /** At most one of clusters and group; neither: all clusters. */
  readonly clusters: Selector | null;
  /** The name of a ClusterGroup. */
  readonly group: string | null;
  /** A percentage is cumulative over the participants that match this wave, and never falls from wave to wave. */
  readonly size: Amount;
  /** The key of a label whose values take turns. */
  readonly spreadBy: string | null;
  readonly maxUnavailable: Amount;
  readonly maxFailures: Amount;
  readonly maxAbsent: Amount;
  readonly minPassed: Amount;
  readonly before: readonly Gate[];
  /** Null: the policy's gates. */
  readonly after: readonly Gate[] | null;
};

/** `soak` is for a whole wave, `healthyFor` for each of its clusters. */
export type Gate = GatePace &
  (
    | { readonly kind: "healthyFor"; readonly ms: number }
    | { readonly kind: "soak"; readonly ms: number }
    | { readonly kind: "window"; readonly window: Window }
    | { readonly kind: "approval"; readonly by: readonly string[]; readonly count: number; readonly expiresMs: number }
    | { readonly kind: "webhook"; readonly url: string; readonly secretRef: string; readonly timeoutMs: number }
  );

export type GateKind = Gate["kind"];

/** How often a gate is asked, how long it may be in doubt, and how many errors in a row it may give. */
export type GatePace = { readonly intervalMs: number; readonly inconclusiveForMs: number; readonly errorLimit: number };

export type Window = Span & {
  /** An IANA zone, or `cluster`: that of the cluster itself. */
  readonly tz: string;
  /** Nothing is begun that close to the end. */
  readonly minRemainingMs: number;
  /** Closed inside an open window: closed beats open. */
  readonly except: readonly Span[];
};

/**
 * Part of the local days named. Minutes of the day: 0 to 1439 where it begins, 0 to 1440 where it ends, never the same; an end before the
 * beginning is on the next day.
 */
export type Span = { readonly days: readonly Weekday[]; readonly fromMinute: number; readonly toMinute: number };

export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";
