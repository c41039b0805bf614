// Runs git once: an environment of our own, bounds that the operating system holds, and an end for the whole family of processes.

import { spawn } from "node:child_process";
import { dirname } from "node:path";

import { sshConfigPath } from "./native-room.ts";

export type GitRun = {
  readonly git: string;
  readonly ssh: string | null;
  /** The bare repository that git works in: all its configuration is there. */
  readonly dir: string;
  /** The only protocol that may be spoken. */
  readonly scheme: string;
  readonly args: readonly string[];
  readonly input: string;
  readonly bounds: RunBounds;
  readonly signal: AbortSignal;
};

/** `fileBytes`: no file grows beyond. */
export type RunBounds = { readonly timeoutMs: number; readonly stdoutBytes: number; readonly fileBytes: number };

export type RunEnd =
  | { readonly kind: "done"; readonly stdout: string }
  /** `stderr` is what git and the server said, cut off. */
  | { readonly kind: "failed"; readonly stderr: string }
  | { readonly kind: "timeout"; readonly afterMs: number }
  | { readonly kind: "tooMuch"; readonly bytes: number }
  | { readonly kind: "cancelled" };

const stderrBytesMax = 64 * 1024;
const memoryKiB = 2 << 20;

/** A fixed text: what differs comes as its arguments. Systems that cannot bound memory in this way go without. */
const bounded = 'ulimit -f "$1" 2>/dev/null; ulimit -v "$2" 2>/dev/null; ulimit -c 0 2>/dev/null; shift 2; exec "$@"';

/** Never throws for what git does. The process group is gone when it resolves. */
export async function runGit({ git, ssh, dir, scheme, args, input, bounds, signal }: GitRun): Promise<RunEnd> {
  if (signal.aborted) return { kind: "cancelled" };
  const blocks = String(Math.ceil(bounds.fileBytes / 512) + 2_048);
  const child = spawn("/bin/sh", ["-c", bounded, "muster", blocks, String(memoryKiB), git, ...args], {
    cwd: dir,
    env: environment(git, ssh, dir, scheme),
    stdio: ["pipe", "pipe", "pipe"],
    detached: true, // a group of its own, which ends as a whole
  });
  let end: RunEnd | undefined;
  const stop = (why: RunEnd): void => {
    end ??= why;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // it has ended by itself
    }
  };
  const timer = setTimeout(() => stop({ kind: "timeout", afterMs: bounds.timeoutMs }), bounds.timeoutMs);
  const cancel = (): void => stop({ kind: "cancelled" });
  signal.addEventListener("abort", cancel, { once: true });

  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  let [said, complained] = [0, 0];
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.length;
    if (said > bounds.stdoutBytes) stop({ kind: "tooMuch", bytes: bounds.stdoutBytes });
    else stdout.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complained += chunk.length;
    if (complained <= stderrBytesMax) stderr.push(chunk);
  });
  child.stdin.on("error", () => undefined); // it stopped reading: its standard error says why
  child.stdin.end(input);
  try {
    const code = await new Promise<number | null>((resolve) => {
      child.once("error", () => resolve(null));
      child.once("close", resolve);
    });
    if (end !== undefined) return end;
    if (code === 0) return { kind: "done", stdout: Buffer.concat(stdout).toString("utf8") };
    return { kind: "failed", stderr: Buffer.concat(stderr).toString("utf8") };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
    stop({ kind: "cancelled" }); // a helper that outlived git
  }
}

/** Nothing of the person's or the machine's configuration, no question to anybody. No secret: those are files. */
function environment(git: string, ssh: string | null, dir: string, scheme: string): Record<string, string> {
  return {
    PATH: [...new Set([dirname(git), "/usr/local/bin", "/usr/bin", "/bin"])].join(":"),
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    LC_ALL: "C",
    GIT_DIR: ".",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    SSH_ASKPASS_REQUIRE: "never",
    GIT_ALLOW_PROTOCOL: scheme,
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_LAZY_FETCH: "1",
    // A shell reads it. It is a constant but for the program's own place, which comes from PATH and is quoted.
    ...(ssh === null ? {} : { GIT_SSH_COMMAND: `'${ssh.replaceAll("'", "'\\''")}' -F ${sshConfigPath}`, GIT_SSH_VARIANT: "ssh" }),
  };
}
