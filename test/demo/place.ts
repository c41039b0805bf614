// Where the demo lives: `.muster/` of this clone. It writes `.muster/config` so that `muster` finds the demo's hub, keeps everything else
// in `.muster/demo/`, and removes both before it starts and when it ends. One demo a clone.

import { mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** Relative to the clone, like all paths that are shown: that is where a person types. */
export const home = ".muster/demo";

const mark = "# written by make demo, gone with it\n";
const program = "test/demo/main.ts";

export class Place implements AsyncDisposable {
  readonly #dir: string;
  #keepState = false;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Clears what an earlier demo left. Throws when one is running in this clone, or when a configuration is there that is not its own. */
  static async take(clone = root): Promise<Place> {
    const dir = join(clone, ".muster");
    const pid = Number(await readFile(join(dir, "demo", "pid"), "utf8").catch(() => "0"));
    if (pid > 0 && (await isDemo(pid)))
      throw new Error(`a demo is running in this clone already (process ${pid}); end it with Ctrl-C first`);
    const config = await readFile(join(dir, "config"), "utf8").catch(() => mark);
    if (!config.startsWith(mark)) throw new Error("there is a .muster/config that the demo did not write; move it away first");
    await clear(dir);
    await mkdir(join(dir, "demo"), { recursive: true, mode: 0o700 });
    await writeFile(join(dir, "demo", "pid"), String(process.pid));
    return new Place(dir);
  }

  /** Lets `muster` find the hub from anywhere in this clone. */
  async configure(hub: string, adminToken: string): Promise<void> {
    await writeFile(join(this.#dir, "token"), adminToken, { mode: 0o600 });
    await writeFile(join(this.#dir, "config"), `${mark}hub: ${hub}\ntokenFile: token\n`, { mode: 0o600 });
  }

  /** After a failure the state stays until the next demo, for whoever looks for the reason. */
  keepState(): void {
    this.#keepState = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#keepState) await clear(this.#dir);
    else await remove(["config", "token", "demo/pid"].map((file) => join(this.#dir, file)));
  }
}

async function clear(dir: string): Promise<void> {
  await remove(["demo", "config", "token"].map((name) => join(dir, name)));
  await rmdir(dir).catch(() => undefined); // others may keep something there
}

async function remove(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true, maxRetries: 5 })));
}

/** True when the process is a demo: where the system tells, a number that was given to another program since is none. */
async function isDemo(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => program);
  return command.includes(program);
}
