// Finding a git program that may be used: on PATH, new enough, with ssh beside it.

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";

/** Absolute paths; `ssh` is null where there is none: then the program serves http(s) only. */
export type GitProgram = { readonly git: string; readonly ssh: string | null; readonly version: string };

/** The first that can be told where a name leads (`http.curloptResolve`). */
const oldest = [2, 37] as const;
const versionMs = 10_000;
const run = promisify(execFile);

/** The git on a PATH; null when there is none that is 2.37 or newer. */
export async function findGitProgram(path: string | undefined): Promise<GitProgram | null> {
  const git = await programOn(path, "git");
  if (git === null) return null;
  try {
    const env = { PATH: path, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" };
    const { stdout } = await run(git, ["version"], { env, timeout: versionMs, cwd: "/" });
    const [, version = "", major = "0", minor = "0"] = /^git version ((\d+)\.(\d+)[\w.-]*)/.exec(stdout) ?? [];
    const enough = Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
    return enough ? { git, ssh: await programOn(path, "ssh"), version } : null;
  } catch {
    return null; // it does not run: as if there were none
  }
}

async function programOn(path: string | undefined, name: string): Promise<string | null> {
  for (const folder of (path ?? "").split(delimiter).filter(isAbsolute)) {
    const file = join(folder, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return null;
}
