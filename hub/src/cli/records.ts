// `muster where` and `muster why-changed`: what the record says.

import { printable } from "@muster/proto/model/printable";

import type { WhereAnswer, WhyAnswer, WhyRow } from "../view/questions.ts";
import type { HubClient } from "./client.ts";
import { namesOf } from "./diff.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, writeTable, type Output } from "./output.ts";
import { ago, count, paintFor, shortCommit } from "./paint.ts";

const rootSource = "root";

/** Exit 5 when it is nowhere. */
export async function where(io: Io, client: HubClient, what: string, after: string | undefined, output: Output): Promise<Exit> {
  const answer = await client.get<WhereAnswer>("/where", { what, after });
  const exit = answer.total === 0 ? exits.absent.code : exits.ok.code;
  if (await writeData(io, output, answer)) return exit;
  if (answer.items.length > 0) {
    const head = ["APP", "STATE", "CLUSTERS", "RELEASE", "COMMIT", "FOUND"];
    const rows = answer.items.map(({ clusters, clusterCount, app, state, release, commit, source, found }) => [
      printable(app),
      state,
      namesOf(clusters, clusterCount),
      release.slice(0, 12),
      versionOf(commit, source),
      printable(answer.as === "image" ? found : found.slice(0, 12)),
    ]);
    await writeTable(io, head, rows);
  }
  io.stderr.write(`${summary(answer)}\n`);
  tellRest(io, answer);
  return exit;
}

/** A commit or a version; of another content than the root Source with its name. */
function versionOf(commit: string | null, source: string | null): string {
  const short = commit !== null && /^[0-9a-f]{40}$/.test(commit) ? shortCommit(commit) : printable(commit?.split("@sha256:")[0] ?? "-");
  return source === null || source === rootSource ? short : `${printable(source)} ${short}`;
}

function tellRest(io: Io, { total, items, next }: Pick<WhereAnswer, "total" | "next"> & { readonly items: readonly unknown[] }): void {
  if (next !== null) io.stderr.write(`${count(items.length, "row")} of ${total}; go on with --after ${next}\n`);
}

function summary({ as, states, total, history, what, unseen }: WhereAnswer): string {
  const told = (["runs", "released", "waits"] as const).map((state) => `${state} on ${count(states[state], "cluster")}`);
  const found = total === 0 ? `${as} ${printable(what)} is nowhere` : `${as}: ${told.join(", ")}`;
  const bounds =
    history === null || history.complete
      ? ""
      : `; the hub knows ${count(history.commits, "commit")} of history, so older ones are found exactly only`;
  return `${found}${bounds}${unseen === 0 ? "" : `; ${count(unseen, "Release")} were not looked into`}`;
}

export async function whyChanged(
  io: Io,
  client: HubClient,
  query: { readonly what: string; readonly app?: string; readonly after?: string },
  output: Output,
): Promise<Exit> {
  const answer = await client.get<WhyAnswer>("/why-changed", query);
  if (await writeData(io, output, answer)) return exits.ok.code;
  const { cluster, app, items } = answer;
  if (items.length === 0)
    io.stderr.write(
      `nothing has changed ${cluster === null ? `of ${printable(app ?? "")}` : `on ${printable(cluster)}`} that the hub remembers\n`,
    );
  for (const row of items) showWhy(io, row, cluster === null);
  tellRest(io, answer);
  return exits.ok.code;
}

function showWhy(io: Io, row: WhyRow, everywhere: boolean): void {
  const { app, clusters, clusterCount, at, generation, from, to, sources, causes, commits, complete, counts } = row;
  const paint = paintFor(io.stdout, io.env);
  const move = `${from.release?.slice(0, 12) ?? "nothing"} -> ${to.release?.slice(0, 12) ?? "nothing"}`;
  const where = everywhere ? `on ${namesOf(clusters, clusterCount)}` : `generation ${generation}`;
  io.stdout.write(`${paint.bold(printable(app))}  ${move}  ${ago(Date.now(), at)} ago, ${where}\n`);
  if (counts !== null) io.stdout.write(`  objects: ${counts.added} added, ${counts.changed} changed, ${counts.deleted} deleted\n`);
  for (const { kind, detail, paths } of causes) {
    io.stdout.write(
      `  ${paint.yellow(kind)}  ${printable(detail, 400)}${paths.length === 0 ? "" : `: ${printable(paths.join(" "), 600)}`}\n`,
    );
  }
  for (const { source, from: was, to: is } of sources)
    if (source !== rootSource) io.stdout.write(`  ${printable(source)}: ${versionOf(was, null)} -> ${versionOf(is, null)}\n`);
  for (const { commit, author, at: when, subject, source } of commits) {
    const name = paint.cyan(versionOf(commit, source));
    io.stdout.write(`  ${name} ${printable(author)}, ${ago(Date.now(), when)} ago: ${printable(subject)}\n`);
  }
  if (!complete) io.stdout.write("  the commits before these are not at hand\n");
}
