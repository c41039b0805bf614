import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Program } from "./program.ts";

/** Calls us and holds the line, so that its end is seen at once; ends when it hears anything. */
const idle = `import { connect } from "node:net";
const line = connect(Number(process.argv[2]), "127.0.0.1", () => console.log("up", process.argv.slice(3).join()));
line.on("data", () => process.exit());
setInterval(() => undefined, 1000);
`;

let dir = "";
let server: Server;
const calls: Socket[] = [];
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "muster-program-"));
  await writeFile(join(dir, "idle.mts"), idle);
  server = createServer((socket) => void calls.push(socket.on("error", () => undefined).resume())).listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(async () => {
  for (const call of calls) call.end("end");
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const options = () => ({
  name: "idle",
  script: join(dir, "idle.mts"),
  args: [String((server.address() as AddressInfo).port), "one", "two"],
});

test("a program gets its arguments as if it were started directly, ends when told, and starts again", async () => {
  await using program = new Program({ ...options(), ready: /^up/ });
  await program.start();
  assert.deepEqual(program.lines, ["up one,two"]);
  await program.stop();
  assert.equal(program.pid, undefined);
  await program.start();
  assert.notEqual(program.pid, undefined);
});

test("a program does not outlive the process that started it, also when that one is killed", async () => {
  const face = JSON.stringify(new URL("./program.ts", import.meta.url).href);
  const parent = `import { Program } from ${face};\nawait new Program(${JSON.stringify(options())}).start();\n`;
  await writeFile(join(dir, "parent.mts"), parent);
  const called = once(server, "connection");
  const starter = spawn(process.execPath, [join(dir, "parent.mts")], { stdio: "inherit" });
  const [call] = (await called) as [Socket];
  const ended = once(call, "close");
  starter.kill("SIGKILL");
  await ended;
});
