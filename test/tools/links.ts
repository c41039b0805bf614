// Fills .tools/bin: links to the programs, and small scripts that run Muster from the sources of the clone.

import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** The programs of the clone itself: name in .tools/bin, source that Node runs. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  muster: "hub/src/cli/main.ts",
  "muster-hub": "hub/src/main.ts",
  "muster-agent": "agent/src/main.ts",
};

/** Makes `path` a link to `target`; there is never a moment without one. */
export async function link(target: string, path: string): Promise<void> {
  await replace(path, (fresh) => symlink(target, fresh));
}

/** Writes a script that runs a source of the clone that it lies in, also when called through links from elsewhere. */
export async function writeProgram(path: string, source: string): Promise<void> {
  await replace(path, async (fresh) => {
    await writeFile(fresh, script(source));
    await chmod(fresh, 0o755);
  });
}

async function replace(path: string, make: (fresh: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  await rm(fresh, { force: true });
  await make(fresh);
  await rename(fresh, path);
}

function script(source: string): string {
  return `#!/bin/sh
# Runs ${source} of this clone.
self=$0
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname "$self")/$target ;;
  esac
done
root=$(cd "$(dirname "$self")/../.." && pwd -P)
exec "$root/.tools/bin/node" "$root/${source}" "$@"
`;
}
