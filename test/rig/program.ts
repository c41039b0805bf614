// One of our own programs as a process: started, stopped, killed and started again; its log is kept in memory and in a file.
// It ends with this process, also when this one is killed: bound.ts.

import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const bound = fileURLToPath(new URL("./bound.ts", import.meta.url));
const linesKept = 5_000;

export type ProgramOptions = {
  readonly name: string;
  /** Path in the repository. */
  readonly script: string;
  readonly args: readonly string[];
  /** A line that says that it is up; without one it counts as up at once. */
  readonly ready?: RegExp;
  /** A file for its output. */
  readonly log?: string;
  readonly env?: Readonly<Record<string, string>>;
};

export class Program implements AsyncDisposable {
  readonly #options: ProgramOptions;
  readonly lines: string[] = [];
  #process: ChildProcess | undefined;
  #file: WriteStream | undefined;
  #left = Promise.withResolvers<number | null>();

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.#options.name} is already running`);
    const { script, args, ready, log, env } = this.#options;
    this.#file ??= log === undefined ? undefined : createWriteStream(log, { flags: "a" });
    this.#left = Promise.withResolvers();
    const child = spawn(process.execPath, [bound, script, ...args], {
      cwd: repository,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#process = child;
    child.stdin.on("error", () => undefined); // a program that is gone shows in its exit
    const up = Promise.withResolvers<void>();
    if (ready === undefined) up.resolve();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      let rest = "";
      stream.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          this.lines.push(line);
          this.#file?.write(`${line}\n`);
          if (ready?.test(line) === true) up.resolve();
        }
        if (this.lines.length > linesKept) this.lines.splice(0, this.lines.length - linesKept);
      });
    }
    child.once("exit", () => (this.#process = undefined));
    // Not "exit": its last words may still be in the pipe then.
    child.once("close", (code) => {
      this.#left.resolve(code);
      up.reject(new Error(`${this.#options.name} ended with ${code}:\n${this.tail(30)}`));
    });
    await up.promise;
  }

  /** Waits for its end and its last line; the exit code, or null after a signal. */
  exited(): Promise<number | null> {
    return this.#left.promise;
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Its last lines. */
  tail(count: number): string {
    return [`--- ${this.#options.name}${this.#process === undefined ? " (does not run)" : ""}`, ...this.lines.slice(-count)].join("\n");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await this.#left.promise;
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await new Promise<void>((resolve) => (this.#file === undefined ? resolve() : this.#file.end(() => resolve())));
  }
}
