// Runs a native program again and again and tells what one run costs: the CPU of the processes, from the shell that started them.

import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A program of `make setup`, else the one on PATH. */
export async function program(name: string): Promise<string> {
  const own = join(repository, ".tools", "bin", name);
  return access(own).then(
    () => own,
    () => name,
  );
}

/** CPU-milliseconds of one run, user and system together. Throws what the program says when it fails. */
export async function nativeCpuMs(name: string, args: readonly string[], cwd: string, times: number): Promise<number> {
  const loop = `n=$1; shift; i=0; while [ $i -lt $n ]; do "$@" >/dev/null || exit 1; i=$((i + 1)); done; times`;
  const { stdout } = await run("sh", ["-c", loop, "sh", String(times), await program(name), ...args], { cwd });
  // Two lines of "user system": of the shell, then of what it started.
  const [, children = ""] = stdout.trim().split("\n");
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes = "0", rest = "0"]) => Number(minutes) * 60 + Number(rest));
  if (seconds.length !== 2) throw new Error(`cannot read what the shell says of its children: ${children}`);
  return (seconds.reduce((sum, each) => sum + each, 0) * 1000) / times;
}
