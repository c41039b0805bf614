// Types commands for the person who watches: what is shown is what runs, in a shell, and what it printed is shown as it came.

import { spawn } from "node:child_process";

import type { Checks } from "./checks.ts";
import type { Screen } from "./screen.ts";

const timeoutMs = 60_000;

/** A folder to type in: how its prompt calls it ("" for that of `make demo`), its path, and the environment there. */
export type Folder = { readonly name: string; readonly path: string; readonly env: Readonly<Record<string, string | undefined>> };

export class Shell {
  readonly #folder: Folder;
  readonly #screen: Screen;
  readonly #checks: Checks;

  constructor(folder: Folder, screen: Screen, checks: Checks) {
    this.#folder = folder;
    this.#screen = screen;
    this.#checks = checks;
  }

  /** Types a line and gives what it printed, without colours. Throws Unexpected when it ends with another code. */
  async type(line: string, exit = 0): Promise<string> {
    this.#screen.command(this.#folder.name, line);
    const { code, text } = await this.#run(line);
    this.#screen.output(text);
    return this.#judge(line, exit, code, text);
  }

  /** Runs a line unseen. */
  async quietly(line: string): Promise<string> {
    const { code, text } = await this.#run(line);
    return this.#judge(line, 0, code, text);
  }

  #judge(line: string, exit: number, code: number | string | null, text: string): string {
    this.#checks.that(`\`${line}\` ends with ${exit}`, code === exit, `${code}: ${text}`);
    return text.replaceAll(colour, "");
  }

  #run(line: string): Promise<{ code: number | string | null; text: string }> {
    const { path, env } = this.#folder;
    const child = spawn("sh", ["-c", line], { cwd: path, env: { ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part: string) => (text += part));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code: code ?? signal, text }));
    });
  }
}

// eslint-disable-next-line no-control-regex
const colour = /\x1b\[[0-9;]*m/g;
