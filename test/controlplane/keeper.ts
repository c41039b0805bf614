// The parent's side of keeper.sh: starts the processes of one control plane and learns of their end.
// The keeper holds the other end of a pipe to us; when we die, by whatever signal, it kills them and removes the folder.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const KEEPER = fileURLToPath(new URL("./keeper.sh", import.meta.url));

/** One process under the keeper, as last heard of. `code` is the shell's: 128 + n after signal n. */
export type Kept = { readonly kind: "running"; readonly pid: number } | { readonly kind: "exited"; readonly code: number };

/** Owns one keeper and so one folder and its processes. */
export class Keeper {
  readonly #child: ChildProcess;
  readonly #kept = new Map<string, Kept>();
  readonly #waiting = new Set<() => void>();
  #holders = 1;
  #released = false;

  /** `dir` must hold `NAME.sh` for every name given to `start`; it is removed when the keeper ends. */
  constructor(dir: string) {
    this.#child = spawn("sh", [KEEPER, dir], { stdio: ["pipe", "pipe", "ignore"], detached: true });
    this.#child.stdin?.on("error", () => undefined); // a keeper that is gone shows in its exit
    this.#child.on("exit", () => this.#wake());
    if (this.#child.stdout !== null) createInterface({ input: this.#child.stdout }).on("line", (line) => this.#heard(line));
  }

  get(name: string): Kept | undefined {
    return this.#kept.get(name);
  }

  /** Processes that run now, by name. */
  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#kept].flatMap(([name, kept]) => (kept.kind === "running" ? [[name, kept.pid]] : [])));
  }

  /** Starts `NAME.sh` and gives its process id. */
  async start(name: string): Promise<number> {
    this.#kept.delete(name);
    this.#child.stdin?.write(`start ${name}\n`);
    const kept = await this.#until(() => this.#kept.get(name));
    return kept.kind === "running" ? kept.pid : 0;
  }

  /** Sends a signal to a running process; throws when it does not run. */
  signal(name: string, signal: NodeJS.Signals): void {
    const kept = this.#kept.get(name);
    if (kept?.kind !== "running") throw new Error(`cannot send ${signal} to ${name}: it does not run`);
    process.kill(kept.pid, signal);
  }

  /** Waits until the process has ended. */
  async exited(name: string): Promise<void> {
    await this.#until(() => (this.#kept.get(name)?.kind === "exited" ? true : undefined));
  }

  /** From now on a forgotten control plane does not hold this process open: it ends with it. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#hold(-1);
  }

  /** Kills every process, removes the folder, and returns when both are done. */
  async end(): Promise<void> {
    if (this.#ended()) return;
    this.#hold(1);
    const exit = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exit;
  }

  #heard(line: string): void {
    const [name = "", event, value] = line.split(" ");
    this.#kept.set(name, event === "pid" ? { kind: "running", pid: Number(value) } : { kind: "exited", code: Number(value) });
    this.#wake();
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    this.#hold(1);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (this.#ended()) throw new Error("the keeper of the control plane has ended");
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      this.#hold(-1);
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #hold(change: 1 | -1): void {
    this.#holders += change;
    const verb = this.#holders > 0 ? "ref" : "unref";
    this.#child[verb]();
    for (const pipe of [this.#child.stdin, this.#child.stdout]) if (pipe instanceof Socket) pipe[verb]();
  }
}
