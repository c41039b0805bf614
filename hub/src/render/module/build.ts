// Builds the rendering module from the Go sources in this folder into a cache, once for each content of those sources.
// Node's built-ins only: it runs at set-up, before any package is trusted to be there.

import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { patchedModfile, patches, type Patch } from "./patch.ts";

const run = promisify(execFile);
const sourceDir = import.meta.dirname;
const lockPollMs = 500;
// The version is what the program of this library calls itself in `buildMetadata: [managedByLabel]`.
const linked = "-s -w -X sigs.k8s.io/kustomize/api/provenance.version=v5.8.1";

export type BuildOptions = {
  /** Finds the `go` program; only asked when something has to be built. */
  readonly go: () => Promise<string>;
  /** The module lands in `<cacheDir>/render/<hash>/render.wasm`. */
  readonly cacheDir: string;
  /** Called with one line for each step that takes time. */
  readonly log: (line: string) => void;
  /** More variables for Go, over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is changed in libraries first (ours). */
  readonly patches?: readonly Patch[];
};

/**
 * The path of the module, built when the cache does not hold it. Two calls at once (also from two processes) build once.
 * Throws with Go's own last words when the build fails.
 */
export async function buildModule(options: BuildOptions): Promise<string> {
  const folder = join(options.cacheDir, "render", await sourceHash(options.patches ?? patches));
  const target = join(folder, "render.wasm");
  if (await exists(target)) return target;
  await mkdir(folder, { recursive: true });
  await using lock = await takeLock(join(folder, "lock"), target, options.log);
  if (lock.held && !(await exists(target))) await compile(options, folder, target);
  return target;
}

async function compile(options: BuildOptions, folder: string, target: string): Promise<void> {
  options.log("building the rendering module (Helm and Kustomize as WebAssembly): a minute or two, once");
  const draft = join(folder, `${randomUUID()}.wasm`);
  const work = join(folder, "patched");
  const go = await options.go();
  const started = Date.now();
  const env = goEnvironment(options);
  try {
    const modfile = await patchedModfile({ go, sourceDir, env }, work, options.patches ?? patches);
    const flags = ["-buildmode=c-shared", "-trimpath", "-mod=readonly", `-modfile=${modfile}`, "-buildvcs=false", "-ldflags", linked];
    await run(go, ["build", ...flags, "-o", draft, "."], { cwd: sourceDir, env, maxBuffer: 16 * 1024 * 1024 });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw new Error(`cannot build the rendering module with ${go}: ${lastWords(error)}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  options.log(`built the rendering module in ${Math.round((Date.now() - started) / 1000)} s`);
}

// What a person's environment says to Go about flags, experiments and toolchains does not reach the module.
function goEnvironment(options: BuildOptions): NodeJS.ProcessEnv {
  const fixed = { GOOS: "wasip1", GOARCH: "wasm", CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "", GOEXPERIMENT: "", GOTOOLCHAIN: "local" };
  return { ...process.env, ...options.env, ...fixed };
}

function lastWords(error: unknown): string {
  const said = (error as { stderr?: string }).stderr ?? "";
  const text = said.trim() === "" ? (error as Error).message : said.trim();
  return text.split("\n").slice(-8).join("\n");
}

// The hash is over what stands here and decides the result: the sources, the locked versions of every library with the oldest Go that
// does (go.mod), and what is changed in them. Not over the Go of this environment: another PATH would build, or even fetch a Go, for a module that is there already.
async function sourceHash(applied: readonly Patch[]): Promise<string> {
  const names = (await readdir(sourceDir)).filter((name) => name.endsWith(".go") || name === "go.mod" || name === "go.sum").toSorted();
  const hash = createHash("sha256").update(linked);
  for (const name of names) hash.update(`\n${name}\n`).update(await readFile(join(sourceDir, name)));
  for (const { module, file } of applied) hash.update(`\n${module}\n`).update(await readFile(file));
  return hash.digest("hex").slice(0, 20);
}

type Lock = { readonly held: boolean; [Symbol.asyncDispose](): Promise<void> };

// Whoever makes the lock file builds; the others wait until the module is there. A lock whose process is gone is taken over.
async function takeLock(path: string, target: string, log: (line: string) => void): Promise<Lock> {
  let told = false;
  for (;;) {
    try {
      const file = await open(path, "wx");
      await file.write(String(process.pid));
      await file.close();
      return { held: true, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await exists(target)) return { held: false, [Symbol.asyncDispose]: () => Promise.resolve() };
    if (await isStale(path)) await rm(path, { force: true });
    if (!told) log("waiting for another process that builds the rendering module");
    told = true;
    await sleep(lockPollMs);
  }
}

async function isStale(path: string): Promise<boolean> {
  const owner = Number(await readFile(path, "utf8").catch(() => ""));
  if (!Number.isInteger(owner) || owner <= 0) return (await ageMs(path)) > 10_000;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

async function ageMs(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? 0 : Date.now() - found.mtimeMs;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
