// The muster command: hands the process to program.ts and ends with its exit code.

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";

import type { Io, Out } from "./io.ts";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
const args = process.argv.slice(2);

if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  process.stdout.write(`${manifest.version}\n`);
} else {
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  process.once("SIGTERM", () => interrupt.abort());
  // A reader that goes away (`muster apps | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  const { run } = await import("./program.ts");
  process.exitCode = await run(processIo(interrupt.signal), { args, version: manifest.version });
}

function processIo(signal: AbortSignal): Io {
  const out = (stream: NodeJS.WriteStream): Out => ({
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY,
    columns: stream.isTTY ? stream.columns : 0,
  });
  return {
    stdout: out(process.stdout),
    stderr: out(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    signal,
    sleep: (ms) => wait(ms, undefined, { signal }).catch(() => undefined),
  };
}
