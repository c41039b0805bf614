// `muster diff`: what Git wants beside what is released, and two environments side by side. Exit 3 when there are differences.

import { randomBytes } from "node:crypto";

import { showIdentity, type ClusterName } from "@muster/proto/model/identity";
import { printable } from "@muster/proto/model/printable";

import { between } from "../control/asking/between.ts";
import { appNamed } from "../control/asking/ground.ts";
import { offlineGround } from "../control/asking/offline-ground.ts";
import { Pairs } from "../control/asking/pairs.ts";
import { spellWith } from "../control/asking/spell.ts";
import type { Cut, DiffAnswer, FieldChange, ObjectChange, ParityAnswer } from "../view/questions.ts";
import type { HubClient } from "./client.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { offlineQuery, type FleetFlags } from "./offline.ts";
import { writeData, type Output } from "./output.ts";
import { count, paintFor, type Paint } from "./paint.ts";

export type DiffQuery = { readonly app?: string; readonly cluster?: string };
export type ParityQuery = { readonly left: string; readonly right: string; readonly app?: string };

export async function diffHub(io: Io, client: HubClient, query: DiffQuery, output: Output): Promise<Exit> {
  const answer = await client.get<DiffAnswer>("/diff", query);
  const exit = answer.items.length > 0 ? exits.differs.code : exits.ok.code;
  if (await writeData(io, output, answer)) return exit;
  const paint = paintFor(io.stdout, io.env);
  for (const { app, clusters, from, to, reason, objects, policy } of answer.items) {
    const move = `${from?.slice(0, 12) ?? "nothing"} -> ${to?.slice(0, 12) ?? "nothing"}`;
    io.stdout.write(`${paint.bold(printable(app))}  ${namesOf(clusters)}  ${move}\n`);
    if (reason !== "") io.stdout.write(`  ${paint.yellow(printable(reason, 400))}\n`);
    showFields(io, "policy", policy);
    showObjects(io, paint, objects, true);
  }
  const { items, cut, equal } = answer;
  io.stderr.write(`${count(items.length + cut.rows, "difference")}, ${count(equal, "Placement")} as Git wants them\n`);
  tellCut(io, cut);
  return exit;
}

/** What an answer leaves out, where it does. */
export function tellCut(io: Io, { rows, objects, lines }: Cut): void {
  const left = [rows > 0 && count(rows, "row"), objects > 0 && count(objects, "object"), lines > 0 && count(lines, "line")];
  const told = left.filter((each) => each !== false);
  if (told.length > 0) io.stderr.write(`not shown, since it is too much: ${told.join(", ")}\n`);
}

export async function parityHub(io: Io, client: HubClient, query: ParityQuery, output: Output): Promise<Exit> {
  return showParity(io, await client.get<ParityAnswer>("/parity", query), output);
}

export async function parityRepo(io: Io, flags: FleetFlags, { left, right, app }: ParityQuery, output: Output): Promise<Exit> {
  await using ground = await offlineGround(offlineQuery(io, flags, null), io.signal);
  const spell = spellWith(randomBytes(32));
  const keys = ground.resolution.apps.map(({ key }) => key);
  const only = app === undefined ? null : appNamed(app, keys);
  const pairs = new Pairs(ground.objectsOf, ground.objectsOf, spell);
  return showParity(
    io,
    between(ground, left, right, (key) => only === null || key === only, pairs, spell),
    output,
  );
}

async function showParity(io: Io, answer: ParityAnswer, output: Output): Promise<Exit> {
  const differing = answer.items.filter(({ side }) => side !== "equal");
  const exit = differing.length > 0 ? exits.differs.code : exits.ok.code;
  if (await writeData(io, output, answer)) return exit;
  const paint = paintFor(io.stdout, io.env);
  const [left, right] = [answer.left, answer.right].map(({ name, clusters }) => `${printable(name)} (${namesOf(clusters)})`);
  io.stdout.write(`${left} beside ${right}\n`);
  for (const { app, side, left: here, right: there, images, settings, objects } of differing) {
    if (side !== "differs")
      io.stdout.write(`${paint.bold(printable(app))}  only in ${printable(side === "left" ? answer.left.name : answer.right.name)}\n`);
    else {
      io.stdout.write(`${paint.bold(printable(app))}  differs: ${namesOf(here)} beside ${namesOf(there)}\n`);
      showFields(io, "images", images);
      showFields(io, "settings", settings);
      showObjects(io, paint, objects, true);
    }
  }
  const equal = answer.items.filter(({ side }) => side === "equal").map(({ app }) => printable(app));
  if (equal.length > 0) io.stdout.write(`equal: ${equal.join(", ")}\n`);
  return exit;
}

const namesMax = 4;

/** `berlin, oslo and 998 more`. `total`: where the list is only the first of them. */
export function namesOf(clusters: readonly ClusterName[], total = clusters.length): string {
  const shown = clusters.slice(0, namesMax).map((name) => printable(name));
  return total > namesMax ? `${shown.join(", ")} and ${total - shown.length} more` : shown.join(", ");
}

export function showFields(io: Io, title: string, fields: readonly FieldChange[]): void {
  for (const { path, from, to } of fields) {
    const [was, is] = [from, to].map((value) => (value === undefined ? "-" : JSON.stringify(value)));
    io.stdout.write(printable(`  ${title} ${path}: ${was} -> ${is}`, 600).concat("\n"));
  }
}

const signs = { added: "+", deleted: "-", changed: "~" } as const satisfies Record<ObjectChange["kind"], string>;

export function showObjects(io: Io, paint: Paint, objects: readonly ObjectChange[], lines: boolean): void {
  for (const { kind, identity, fields, lines: unified } of objects) {
    const colour = kind === "deleted" ? paint.red : kind === "added" ? paint.green : paint.yellow;
    const few = kind === "changed" && !lines ? `  ${printable(fields.map(({ path }) => path).join(" "), 300)}` : "";
    io.stdout.write(`  ${colour(`${signs[kind]} ${kind}`)} ${printable(showIdentity(identity))}${few}\n`);
    if (!lines || kind === "deleted") continue;
    for (const line of unified) io.stdout.write(`    ${lineColour(paint, line)(printable(line, 2_000))}\n`);
  }
}

function lineColour(paint: Paint, line: string): (text: string) => string {
  if (line.startsWith("+")) return paint.green;
  if (line.startsWith("-")) return paint.red;
  return line.startsWith("@@") ? paint.cyan : String;
}
