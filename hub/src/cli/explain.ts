// `muster explain`.

import { randomBytes } from "node:crypto";

import { showIdentity } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";

import { explain, type ExplainQuery } from "../control/asking/explain.ts";
import { offlineGround } from "../control/asking/offline-ground.ts";
import { spellWith } from "../control/asking/spell.ts";
import type { ExplainAnswer, SaidRow, SettingRow } from "../view/questions.ts";
import type { HubClient } from "./client.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { offlineQuery, type FleetFlags } from "./offline.ts";
import { writeData, writeTable, type Output } from "./output.ts";
import { ago, paintFor, shortCommit, showPlace, type Paint } from "./paint.ts";

export async function explainHub(io: Io, client: HubClient, query: ExplainQuery, output: Output): Promise<Exit> {
  const { app, cluster, path, object, all } = query;
  return show(
    io,
    await client.get<ExplainAnswer>("/explain", { app, cluster, path, object, all: all === true ? "true" : undefined }),
    output,
  );
}

export async function explainRepo(io: Io, flags: FleetFlags, query: ExplainQuery, output: Output): Promise<Exit> {
  await using ground = await offlineGround(offlineQuery(io, flags, null), io.signal);
  return show(io, await explain(ground, query, spellWith(randomBytes(32)), io.signal), output);
}

async function show(io: Io, answer: ExplainAnswer, output: Output): Promise<Exit> {
  if (await writeData(io, output, answer)) return exits.ok.code;
  const paint = paintFor(io.stdout, io.env);
  const commit = answer.commit === null ? "" : `  commit ${shortCommit(answer.commit)}`;
  io.stdout.write(`${paint.bold(printable(answer.app))} on ${printable(answer.cluster)}${commit}\n`);
  for (const setting of answer.settings) await showSetting(io, paint, setting, "");
  for (const { identity, path, value, place, transformers, movedBy, tried } of answer.fields) {
    const from = place === null ? "" : `  ${paint.cyan(printable(showPlace(place) ?? ""))}`;
    io.stdout.write(`\n${paint.bold(printable(showIdentity(identity)))}  ${printable(path)} = ${textOf(value)}${from}\n`);
    for (const { kind, place: at } of transformers) io.stdout.write(printable(`  changed by ${kind}  ${showPlace(at) ?? ""}`).concat("\n"));
    for (const setting of movedBy) await showSetting(io, paint, setting, "moved by ");
    const partly = tried.count < tried.of ? ` (${tried.count} of ${tried.of} inputs were tried)` : "";
    if (movedBy.length === 0) io.stdout.write(`  no setting moves it${partly}: it stands in the template or manifest itself\n`);
    else if (partly !== "") io.stderr.write(`not all inputs were tried${partly}\n`);
  }
  if (answer.settings.length + answer.fields.length === 0) io.stderr.write("nobody set anything: --all shows the defaults\n");
  return exits.ok.code;
}

/** The winner first. */
async function showSetting(io: Io, paint: Paint, { path, value, said }: SettingRow, before: string): Promise<void> {
  io.stdout.write(`\n${before}${paint.bold(printable(path))} = ${textOf(value)}\n`);
  const rows = said
    .toReversed()
    .map((row, i) => [
      i === 0 ? paint.green("  won") : paint.dim("  lost"),
      printable(row.layer),
      textOf(row.value),
      printable(row.place === null ? "-" : (showPlace(row.place) ?? "-")),
      changedText(row),
      takenText(row),
    ]);
  await writeTable(io, ["", "LAYER", "VALUE", "WHERE", "CHANGED", "TOOK"], rows);
}

function changedText({ changed }: SaidRow): string {
  return changed === null
    ? "-"
    : printable(`${changed.commit.slice(0, 7)} ${changed.author}, ${ago(Date.now(), changed.at)} ago: ${changed.subject}`);
}

function takenText({ taken }: SaidRow): string {
  return taken
    .map(({ ref, value, place }) => printable(`${ref} = ${JSON.stringify(value)}${place === null ? "" : ` (${showPlace(place)})`}`))
    .join(", ");
}

const textOf = (value: JsonValue): string => printable(JSON.stringify(value), 300);
