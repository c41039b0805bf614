// `muster where` and `muster why-changed`: what the record says.

import { printable } from "@muster/proto/model/printable";

import type { WhereAnswer, WhyAnswer, WhyRow } from "../view/questions.ts";
import type { HubClient } from "./client.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, writeTable, type Output } from "./output.ts";
import { ago, count, paintFor, shortCommit } from "./paint.ts";

/** Exit 5 when it is nowhere. */
export async function where(io: Io, client: HubClient, what: string, output: Output): Promise<Exit> {
  const answer = await client.get<WhereAnswer>("/where", { what });
  const exit = answer.items.length === 0 ? exits.absent.code : exits.ok.code;
  if (await writeData(io, output, answer)) return exit;
  if (answer.items.length > 0) {
    const head = ["CLUSTER", "APP", "STATE", "RELEASE", "COMMIT", "FOUND"];
    const rows = answer.items.map(({ cluster, app, state, release, commit, found }) => [
      printable(cluster),
      printable(app),
      state,
      release.slice(0, 12),
      shortCommit(commit),
      printable(answer.as === "image" ? found : found.slice(0, 12)),
    ]);
    await writeTable(io, head, rows);
  }
  io.stderr.write(`${summary(answer)}\n`);
  return exit;
}

function summary({ as, items, history, what }: WhereAnswer): string {
  const states = (["runs", "released", "waits"] as const).map(
    (state) => `${state} on ${count(new Set(items.flatMap((row) => (row.state === state ? row.cluster : []))).size, "cluster")}`,
  );
  const found = items.length === 0 ? `${as} ${printable(what)} is nowhere` : `${as}: ${states.join(", ")}`;
  const bounds =
    history === null || history.complete
      ? ""
      : `; the hub knows ${count(history.commits, "commit")} of history, so older ones are found exactly only`;
  return `${found}${bounds}`;
}

export async function whyChanged(
  io: Io,
  client: HubClient,
  query: { readonly cluster: string; readonly app?: string },
  output: Output,
): Promise<Exit> {
  const answer = await client.get<WhyAnswer>("/why-changed", query);
  if (await writeData(io, output, answer)) return exits.ok.code;
  if (answer.items.length === 0) io.stderr.write(`nothing has changed on ${printable(answer.cluster)} that the hub remembers\n`);
  for (const row of answer.items) showWhy(io, row);
  return exits.ok.code;
}

function showWhy(io: Io, { app, at, generation, from, to, causes, commits, complete, counts }: WhyRow): void {
  const paint = paintFor(io.stdout, io.env);
  const move = `${from.release?.slice(0, 12) ?? "nothing"} -> ${to.release?.slice(0, 12) ?? "nothing"}`;
  io.stdout.write(`${paint.bold(printable(app))}  ${move}  ${ago(Date.now(), at)} ago, generation ${generation}\n`);
  if (counts !== null) io.stdout.write(`  objects: ${counts.added} added, ${counts.changed} changed, ${counts.deleted} deleted\n`);
  for (const { kind, detail, paths } of causes) {
    io.stdout.write(
      `  ${paint.yellow(kind)}  ${printable(detail, 400)}${paths.length === 0 ? "" : `: ${printable(paths.join(" "), 600)}`}\n`,
    );
  }
  for (const { commit, author, at: when, subject } of commits) {
    io.stdout.write(`  ${paint.cyan(shortCommit(commit))} ${printable(author)}, ${ago(Date.now(), when)} ago: ${printable(subject)}\n`);
  }
  if (!complete) io.stdout.write("  the commits before these are not at hand\n");
}
