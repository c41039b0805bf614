// `make bench [ONLY=P4,P5]`: takes the measurements one after the other, prints a table, and writes .bench/latest.json. What was not
// measured this time keeps its last figures there. Fails when a measurement cannot be taken; never because of what it gave.
// usage: main.ts [--list] [--small] [--only P4,P5] [--out FILE]

import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import type { Figure, Measurement, Size } from "./measurement.ts";
import { measurements } from "./measurements.ts";
import { entryOf, machine, rowsOf, tableOf, type Latest, type Run } from "./report.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const script = fileURLToPath(new URL("./one.ts", import.meta.url));

const { values: flags } = parseArgs({
  options: { list: { type: "boolean" }, small: { type: "boolean" }, only: { type: "string" }, out: { type: "string" } },
});
if (flags.list) for (const { id, what } of measurements) console.log(`${id.padEnd(5)}${what}`);
else process.exitCode = await bench(chosen(flags.only ?? process.env["ONLY"] ?? ""), flags.small ? "small" : "full");

/** Throws a RangeError for a name that there is not. */
function chosen(names: string): readonly Measurement[] {
  const wanted = names.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim().toUpperCase()]));
  const known = measurements.map(({ id }) => id);
  const strange = wanted.filter((id) => !known.includes(id));
  if (strange.length > 0) throw new RangeError(`there is no measurement ${strange.join(", ")}; there are ${known.join(", ")}`);
  return wanted.length === 0 ? measurements : measurements.filter(({ id }) => wanted.includes(id));
}

/** The exit code. */
async function bench(all: readonly Measurement[], size: Size): Promise<number> {
  const out = flags.out ?? join(repository, ".bench", "latest.json");
  const run: Run = { commit: await commit(), at: new Date().toISOString(), size };
  console.log(`${machine()}; commit ${run.commit}\n`);
  const rows: (readonly string[])[] = [];
  let failed = 0;
  for (const measurement of all) {
    const began = performance.now();
    process.stderr.write(`${measurement.id}: ${measurement.what} ...`);
    try {
      const figures = await take(measurement, size);
      await keep(out, entryOf(measurement.id, figures, run));
      rows.push(...rowsOf(measurement.id, figures));
      process.stderr.write(` ${Math.round((performance.now() - began) / 1000)} s\n`);
    } catch (error) {
      failed += 1;
      process.stderr.write(`\n${measurement.id} could not be measured: ${String(error)}\n`);
    }
  }
  console.log(tableOf(rows));
  console.log(`\nwritten to ${out}`);
  return failed === 0 ? 0 : 1;
}

/** Takes one measurement in a process of its own. Rejects when it ends without figures; its words are on standard error. */
async function take({ id, heapMb }: Measurement, size: Size): Promise<readonly [Figure, ...Figure[]]> {
  const execArgv = ["--expose-gc", `--max-old-space-size=${heapMb}`];
  const child = fork(script, [id, size], { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let figures: readonly [Figure, ...Figure[]] | undefined;
  child.once("message", (message: readonly [Figure, ...Figure[]]) => (figures = message));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (figures === undefined) throw new Error(`its process ended with ${signal ?? code}`);
  return figures;
}

async function keep(out: string, entry: Latest): Promise<void> {
  const before = await readFile(out, "utf8").then(
    (text) => JSON.parse(text) as Latest,
    () => ({}),
  );
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify({ ...before, ...entry }, null, 2)}\n`);
}

async function commit(): Promise<string> {
  const git = (...args: string[]) => promisify(execFile)("git", ["-C", repository, ...args]).then(({ stdout }) => stdout.trim());
  try {
    const [id, changes] = await Promise.all([git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "--untracked-files=no")]);
    return changes === "" ? id : `${id} with changes`;
  } catch {
    return "unknown";
  }
}
