// The words of the bench: what a measurement is and what it gives. Figures are for reading, never for failing a build.

/** Something measured in the same run, to hold a figure against. */
export type Beside = { readonly what: string; readonly value: number };

export type Figure = {
  /** The load that it was measured with. */
  readonly what: string;
  /** The median of the samples, or what was computed from them. */
  readonly value: number;
  readonly unit: string;
  readonly better: "less" | "more";
  /** In the same unit; null: shown beside, without a goal of its own. */
  readonly goal: number | null;
  /** The most (or, where less is better, the least) that could be had on this machine: in the same unit, from the same run. */
  readonly ceiling: Beside | null;
  /** What others need, in the same unit, from the same run. */
  readonly beside?: readonly Beside[];
  /** CPU of our processes for one operation; null where it means nothing. */
  readonly cpuMs: number | null;
  readonly samples: readonly number[];
};

/** `full` is what the goals speak of; `small` shows in moments that the measurement works. */
export type Size = "full" | "small";

export type Measurement = {
  /** As in the table of goals: `P5`. */
  readonly id: string;
  readonly what: string;
  /** The JavaScript heap that it may take. */
  readonly heapMb: number;
  /** The first figure is the one of this id, the others stand beside it. */
  measure(size: Size): Promise<readonly [Figure, ...Figure[]]>;
};

/** Whether the goal is met; null without a goal. */
export function isMet({ value, goal, better }: Figure): boolean | null {
  if (goal === null) return null;
  return better === "less" ? value <= goal : value >= goal;
}
