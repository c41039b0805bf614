// Runs one of our programs so that it never outlives the process that started it, however that one ends: the parent holds the other end
// of standard input. usage: bound.ts SCRIPT [ARGS]

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

process.stdin.once("close", () => process.kill(process.pid, "SIGKILL"));
process.stdin.resume().unref();

process.argv.splice(1, 1);
await import(pathToFileURL(resolve(process.argv[1] ?? "")).href);
