// `muster clusters`, `apps`, `drift` and `held`: one list of the hub each.

import { showApp, showIdentity, type AppKey } from "@muster/proto/model/identity";
import { printable } from "@muster/proto/model/printable";

import type { AppRow, ApproveAnswer, ClusterRow, DriftRow, HeldRow } from "../view/api.ts";
import type { HubClient } from "./client.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, writeTable, type Output } from "./output.ts";
import { ago, count, paintFor, paintState, shortCommit } from "./paint.ts";
import { whyOf, writeClusters } from "./status.ts";

export type Filter = { readonly cluster?: string | undefined; readonly app?: string | undefined };

export async function clusters(io: Io, client: HubClient, output: Output): Promise<Exit> {
  const page = await client.list<ClusterRow>("/clusters");
  if (await writeData(io, output, page)) return exits.ok.code;
  if (page.items.length === 0) io.stderr.write("no clusters yet: muster token create, then start an agent with the token\n");
  else await writeClusters(io, page.items, Date.parse(page.asOf), output === "wide");
  return exits.ok.code;
}

export async function apps(io: Io, client: HubClient, filter: Filter, output: Output): Promise<Exit> {
  const page = await client.list<AppRow>("/apps", filter);
  if (await writeData(io, output, page)) return exits.ok.code;
  if (page.items.length === 0) {
    io.stderr.write("no Apps\n");
    return exits.ok.code;
  }
  const paint = paintFor(io.stdout, io.env);
  const now = Date.parse(page.asOf);
  const wide = output === "wide";
  const show = namesOf(page.items);
  const head = ["APP", "CLUSTER", "STATE", "HEALTH", "OBJECTS", "COMMIT", "SINCE", ...(wide ? ["RELEASE", "FROM"] : []), "WHY"];
  const rows = page.items.map((row) => [
    show(row.app),
    printable(row.cluster),
    paintState(paint, row.state),
    printable(row.health),
    `${row.counts.applied}/${row.counts.total}`,
    shortCommit(row.commit),
    ago(now, row.since),
    ...(wide ? [row.release?.slice(0, 12) ?? "-", row.layers.map(({ layer }) => printable(layer)).join(" < ")] : []),
    whyOf(
      row.state === "synced" && row.provisional !== true,
      row.reason,
      [
        row.message || (row.problems[0] ? `${showIdentity(row.problems[0].identity)}: ${row.problems[0].message}` : ""),
        row.provisional === true ? "provisional: rendered with Helm's defaults until the cluster reports what it has" : "",
      ]
        .filter((part) => part !== "")
        .join("; "),
    ),
  ]);
  await writeTable(io, head, rows);
  return exits.ok.code;
}

/** Exit 3 while some drift is neither healed nor asked for. */
export async function drift(io: Io, client: HubClient, filter: Filter, output: Output): Promise<Exit> {
  const page = await client.list<DriftRow>("/drift", filter);
  const exit = page.items.some(({ healedAt }) => healedAt === null) ? exits.differs.code : exits.ok.code;
  if (await writeData(io, output, page)) return exit;
  if (page.items.length === 0) {
    io.stderr.write("no drift\n");
    return exit;
  }
  const now = Date.parse(page.asOf);
  const wide = output === "wide";
  const show = namesOf(page.items);
  const head = ["CLUSTER", "APP", "OBJECT", "CHANGE", "BY", "SEEN", "HEALED", ...(wide ? ["OPERATION", "CHANGED"] : []), "FIELDS"];
  const rows = page.items.map((row) => [
    printable(row.cluster),
    show(row.app),
    printable(showIdentity(row.identity)),
    row.contested ? `${row.kind}, contested` : row.kind,
    printable(row.manager),
    `${ago(now, row.seenAt)} ago`,
    row.healedAt === null ? "no" : `${ago(now, row.healedAt)} ago`,
    ...(wide ? [printable(row.operation), row.changedAt ?? "-"] : []),
    printable(row.fields.join(" ")),
  ]);
  await writeTable(io, head, rows);
  return exit;
}

export async function held(io: Io, client: HubClient, output: Output): Promise<Exit> {
  const page = await client.list<HeldRow>("/held");
  if (await writeData(io, output, page)) return exits.ok.code;
  if (page.items.length === 0) {
    io.stderr.write("nothing is held\n");
    return exits.ok.code;
  }
  const now = Date.parse(page.asOf);
  const show = namesOf(page.items.flatMap(({ app }) => (app === null ? [] : [{ app }])));
  const rows = page.items.map((row) => [
    printable(row.id),
    row.app === null ? `Source ${printable(row.source ?? "")}` : show(row.app),
    printable(
      row.clusters.length > 3 ? `${row.clusters.slice(0, 3).join(",")} and ${row.clusters.length - 3} more` : row.clusters.join(","),
    ),
    printable(row.guards.join(",")),
    ago(now, row.since),
    printable(objectsText(row, output === "wide"), 2_000),
  ]);
  await writeTable(io, ["ID", "APP", "CLUSTERS", "GUARD", "SINCE", "DELETES"], rows);
  io.stderr.write("approve one with: muster approve ID --reason TEXT\n");
  return exits.ok.code;
}

export async function approve(io: Io, client: HubClient, id: string, reason: string, output: Output): Promise<Exit> {
  const answer = await client.post<ApproveAnswer>(`/held/${encodeURIComponent(id)}/approve`, { reason });
  if (await writeData(io, output, answer)) return exits.ok.code;
  const where = answer.clusters.length === 0 ? "" : ` on ${count(answer.clusters.length, "cluster")}`;
  io.stdout.write(`approved ${printable(answer.id)}${where}\n`);
  return exits.ok.code;
}

const shownMax = 3;

function objectsText({ deletes, message }: HeldRow, all: boolean): string {
  if (deletes.length === 0) return message;
  const shown = all ? deletes : deletes.slice(0, shownMax);
  const rest = deletes.length - shown.length;
  return `${shown.map(showIdentity).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}${message === "" ? "" : `; ${message}`}`;
}

/** Shows an App by the shortest name that is unique in the list. */
function namesOf(rows: readonly { readonly app: AppKey }[]): (app: AppKey) => string {
  const keys = new Set(rows.map(({ app }) => app));
  return (app) => printable(showApp(app, keys));
}
