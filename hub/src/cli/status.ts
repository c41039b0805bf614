// `muster status`: the whole fleet at a glance, once or again and again.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { printable } from "@muster/proto/model/printable";

import type { ClusterRow, SourceRow, StateCounts, StatusAnswer } from "../view/api.ts";
import type { HubClient } from "./client.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, writeTable, type Output } from "./output.ts";
import { ago, complaintOfProblem, count, paintFor, paintState, shortCommit, showComplaint, showPlace, type Paint } from "./paint.ts";

export type StatusOptions = { readonly output: Output; readonly watch: boolean; readonly check: boolean };

const watchMs = { terminal: 2_000, pipe: 10_000 } as const;
/** Above it only clusters that need a look are listed. */
const rowsMax = 40;

export async function status(io: Io, client: HubClient, { output, watch, check }: StatusOptions): Promise<Exit> {
  for (;;) {
    const answer = await client.get<StatusAnswer>("/status");
    if (watch && output !== "json" && output !== "yaml" && !io.stdout.isTTY)
      io.stdout.write(`${headLine(answer, Date.parse(answer.asOf))}  ${stateLine(answer)}\n`);
    else {
      if (watch && io.stdout.isTTY) io.stdout.write("\u001b[H\u001b[2J");
      if (!(await writeData(io, output, answer))) await writeStatus(io, answer, output === "wide");
    }
    if (!watch) return check && !isSynced(answer) ? exits.differs.code : exits.ok.code;
    await io.sleep(io.stdout.isTTY ? watchMs.terminal : watchMs.pipe);
    if (io.signal.aborted) return exits.interrupted.code;
  }
}

const isSynced = (answer: StatusAnswer): boolean =>
  answer.clusters.every(({ state }) => state === "synced") &&
  [...answer.sources, ...answer.contents].every(
    ({ error, problems }) => error === null && !problems.some(({ severity }) => severity === "error"),
  ) &&
  !answer.problems.some(({ severity }) => severity === "error");

async function writeStatus(io: Io, answer: StatusAnswer, wide: boolean): Promise<void> {
  const paint = paintFor(io.stdout, io.env);
  const now = Date.parse(answer.asOf);
  io.stdout.write(`${headLine(answer, now)}\n`);
  for (const source of [...answer.sources, ...answer.contents])
    if (source.error !== null) io.stdout.write(sourceComplaint(paint, source, now));
  const few = answer.clusters.length <= rowsMax || wide;
  if (!few) io.stdout.write(`${stateLine(answer)}\n`);
  const rows = few ? answer.clusters : answer.clusters.filter(({ state }) => state !== "synced").slice(0, rowsMax);
  if (rows.length > 0) await writeClusters(io, rows, now, wide);
  const left = answer.clusters.length - answer.clusters.filter(({ state }) => state === "synced").length - rows.length;
  if (!few && left > 0) io.stdout.write(`${count(left, "more cluster")} not synced: muster clusters\n`);
  for (const problem of [...answer.sources.flatMap((source) => source.problems), ...answer.problems])
    io.stdout.write(showComplaint(paint, complaintOfProblem(problem)));
}

const byTime = (a: string | null, b: string | null): number => byCodeUnits(a ?? "", b ?? "");

/** `hub ok  git 12s  3 clusters, 2 connected, 1 silent (oldest 6d)  as of 14:05:09` */
function headLine({ sources, clusters, rollups, asOf }: StatusAnswer, now: number): string {
  const fetched = sources.map(({ fetchedAt }) => fetchedAt).toSorted(byTime)[0];
  const broken = sources.some(({ error }) => error !== null);
  const git = fetched === undefined || fetched === null ? "git never" : `git ${ago(now, fetched)}`;
  const { total, connected } = rollups.clusters;
  const silent = clusters.filter((cluster) => !cluster.connected && cluster.lastSeen !== null);
  const oldest = silent.map(({ lastSeen }) => lastSeen).toSorted(byTime)[0];
  const quiet = silent.length === 0 ? "" : `, ${silent.length.toLocaleString("en")} silent (oldest ${ago(now, oldest ?? null)})`;
  return `hub ok  ${git}${broken ? " FAILING" : ""}  ${count(total, "cluster")}, ${connected.toLocaleString("en")} connected${quiet}  as of ${clock(asOf)}`;
}

const stateNames = [
  "synced",
  "applying",
  "waiting",
  "drifted",
  "failed",
  "paused",
  "unreachable",
] as const satisfies readonly (keyof StateCounts)[];

function stateLine({ rollups }: StatusAnswer): string {
  const { states } = rollups.clusters;
  return stateNames.flatMap((state) => (states[state] ? [`${states[state].toLocaleString("en")} ${state}`] : [])).join("  ");
}

function sourceComplaint(paint: Paint, source: SourceRow, now: number): string {
  const { code = "", message = "", remedy = "", place } = source.error ?? {};
  const effect =
    source.commit === null
      ? "nothing is deployed yet"
      : `last good commit ${shortCommit(source.commit)} of ${ago(now, source.fetchedAt)} ago stays, nothing is deleted`;
  return showComplaint(paint, {
    severity: "error",
    code,
    message: `Source ${source.name}: ${message}`,
    place: showPlace(place),
    effect,
    fix: remedy,
  });
}

/** The table of clusters, shared with `muster clusters`. */
export async function writeClusters(io: Io, rows: readonly ClusterRow[], now: number, wide: boolean): Promise<void> {
  const paint = paintFor(io.stdout, io.env);
  const head = [
    "CLUSTER",
    "STATE",
    "APPS",
    "COMMIT",
    "SINCE",
    ...(wide ? ["SEEN", "GENERATION", "KUBERNETES", "AGENT", "LABELS"] : []),
    "WHY",
  ];
  const lines = rows.map((row) => {
    const { signed, acked } = row.generation;
    const more = [
      row.connected ? "now" : ago(now, row.lastSeen),
      signed === acked ? String(signed) : `${acked}/${signed}`,
      printable(row.kubernetesVersion ?? "-"),
      printable(row.agentVersion ?? "-"),
      labelText(row.labels),
    ];
    return [
      printable(row.name),
      paintState(paint, row.state),
      `${row.apps.synced}/${row.apps.total}`,
      shortCommit(row.commit),
      ago(now, row.since),
      ...(wide ? more : []),
      [...(row.provisional ? ["NotInGit"] : []), whyOf(row.state === "synced", row.reason, row.message)]
        .filter((part) => part !== "")
        .join(" "),
    ];
  });
  await writeTable(io, head, lines);
}

/** Reason and message of what is not as it should be. */
export function whyOf(fine: boolean, reason: string, message: string): string {
  return fine ? "" : `${printable(reason)}${message === "" ? "" : ` ${printable(message)}`}`;
}

export function labelText(labels: { readonly [key: string]: string }): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "-" : printable(pairs.toSorted().join(","), 500);
}

/** The local time of day. */
function clock(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? printable(time) : at.toTimeString().slice(0, 8);
}
