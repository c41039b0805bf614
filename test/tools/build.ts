// Builds programs from the pinned Go modules beside this file; go.sum pins every byte that goes in.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./run.ts";
import type { Build } from "./tools.ts";

/** Long builds say that they are alive. */
const TICK_MS = 20_000;

/** Names what a build is made of: another go.mod, go.sum or linker flag gives another key. */
export async function buildKey(modules: string, build: Build): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(modules, build.module, file)));
  return hash.update(build.ldflags).digest("hex").slice(0, 12);
}

/** Builds a program into the file `output`. Throws with the compiler's words. */
export async function buildWithGo(go: string, modules: string, build: Build, output: string, log: (line: string) => void): Promise<void> {
  const began = Date.now();
  const tick = setInterval(() => log(`still building ${build.package}, ${Math.round((Date.now() - began) / 1000)} s`), TICK_MS);
  // Without cgo the programs are the same with and without a C compiler on the machine, and need no library of it.
  const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false", GOWORK: "off", CGO_ENABLED: "0" };
  try {
    const args = ["build", "-mod=readonly", "-trimpath", "-ldflags", build.ldflags, "-o", output, build.package];
    await run(go, args, { cwd: join(modules, build.module), env });
  } finally {
    clearInterval(tick);
  }
}
