// What the bench tells: a table for people, and the file for programs.

import { cpus, totalmem } from "node:os";

import { isMet, type Figure } from "./measurement.ts";
import { quantile } from "./samples.ts";

export type Run = { readonly commit: string; readonly at: string; readonly size: string };

/** One figure as it is written down. */
export type Entry = Omit<Figure, "beside" | "what"> & {
  readonly load: string;
  readonly met: boolean | null;
  readonly beside: NonNullable<Figure["beside"]>;
};

/** Id -> its first figure, the others under `more`, and what it was measured on. */
export type Latest = Readonly<Record<string, Entry & { readonly more: readonly Entry[]; readonly machine: string } & Run>>;

const gibibyte = 1024 ** 3;

export function machine(): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model ?? "unknown"}, ${Math.round(totalmem() / gibibyte)} GiB, Node ${process.versions.node}`;
}

export function entryOf(id: string, [first, ...others]: readonly [Figure, ...Figure[]], run: Run): Latest {
  return { [id]: { ...written(first), more: others.map(written), machine: machine(), ...run } };
}

function written({ what, beside = [], ...figure }: Figure): Entry {
  return { load: what, ...figure, met: isMet({ what, ...figure }), beside };
}

/** Rows of the table: one for each figure, then what stands beside it. */
export function rowsOf(id: string, figures: readonly Figure[]): readonly (readonly string[])[] {
  return figures.map((figure, index) => {
    const { what, value, unit, goal, better, ceiling, samples, cpuMs, beside = [] } = figure;
    const sign = better === "less" ? "<=" : ">=";
    const met = isMet(figure);
    const bounds = [...(ceiling === null ? [] : [ceiling]), ...beside].map((each) => `${shown(each.value)} ${each.what}`);
    return [
      index === 0 ? id : "",
      what,
      `${shown(value)} ${unit}`,
      goal === null ? "" : `${sign} ${shown(goal)}`,
      met === null ? "" : met ? "met" : "not met",
      cpuMs === null ? "" : shown(cpuMs),
      samples.length < 2 ? "" : `${shown(quantile(samples, 0.1))} to ${shown(quantile(samples, 0.9))} (${samples.length})`,
      bounds.join("; "),
    ];
  });
}

export const columns = ["", "load", "median", "goal", "", "CPU ms each", "10th to 90th (samples)", "in the same run"] as const;

/** Three digits that count. */
export function shown(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

/** Columns as wide as their widest cell. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
