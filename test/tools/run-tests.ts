// Collects test files and runs them in one `node --test`, so that the counts at its end are those of everything.
// usage: run-tests.ts unit | all [options of node --test]
// `unit` needs no cluster: every *.test.ts beside the sources but *.cluster.test.ts. `all` adds those that start control planes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const FOLDERS = ["proto/src", "hub/src", "agent/src", "test"];

/** Tests here start control planes, and so do those whose name says it. */
const CLUSTERS = ["test/controlplane/", "test/e2e/", "test/faults/"];

/** A test that hangs must not hang a build for ever; no test comes near these. */
const TIMEOUT_MS = { unit: 300_000, all: 900_000 } as const;

/** Control planes take the machine's memory and its two cores: one file at a time. */
const CONCURRENCY = { unit: [], all: ["--test-concurrency=1"] } as const;

/** More files than these at once are no accident. */
const AGAIN_MAX = 3;

const [kind, ...options] = process.argv.slice(2);
if (kind !== "unit" && kind !== "all") throw new Error("usage: run-tests.ts unit | all [options of node --test]");

const found = await testFiles();
const needsCluster = (file: string): boolean => file.endsWith(".cluster.test.ts") || CLUSTERS.some((folder) => file.startsWith(folder));
const plain = found.filter((file) => !needsCluster(file));
const withCluster = found.filter(needsCluster);
for (const [name, files] of Object.entries(kind === "unit" ? { plain } : { plain, withCluster })) {
  if (files.length === 0) throw new Error(`found no ${name} test file; a run without tests proves nothing`);
}

const files = kind === "unit" ? plain : [...plain, ...withCluster];
const failed = await run(files);
if (failed.length > 0 && failed.length <= AGAIN_MAX && kind === "all") {
  // Real processes on a machine that others use too: one that was starved or killed is tried once more, alone, and told by name.
  console.log(`\nfailed at first, run once more: ${failed.join(", ")}\n`);
  await run(failed);
}

/** Runs files; those in which something failed. The exit code is that of the last run. */
async function run(chosen: readonly string[]): Promise<readonly string[]> {
  const told = join(await mkdtemp(join(tmpdir(), "muster-tests-")), "failed");
  const reporters = [
    ["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ["--test-reporter=./test/tools/failed-files.ts", `--test-reporter-destination=${told}`],
  ].flat();
  const args = [
    "--test",
    `--test-timeout=${TIMEOUT_MS[kind as "unit" | "all"]}`,
    ...CONCURRENCY[kind as "unit" | "all"],
    ...reporters,
    ...options,
    ...chosen,
  ];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "close")) as [number | null];
  process.exitCode = code ?? 1;
  const lines = (await readFile(told, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  await rm(dirname(told), { recursive: true, force: true });
  return [...new Set(lines.map((line) => relative(ROOT, resolve(ROOT, line))))];
}

async function testFiles(): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob(
    FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: ROOT, exclude: ["**/node_modules/**"] },
  ))
    files.push(file);
  return files.toSorted();
}
