// How things look on a terminal: colour where a person sees it and nowhere else, never as the only sign; text of others escaped.

import pc from "picocolors";

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";
import type { PlacementState } from "@muster/proto/model/reasons";

import type { Problem } from "../view/api.ts";
import { remedyOf } from "../view/remedies.ts";
import type { Io, Out } from "./io.ts";

export type Paint = ReturnType<typeof pc.createColors>;

/** Colours for one of the two outputs: on a terminal, or as NO_COLOR and FORCE_COLOR say. */
export function paintFor(out: Out, env: Io["env"]): Paint {
  const forced = env["FORCE_COLOR"];
  if (env["NO_COLOR"]) return pc.createColors(false);
  return pc.createColors(forced === undefined || forced === "" ? out.isTTY : forced !== "0");
}

const colours: { readonly [state in PlacementState]: "green" | "yellow" | "red" | "cyan" | "magenta" } = {
  synced: "green",
  applying: "cyan",
  waiting: "yellow",
  drifted: "magenta",
  failed: "red",
  paused: "yellow",
  unreachable: "red",
};

export function paintState(paint: Paint, state: PlacementState): string {
  return Object.hasOwn(colours, state) ? paint[colours[state]](state) : printable(state);
}

/** What went wrong, in the layout of every error: what, where, what it means, what to do. */
export type Complaint = {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly place?: string | undefined;
  readonly effect?: string | undefined;
  readonly fix?: string | undefined;
};

const detailMax = 2_000;

/** The lines of a complaint, with a line feed at the end. */
export function showComplaint(paint: Paint, { severity, code, message, place, effect, fix }: Complaint): string {
  const colour = severity === "error" ? paint.red : paint.yellow;
  const where = place === undefined || place === "" ? "" : `  ${paint.cyan(printable(place, detailMax))}`;
  const lines = [`${colour(`${severity} ${printable(code)}`)}: ${printable(message, detailMax)}${where}`];
  if (effect) lines.push(`  ${paint.dim("effect")}  ${printable(effect, detailMax)}`);
  if (fix) lines.push(`  ${paint.dim("fix")}     ${printable(fix, detailMax)}`);
  return `${lines.join("\n")}\n`;
}

export function complaintOfProblem(problem: Problem): Complaint {
  const { severity, code, message, cluster } = problem;
  const named = cluster === undefined || message.includes(cluster) ? message : `${message} (cluster ${cluster})`;
  return { severity, code, message: named, place: showPlace(problem.place), fix: remedyOf(problem) };
}

export function complaintOfError(error: unknown): Complaint {
  const fault = error instanceof OperationError ? error.fault : null;
  return { severity: "error", code: fault?.code ?? "E_FAILED", message: messageOf(error), fix: fault?.remedy };
}

/** `apps/web/app.yaml:7`; the Source's name in front where it is not the root. */
export function showPlace(place: Problem["place"]): string | undefined {
  if (place === undefined) return undefined;
  const path = place.line === undefined ? place.path : `${place.path}:${place.line}`;
  return place.source === "root" || place.source === "" ? path : `${place.source}: ${path}`;
}

/** How long ago: `9s`, `2m`, `3h`, `5d`. */
export function ago(now: number, time: string | null): string {
  const at = time === null ? NaN : Date.parse(time);
  if (Number.isNaN(at) || at <= 0) return "never";
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export const shortCommit = (commit: string | null): string => (commit === null ? "-" : printable(commit.slice(0, 7)));

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
