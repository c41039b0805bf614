// `muster resolve` and `render`: what the hub would make of a repository, without a hub.

import { resolve as resolvePath } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { isCalled, showApp, type AppKey, type ClusterName } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";

import { readFleetOffline, type OfflineFleet, type OfflineQuery } from "../control/offline.ts";
import type { Problem } from "../view/api.ts";
import { exits, usageError, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, writeTable, yamlOf, type Output } from "./output.ts";
import { complaintOfProblem, paintFor, showComplaint } from "./paint.ts";

export type FleetFlags = {
  readonly repo: string;
  readonly revision?: string | undefined;
  readonly path?: string | undefined;
  readonly clusters?: string | undefined;
};
export type SelectFlags = { readonly cluster?: string | undefined; readonly all?: boolean | undefined; readonly app?: string | undefined };

type Placed = OfflineFleet["resolution"]["placements"] extends { all(): Iterable<infer One> } ? One : never;

/** Exit 8 when something of what was asked for cannot be resolved or rendered. */
export async function resolve(io: Io, flags: FleetFlags & SelectFlags, output: Output): Promise<Exit> {
  const fleet = await readFleet(io, flags, true);
  const { clusters, app } = chosen(fleet, flags);
  const placements: Placed[] = [];
  for (const each of fleet.resolution.placements.all()) {
    if (!clusters.has(each.cluster) || (app !== null && each.app !== app)) continue;
    const places = await Promise.all(each.layers.map((layer) => fleet.placeOf(layer)));
    placements.push({ ...each, layers: each.layers.map(({ from, place }, index) => ({ from, place: places[index] ?? place })) });
  }
  const problems = problemsOf(fleet, clusters, app);
  if (!(await writeData(io, output, { commit: fleet.commit, placements, problems }))) {
    const keys = new Set(fleet.resolution.apps.map(({ key }) => key));
    const rows = placements.map(({ app: key, cluster, release, policy, layers }) => [
      printable(showApp(key, keys)),
      printable(cluster),
      release?.slice(0, 12) ?? "-",
      printable(policy.namespace ?? "-"),
      layers.map(({ from, place }) => printable(`${from} ${place.path}:${place.line}`)).join(" < "),
    ]);
    if (rows.length > 0) await writeTable(io, ["APP", "CLUSTER", "RELEASE", "NAMESPACE", "LAYERS"], rows);
    else io.stderr.write("no Placements\n");
  }
  return complain(io, problems) ? exits.partly.code : exits.ok.code;
}

/** Exit 8 when an App is missing from what was printed, 1 when nothing could be printed at all. */
export async function render(io: Io, flags: FleetFlags & SelectFlags, output: Output): Promise<Exit> {
  const fleet = await readFleet(io, flags, false);
  const { clusters, app } = chosen(fleet, flags);
  const documents = documentsOf(fleet, clusters, app);
  let printed = 0;
  if (output === "json") {
    const items = [...documents];
    printed = items.length;
    await writeData(io, output, { commit: fleet.commit, items });
  } else {
    for (const document of documents) {
      const where = flags.all ? `# cluster: ${document.cluster}\n` : "";
      io.stdout.write(`---\n${where}# app: ${document.app}\n${await yamlOf(inReadingOrder(document.object))}`);
      printed += 1;
    }
  }
  if (!complain(io, problemsOf(fleet, clusters, app))) return exits.ok.code;
  return printed === 0 ? exits.failed.code : exits.partly.code;
}

async function readFleet(io: Io, flags: FleetFlags & SelectFlags, allIsDefault: boolean): Promise<OfflineFleet> {
  const { cluster, all } = flags;
  if (cluster !== undefined && all) throw usageError("--cluster and --all are given", "choose one of them");
  if (cluster === undefined && !all && !allIsDefault) throw usageError("which cluster?", "give --cluster NAME, or --all");
  return readFleetOffline(offlineQuery(io, flags, cluster ?? null), io.signal);
}

/** What is to be read, paths as seen from the working directory. */
export function offlineQuery(io: Io, { repo, revision, path, clusters }: FleetFlags, cluster: string | null): OfflineQuery {
  return {
    repo: resolvePath(io.cwd, repo),
    revision: revision ?? null,
    path: path ?? "",
    clusters: clusters === undefined ? null : resolvePath(io.cwd, clusters),
    cluster,
  };
}

type Chosen = { readonly clusters: ReadonlySet<ClusterName>; readonly app: AppKey | null };

function chosen({ resolution }: OfflineFleet, { cluster, app }: SelectFlags): Chosen {
  const names = resolution.clusters.map(({ name }) => name);
  const keys = resolution.apps.map(({ key }) => key);
  return {
    clusters: new Set(names.filter((name) => cluster === undefined || name === cluster)),
    app: app === undefined ? null : appNamed(app, keys),
  };
}

/** An App by its key, or by any end of it that is unique. */
function appNamed(name: string, keys: readonly AppKey[]): AppKey {
  const found = keys.filter((key) => isCalled(key, name));
  const [only] = found;
  if (only === undefined)
    throw absent(
      `there is no App ${name}`,
      keys.map((key) => showApp(key, keys)),
    );
  if (found.length > 1) throw usageError(`several Apps are called ${name}`, `say which: ${found.join(", ")}`);
  return only;
}

const namesMax = 12;

function absent(message: string, names: readonly string[]): OperationError {
  const shown = names.slice(0, namesMax).join(", ") + (names.length > namesMax ? ", ..." : "");
  const remedy = names.length === 0 ? "the repository declares none" : `there are: ${shown}`;
  return new OperationError("notFound", "fleet", message, undefined, { code: "E_NOT_FOUND", remedy });
}

type Document = { readonly app: AppKey; readonly cluster: ClusterName; readonly object: JsonObject };

/** By cluster, App and identity. */
function* documentsOf(fleet: OfflineFleet, clusters: ReadonlySet<ClusterName>, app: AppKey | null): Generator<Document> {
  for (const { name } of fleet.resolution.clusters) {
    if (!clusters.has(name)) continue;
    for (const placement of fleet.resolution.placements.at(name)) {
      if (placement.release === null || (app !== null && placement.app !== app)) continue;
      for (const { object } of fleet.objectsOf(placement.release)) yield { app: placement.app, cluster: name, object };
    }
  }
}

function inReadingOrder({ apiVersion, kind, metadata, ...rest }: JsonObject): JsonObject {
  return {
    ...(apiVersion !== undefined && { apiVersion }),
    ...(kind !== undefined && { kind }),
    ...(metadata !== undefined && { metadata }),
    ...rest,
  };
}

/** The problems that touch what was asked for. */
function problemsOf({ problems, resolution }: OfflineFleet, clusters: ReadonlySet<ClusterName>, app: AppKey | null): readonly Problem[] {
  const asked = [...resolution.placements.all()].filter((placement) => clusters.has(placement.cluster));
  const fine = new Set(
    Map.groupBy(asked, ({ app: key }) => `App ${key}`)
      .entries()
      .flatMap(([subject, own]) => (own.every(({ release }) => release !== null) ? [subject] : [])),
  );
  return problems.filter(({ cluster, subject, severity }) => {
    if (cluster !== undefined && !clusters.has(cluster)) return false;
    if (app !== null && subject !== `App ${app}`) return false;
    return severity === "warning" || cluster !== undefined || subject === undefined || !fine.has(subject);
  });
}

/** Writes problems to standard error; true when there is an error among them. */
function complain(io: Io, problems: readonly Problem[]): boolean {
  const paint = paintFor(io.stderr, io.env);
  for (const problem of problems) io.stderr.write(showComplaint(paint, complaintOfProblem(problem)));
  return problems.some(({ severity }) => severity === "error");
}
