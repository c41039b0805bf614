// `muster preview`: what a revision would do. Deletes are on top, equal clusters on one line. Exit 3 when anything would change.

import { randomBytes } from "node:crypto";

import { printable } from "@muster/proto/model/printable";

import { offlineGround } from "../control/asking/offline-ground.ts";
import { Pairs } from "../control/asking/pairs.ts";
import { heldOf, manifestsOf, preview } from "../control/asking/preview.ts";
import { spellWith } from "../control/asking/spell.ts";
import type { PreviewAnswer, PreviewChange } from "../view/questions.ts";
import type { HubClient } from "./client.ts";
import { namesOf, showFields, showObjects, tellCut } from "./diff.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { offlineQuery, type FleetFlags } from "./offline.ts";
import { writeData, type Output } from "./output.ts";
import { complaintOfProblem, count, paintFor, shortCommit, showComplaint, type Paint } from "./paint.ts";

type Form = { readonly output: Output; readonly lines: boolean };

export async function previewHub(
  io: Io,
  client: HubClient,
  query: { readonly revision: string; readonly source?: string },
  form: Form,
): Promise<Exit> {
  return show(io, await client.get<PreviewAnswer>("/preview", query), form);
}

/** Compares two revisions of a repository as if the one were all released. */
export async function previewRepo(
  io: Io,
  place: Omit<FleetFlags, "revision">,
  { revision, against }: { readonly revision: string; readonly against: string },
  form: Form,
): Promise<Exit> {
  await using before = await offlineGround(offlineQuery(io, { ...place, revision: against }, null), io.signal);
  await using after = await offlineGround(offlineQuery(io, { ...place, revision }, null), io.signal);
  const seen = preview({
    after,
    held: heldOf(before.resolution),
    problemsNow: before.problems,
    manifestOf: manifestsOf(before.objectsOf, after.objectsOf),
    approvals: new Set(),
    pairs: new Pairs(before.objectsOf, after.objectsOf, spellWith(randomBytes(32))),
    now: Date.now(),
  });
  return show(io, { source: "root", revision, commit: after.commit ?? "", against: before.commit, ...seen }, form);
}

async function show(io: Io, answer: PreviewAnswer, { output, lines }: Form): Promise<Exit> {
  const { rows, clusters, counts, problems, solved, commit, against, revision, cut } = answer;
  const broken = problems.some(({ severity }) => severity === "error");
  const exit = broken ? exits.failed.code : rows.length > 0 ? exits.differs.code : exits.ok.code;
  if (await writeData(io, output, answer)) return exit;
  const paint = paintFor(io.stdout, io.env);
  io.stdout.write(
    `${printable(revision)} ${shortCommit(commit)} beside ${shortCommit(against)}: ${count(clusters.changed, "cluster")} of ${clusters.total} would change\n`,
  );
  io.stdout.write(
    `objects: ${paint.red(`${counts.deleted} deleted`)}, ${counts.added} added, ${counts.changed} changed; ${counts.held} held by guards\n`,
  );
  for (const problem of problems) io.stdout.write(showComplaint(paint, complaintOfProblem(problem)));
  if (solved.length > 0) io.stdout.write(`${count(solved.length, "problem")} of now would be solved\n`);
  for (const { clusters: names, changes } of rows) {
    io.stdout.write(`\n${paint.bold(namesOf(names))}\n`);
    for (const change of changes) showChange(io, paint, change, lines);
  }
  tellCut(io, cut);
  return exit;
}

const words = {
  added: "added",
  changed: "changed",
  removed: "removed, with its objects",
  released: "let go, its objects stay",
} as const satisfies Record<PreviewChange["kind"], string>;

function showChange(io: Io, paint: Paint, { app, kind, objects, policy, held, reason }: PreviewChange, lines: boolean): void {
  const why = reason === "" ? "" : `  stays as it is: ${printable(reason)}`;
  const guards = held.length === 0 ? "" : `  ${paint.yellow(`HELD by ${printable(held.join(", "))}`)}`;
  io.stdout.write(` ${printable(app)}  ${reason === "" ? words[kind] : ""}${why}${guards}\n`);
  showFields(io, "policy", policy);
  showObjects(io, paint, objects, lines);
}
