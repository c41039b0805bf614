// Installs the npm packages of the lock file, when they are not the ones that are installed.

import { createHash } from "node:crypto";
import { access, readFile, realpath, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./run.ts";

/** Runs `npm ci` where the lock file changed since the last time. Throws with what npm said. */
export async function installPackages(root: string, log: (line: string) => void): Promise<void> {
  const stamp = join(root, "node_modules", ".muster-lock");
  const wanted = await lockDigest(root);
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return;
  const began = Date.now();
  log("npm packages: npm ci");
  await run(join(root, ".tools", "bin", "npm"), ["ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"], {
    cwd: root,
    env: await npmEnvironment(root),
  });
  await writeFile(stamp, wanted);
  log(`npm packages: installed in ${Math.round((Date.now() - began) / 1000)} s`);
}

async function lockDigest(root: string): Promise<string> {
  const files = ["package-lock.json", "package.json", ...["proto", "hub", "agent", "test"].map((name) => `${name}/package.json`)];
  const hash = createHash("sha256").update(process.version);
  for (const file of files) hash.update(await readFile(join(root, file)));
  return hash.digest("hex");
}

/** A person's own `nodedir` may hold the headers of another Node: where ours has its own, those are used. */
async function npmEnvironment(root: string): Promise<Record<string, string | undefined>> {
  const home = dirname(dirname(await realpath(join(root, ".tools", "bin", "node"))));
  const hasHeaders = await access(join(home, "include", "node", "node.h")).then(
    () => true,
    () => false,
  );
  return { ...process.env, ...(hasHeaders ? { npm_config_nodedir: home } : {}) };
}
