// Runs the real git on bare repositories, with nobody's own configuration in the way.

import { spawn } from "node:child_process";

/** The environment for every git of this server: no configuration of the person or the machine, no questions. */
export function gitEnvironment(home: string): Readonly<Record<string, string>> {
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
  };
}

/** Runs git and gives its standard output. Throws an error with its standard error when it ends with another code than 0. */
export function git(home: string, args: readonly string[], input: string | Uint8Array = ""): Promise<string> {
  const child = spawn("git", args, { env: gitEnvironment(home), stdio: ["pipe", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  child.stdin.on("error", () => undefined); // a git that stops reading says why on its standard error
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(texts.stdout);
      else reject(new Error(`git ${args.join(" ")} ended with ${code}: ${texts.stderr.trim()}`));
    });
  });
}
