// Collects test files and runs them in one `node --test`, so that the counts at its end are those of everything.
// usage: run-tests.ts unit | all [options of node --test]
// `unit` needs no cluster: every *.test.ts beside the sources but *.cluster.test.ts. `all` adds those that start control planes.

import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const FOLDERS = ["proto/src", "hub/src", "agent/src", "test"];

/** Tests here start control planes, and so do those whose name says it. */
const CLUSTERS = ["test/controlplane/", "test/e2e/", "test/faults/"];

/** A test that hangs must not hang a build for ever; no test comes near these. */
const TIMEOUT_MS = { unit: 300_000, all: 900_000 } as const;

/** Control planes take the machine's memory and its two cores: one file at a time. */
const CONCURRENCY = { unit: [], all: ["--test-concurrency=1"] } as const;

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
const args = ["--test", `--test-timeout=${TIMEOUT_MS[kind]}`, ...CONCURRENCY[kind], ...options, ...files];
const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
child.once("error", (error) => {
  throw error;
});
child.once("close", (code) => (process.exitCode = code ?? 1));

async function testFiles(): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const file of glob(
    FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: ROOT, exclude: ["**/node_modules/**"] },
  ))
    files.push(file);
  return files.toSorted();
}
