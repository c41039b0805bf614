// `muster lint`: what is wrong in a file, a folder or a repository as it lies there; and with --fix, mending what is sure.

import { access } from "node:fs/promises";
import { resolve as resolvePath } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { mendable, writeMended, type Mended } from "../control/mending.ts";
import { lintOffline, type Linted } from "../control/offline.ts";
import type { Problem } from "../view/api.ts";
import { exits, usageError, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, type Output } from "./output.ts";
import { complaintOfProblem, count, paintFor, showComplaint } from "./paint.ts";

export type LintOutput = Exclude<Output, "wide"> | "github";
export type LintFlags = { readonly fix?: boolean | undefined; readonly dryRun?: boolean | undefined; readonly output: LintOutput };

/** Exit 1 when there are errors (with --fix: when some are left). Problems are the data: they go to standard output. */
export async function lint(io: Io, path: string, { fix, dryRun, output }: LintFlags): Promise<Exit> {
  if (dryRun && !fix) throw usageError("--dry-run without --fix", "lint alone changes nothing");
  const full = resolvePath(io.cwd, path);
  await access(full).catch(() => {
    throw new OperationError("notFound", path, `there is no file or folder ${path}`, undefined, {
      code: "E_PATH_MISSING",
      remedy: "check the path",
    });
  });
  const first = await lintOffline(full, io.signal);
  const mended = await mendable(first, full);
  const isWritten = fix === true && dryRun !== true && mended.length > 0;
  if (isWritten) await writeMended(mended);
  const linted = isWritten ? await lintOffline(full, io.signal) : first;
  const summary = summaryOf(linted);
  if (output === "github") for (const problem of linted.problems) io.stdout.write(annotation(problem));
  else if (output !== "table" && (await writeData(io, output, { ...summary, problems: linted.problems, ...placesOf(mended, isWritten) })))
    return exitFor(summary);
  else tell(io, path, linted, { mended, isWritten, isShown: dryRun === true });
  return exitFor(summary);
}

type Summary = { readonly apps: number; readonly clusters: number; readonly errors: number; readonly warnings: number };

function summaryOf({ fleet, problems }: Linted): Summary {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const { apps, clusters } = fleet.resolution;
  return { apps: apps.length, clusters: clusters.length, errors, warnings: problems.length - errors };
}

const exitFor = ({ errors }: Summary): Exit => (errors === 0 ? exits.ok.code : exits.failed.code);

/** What was mended, or could be. */
function placesOf(mended: readonly Mended[], isWritten: boolean): Readonly<Record<string, readonly object[]>> {
  const places = mended.flatMap(({ path, fixes }) => fixes.map(({ line, column, says }) => ({ path, line, column, says })));
  return { [isWritten ? "fixed" : "fixable"]: places };
}

type Mending = { readonly mended: readonly Mended[]; readonly isWritten: boolean; readonly isShown: boolean };

function tell(io: Io, path: string, linted: Linted, { mended, isWritten, isShown }: Mending): void {
  const { stdout } = io;
  const paint = paintFor(stdout, io.env);
  for (const { path: file, fixes } of isWritten ? mended : [])
    for (const { line, says } of fixes) stdout.write(`fixed: ${printable(says)}  ${printable(file)}:${line}\n`);
  for (const each of isShown ? mended : []) stdout.write(diffOf(each));
  for (const problem of linted.problems) stdout.write(showComplaint(paint, complaintOfProblem(problem)));
  const { apps, clusters, errors, warnings } = summaryOf(linted);
  const found = `${count(errors, "error")}, ${count(warnings, "warning")}`;
  stdout.write(`${errors === 0 ? "ok" : "failed"}: ${count(apps, "App")}, ${count(clusters, "Cluster")}: ${found}\n`);
  const fixes = mended.reduce((sum, each) => sum + each.fixes.length, 0);
  if (!isWritten && fixes > 0) stdout.write(`${count(fixes, "place")} can be mended: muster lint --fix ${printable(path)}\n`);
}

/** The lines that change, before and after. A fix stays within its line, or takes it away. */
function diffOf({ path, before, after, fixes }: Mended): string {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const shown = printable(path);
  const lines = [`--- ${shown}`, `+++ ${shown}`];
  let removed = 0;
  for (const line of new Set(fixes.map((fix) => fix.line))) {
    const isGone = fixes.some((fix) => fix.line === line && fix.replacement === "");
    lines.push(`@@ line ${line} @@`, `-${printable(old[line - 1] ?? "", lineMax)}`);
    if (isGone) removed += 1;
    else lines.push(`+${printable(now[line - 1 - removed] ?? "", lineMax)}`);
  }
  return `${lines.join("\n")}\n`;
}

const lineMax = 2_000;

/** A line that GitHub's runners show at the place in a pull request. */
function annotation({ severity, code, message, place }: Problem): string {
  const escaped = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string): string => escaped(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  const at =
    place === undefined
      ? ""
      : `file=${property(place.path)},line=${place.line}${place.column === undefined ? "" : `,col=${place.column}`},`;
  return `::${severity} ${at}title=${property(code)}::${escaped(message)}\n`;
}
