import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

import { Place } from "./place.ts";

let clone = "";
const made: string[] = [];
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), "muster-place-"));
  made.push(clone);
});
after(() => Promise.all(made.map((dir) => rm(dir, { recursive: true, force: true }))));

const write = async (path: string, text: string): Promise<void> => {
  await mkdir(join(clone, path, ".."), { recursive: true });
  await writeFile(join(clone, path), text);
};
const exists = (path: string): Promise<boolean> =>
  stat(join(clone, path)).then(
    () => true,
    () => false,
  );

test("the token and the configuration are for this person only, and everything is gone at the end", async () => {
  {
    await using place = await Place.take(clone);
    await place.configure("http://127.0.0.1:7080", "secret");
    for (const file of ["config", "token"]) assert.equal((await stat(join(clone, ".muster", file))).mode & 0o777, 0o600);
    assert.match(await readFile(join(clone, ".muster", "config"), "utf8"), /^hub: http:\/\/127\.0\.0\.1:7080\ntokenFile: token$/m);
  }
  assert.equal(await exists(".muster"), false);
});

test("what a demo left that was killed is cleared, also when its number belongs to another program now", async () => {
  await write(".muster/demo/pid", String(process.ppid));
  await write(".muster/demo/hub/old", "state");
  await using _place = await Place.take(clone);
  assert.equal(await exists(".muster/demo/hub"), false);
});

test("a second demo in the same clone is refused and leaves the first one's state", async () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "test/demo/main.ts"], { stdio: "ignore" });
  try {
    await write(".muster/demo/pid", String(other.pid));
    await assert.rejects(Place.take(clone), /a demo is running in this clone already \(process \d+\)/);
    assert.equal(await exists(".muster/demo/pid"), true);
  } finally {
    other.kill("SIGKILL");
  }
});

test("a configuration that somebody else wrote is not touched", async () => {
  await write(".muster/config", "hub: https://hub.example:7080\n");
  await assert.rejects(Place.take(clone), /did not write/);
  assert.equal(await exists(".muster/config"), true);
});

test("after a failure the state stays for whoever looks for the reason, and no configuration leads to a hub that is gone", async () => {
  {
    await using place = await Place.take(clone);
    await place.configure("http://127.0.0.1:7080", "secret");
    await write(".muster/demo/hub.log", "why");
    place.keepState();
  }
  assert.deepEqual(await Promise.all([".muster/demo/hub.log", ".muster/config", ".muster/token"].map(exists)), [true, false, false]);
});
