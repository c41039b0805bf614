// Gets one program: from the machine in the right version, from the cache, as the pinned release, or built. In this order.

import { join } from "node:path";
import type { Cache } from "./cache.ts";
import type { Downloads } from "./download.ts";
import { accepts, programsCalled, versionOf } from "./search.ts";
import type { Platform, Tool } from "./tools.ts";

export type Way = "path" | "cache" | "download" | "build";

export interface Provided {
  readonly way: Way;
  /** The program itself. */
  readonly path: string;
}

/** What `provide` works with; `key` names the build that `build` would make into a file. */
export interface Ground {
  readonly platform: Platform;
  readonly folders: readonly string[];
  readonly cache: Cache;
  readonly downloads: Downloads;
  readonly key: (tool: Tool) => Promise<string>;
  readonly build: (tool: Tool, output: string) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Gives the program of a tool. Throws what its build throws, when that was the last way left. */
export async function provide(tool: Tool, ground: Ground): Promise<Provided> {
  return (await fromMachine(tool, ground)) ?? (await fromCache(tool, ground)) ?? (await downloaded(tool, ground)) ?? built(tool, ground);
}

async function fromMachine(tool: Tool, ground: Ground): Promise<Provided | undefined> {
  for (const path of await programsCalled(tool.name, ground.folders)) {
    const version = await versionOf(path, tool.versionArguments);
    if (version !== undefined && accepts(tool.version, tool.accepts, version)) return { way: "path", path };
    ground.log(`${tool.name}: ${path} is ${version ?? "of no known version"}, not ${tool.version}`);
  }
  return undefined;
}

async function fromCache(tool: Tool, ground: Ground): Promise<Provided | undefined> {
  for (const key of [releaseKey(tool, ground.platform), await builtKey(tool, ground)]) {
    const dir = key === undefined ? undefined : await ground.cache.find(key);
    if (dir !== undefined) return { way: "cache", path: join(dir, tool.name) };
  }
  return undefined;
}

async function downloaded(tool: Tool, ground: Ground): Promise<Provided | undefined> {
  const release = tool.releases[ground.platform];
  const key = releaseKey(tool, ground.platform);
  if (release === undefined || key === undefined) return undefined;
  const url = ground.downloads.addressOf(release);
  if (url === undefined) return undefined;
  ground.log(`${tool.name} ${tool.version}: downloading ${url}`);
  try {
    const dir = await ground.cache.entry(key, (work) => ground.downloads.fetch(release, work, tool.name), waiting(tool, ground));
    return { way: "download", path: join(dir, tool.name) };
  } catch (error) {
    ground.log(`${tool.name} ${tool.version}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function built(tool: Tool, ground: Ground): Promise<Provided> {
  ground.log(`${tool.name} ${tool.version}: building ${tool.build.package}`);
  const make = (work: string): Promise<void> => ground.build(tool, join(work, tool.name));
  const dir = await ground.cache.entry(await builtKey(tool, ground), make, waiting(tool, ground));
  return { way: "build", path: join(dir, tool.name) };
}

function releaseKey(tool: Tool, platform: Platform): string | undefined {
  const release = tool.releases[platform];
  return release === undefined ? undefined : `tools/${tool.name}/${tool.version}/${platform}-released-${release.sha256.slice(0, 12)}`;
}

async function builtKey(tool: Tool, ground: Ground): Promise<string> {
  return `tools/${tool.name}/${tool.version}/${ground.platform}-built-${await ground.key(tool)}`;
}

function waiting(tool: Tool, ground: Ground): (pid: number) => void {
  return (pid) => ground.log(`${tool.name} ${tool.version}: waiting for another run (process ${pid}) that is at it`);
}
