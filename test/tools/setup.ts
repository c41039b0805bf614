// `make setup`: npm packages, the render module and every program, in .tools/bin of this clone. Node itself is node.sh.
// usage: setup.ts [packages] [render] [tools] [sshd]     (all of them)
// Built-in modules only: it runs before `npm ci`.

import { access } from "node:fs/promises";
import { arch, platform } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildKey, buildWithGo } from "./build.ts";
import { Cache, cacheRoot } from "./cache.ts";
import { Downloads } from "./download.ts";
import { findGo, type GoGround } from "./go.ts";
import { link, PROGRAMS, writeProgram } from "./links.ts";
import { installPackages } from "./packages.ts";
import { provide, type Ground, type Way } from "./provide.ts";
import { searchFolders } from "./search.ts";
import { findSshd } from "./sshd.ts";
import { PLATFORMS, TOOLS, type Platform } from "./tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = fileURLToPath(new URL(".", import.meta.url));
const TOOLS_DIR = join(ROOT, ".tools");
const STEPS = { packages, render, tools, sshd } as const;

function log(line: string): void {
  process.stdout.write(`setup: ${line}\n`);
}

async function packages(): Promise<void> {
  await installPackages(ROOT, log);
}

async function tools(ground: GoGround): Promise<void> {
  for (const [name, source] of Object.entries(PROGRAMS)) await writeProgram(join(TOOLS_DIR, "bin", name), source);
  let go: string | undefined;
  const whole: Ground = {
    ...ground,
    key: (tool) => buildKey(MODULES, tool.build),
    build: async (tool, output) => buildWithGo((go ??= await findGo(ground)), MODULES, tool.build, output, log),
  };
  for (const tool of TOOLS) {
    const began = Date.now();
    const { way, path } = await provide(tool, whole);
    await link(path, join(TOOLS_DIR, "bin", tool.name));
    if (way !== "cache") log(`${tool.name} ${tool.version}: ${SAID[way]} ${path} in ${Math.round((Date.now() - began) / 1000)} s`);
  }
}

const SAID = { path: "found", cache: "cached", download: "downloaded to", build: "built as" } as const satisfies Record<Way, string>;

/** The module that renders charts is made by its own room; here it only gets its place. */
async function render(ground: GoGround): Promise<void> {
  const script = join(ROOT, "hub", "src", "render", "module", "build.ts");
  const exists = await access(script).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  const room: unknown = await import(pathToFileURL(script).href);
  if (!hasBuildModule(room)) throw new Error(`${script} exports no function buildModule`);
  const module = await room.buildModule({ go: () => findGo(ground), cacheDir: ground.cache.root, log });
  await link(module, join(TOOLS_DIR, "render.wasm"));
}

/** Only tests of Git over ssh need it: they say so themselves when it is not there. */
async function sshd(): Promise<void> {
  await findSshd(process.env).catch((error: Error) => log(`sshd: ${error.message}`));
}

interface RenderRoom {
  buildModule(options: { go: () => Promise<string>; cacheDir: string; log: (line: string) => void }): Promise<string>;
}

function hasBuildModule(room: unknown): room is RenderRoom {
  return typeof room === "object" && room !== null && "buildModule" in room && typeof room.buildModule === "function";
}

function thisPlatform(): Platform {
  const name = PLATFORMS.find((one) => one === `${platform()}-${arch()}`);
  if (name === undefined) throw new Error(`no tools for ${platform()} ${arch()}; Muster is developed on ${PLATFORMS.join(", ")}`);
  return name;
}

const wanted = process.argv.slice(2);
const unknownStep = wanted.find((step) => !(step in STEPS));
if (unknownStep !== undefined) throw new Error(`unknown step ${unknownStep}; there are ${Object.keys(STEPS).join(", ")}`);
const ground: GoGround = {
  cache: new Cache(cacheRoot(process.env)),
  downloads: new Downloads(process.env),
  platform: thisPlatform(),
  folders: searchFolders(process.env),
  log,
};
try {
  for (const [name, step] of Object.entries(STEPS)) if (wanted.length === 0 || wanted.includes(name)) await step(ground);
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
