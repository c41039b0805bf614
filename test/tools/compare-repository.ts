// Renders everything in a repository with Muster and with the native helm and kustomize, and tells every difference. For a person who wants
// to know whether Muster reads their repository as their tools do; changes nothing there.
// usage: compare-repository.ts DIR [--only TEXT]      DIR: a work tree, a bare repository (its HEAD), or a folder
// Exit 1 when something differs, or when only one side can render.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

import { readFleetOffline, type OfflineFleet } from "@muster/hub/control/offline";
import type { JsonObject } from "@muster/proto/model/json";
import { candidatesIn, nameOf, type Candidate } from "./compare/candidates.ts";
import { differencesOf } from "./compare/differences.ts";
import { demo, nativeOutcome, type Outcome } from "./compare/native.ts";

const run = promisify(execFile);
const fleetFolder = "muster-compare";
const differencesMax = 20;

export type Compared = {
  readonly name: string;
  readonly verdict: "same" | "differs" | "only native renders" | "only Muster renders" | "neither renders";
  readonly objects: number;
  readonly details: readonly string[];
};

/** Compares everything in a repository whose name holds `only`. */
export async function compareRepository(dir: string, only: string): Promise<readonly Compared[]> {
  const scratch = await mkdtemp(join(tmpdir(), "muster-compare-"));
  try {
    await copyFiles(dir, scratch);
    const candidates = (await candidatesIn(scratch)).filter((candidate) => nameOf(candidate).includes(only));
    const natives: Twice[] = [];
    for (const candidate of candidates) natives.push([await nativeOutcome(scratch, candidate), await nativeOutcome(scratch, candidate)]);
    await mkdir(join(scratch, fleetFolder));
    await writeFile(join(scratch, fleetFolder, "fleet.yaml"), fleetText(candidates));
    const fleet = await readFleetOffline(
      { repo: scratch, revision: null, path: fleetFolder, clusters: null, cluster: null },
      new AbortController().signal,
    );
    return candidates.map((candidate, index) => compare(candidate, outcomeOf(fleet, index), natives[index] ?? [neverRun, neverRun]));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What a chart draws at random differs between two runs, and is no difference between programs. */
type Twice = readonly [Outcome, Outcome];

const neverRun: Outcome = { kind: "failed", message: "it was not run" };

/** Files as they are committed; of a folder that is no repository, as they lie there. Throws when a commit is not all there. */
async function copyFiles(dir: string, to: string): Promise<void> {
  const isRepository = await run("git", ["-C", dir, "rev-parse", "--verify", "HEAD"]).then(
    () => true,
    () => false,
  );
  if (!isRepository) return cp(dir, to, { recursive: true, verbatimSymlinks: true });
  const archive = join(to, ".archive.tar");
  await run("git", ["-C", dir, "archive", "--output", archive, "HEAD"]);
  await run("tar", ["-xf", archive, "-C", to]);
  await rm(archive);
}

const appName = (index: number): string => `a-${index}`;

function fleetText(candidates: readonly Candidate[]): string {
  const head = { apiVersion: "muster.dev/v1alpha1" };
  const apps = candidates.map(({ kind, path, valuesFile }, index) => ({
    ...head,
    kind: "App",
    metadata: { name: appName(index) },
    spec: {
      source: { path },
      namespace: demo.namespace,
      ...(kind === "helm" && { helm: { releaseName: demo.release, ...(valuesFile !== null && { valuesFiles: [valuesFile] }) } }),
      targets: [{ clusters: { matchAll: true } }],
    },
  }));
  const cluster = { ...head, kind: "Cluster", metadata: { name: "one" } };
  // JSON is YAML.
  return [cluster, ...apps].map((document) => JSON.stringify(document)).join("\n---\n");
}

function outcomeOf(fleet: OfflineFleet, index: number): Outcome {
  const key = `default//${appName(index)}`;
  const release = [...fleet.resolution.placements.all()].find(({ app }) => app === key)?.release ?? null;
  if (release !== null) return { kind: "objects", objects: fleet.objectsOf(release).map(({ object }): JsonObject => object) };
  const problems = fleet.problems.filter(({ subject, severity }) => subject === `App ${key}` && severity === "error");
  return { kind: "failed", message: problems.map(({ code, message }) => `${code} ${message}`).join("; ") || "no reason was told" };
}

function compare(candidate: Candidate, ours: Outcome, [native, again]: Twice): Compared {
  const name = `${candidate.kind} ${nameOf(candidate)}`;
  if (ours.kind === "failed" && native.kind === "failed")
    return { name, verdict: "neither renders", objects: 0, details: [`Muster: ${ours.message}`, `native: ${native.message}`] };
  // An empty render is refused on purpose: it is never taken for a wish to delete everything.
  if (ours.kind === "failed" && ours.message.startsWith("E_EMPTY_RENDER") && native.kind === "objects" && native.objects.length === 0)
    return { name, verdict: "same", objects: 0, details: [] };
  if (ours.kind === "failed") return { name, verdict: "only native renders", objects: 0, details: [ours.message] };
  if (native.kind === "failed") return { name, verdict: "only Muster renders", objects: ours.objects.length, details: [native.message] };
  const details = differencesOf(ours.objects, native.objects, again.kind === "objects" ? again.objects : []);
  return { name, verdict: details.length === 0 ? "same" : "differs", objects: ours.objects.length, details };
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
  const [dir] = positionals;
  if (dir === undefined || positionals.length > 1) throw new Error("usage: compare-repository.ts DIR [--only TEXT]");
  const compared = await compareRepository(resolve(dir), values.only ?? "");
  for (const { name, verdict, objects, details } of compared) {
    console.log(`${verdict.padEnd(19)} ${String(objects).padStart(4)} objects  ${name}`);
    for (const detail of details.slice(0, differencesMax)) console.log(`    ${detail}`);
    if (details.length > differencesMax) console.log(`    and ${details.length - differencesMax} more`);
  }
  const fine = compared.filter(({ verdict }) => verdict === "same" || verdict === "neither renders").length;
  console.log(
    `${compared.length} compared: ${compared.filter(({ verdict }) => verdict === "same").length} the same, ${compared.length - fine} not`,
  );
  process.exitCode = fine === compared.length && compared.length > 0 ? 0 : 1;
}
