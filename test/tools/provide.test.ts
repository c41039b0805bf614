// Where a program comes from: the order of the ways, the pinned checksum, two runs at once. No network but the loopback.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Cache } from "./cache.ts";
import { Downloads } from "./download.ts";
import { provide, type Ground } from "./provide.ts";
import { run } from "./run.ts";
import type { Release, Tool } from "./tools.ts";

/** A program that says a version, as the real ones do. */
function program(version: string, from: string): string {
  return `#!/bin/sh\n# ${from}\necho "probe version v${version} go1.26.8"\n`;
}

const RELEASED = program("2.1.0", "released");
const SHA256 = createHash("sha256").update(RELEASED).digest("hex");

function probe(release?: Release): Tool {
  return {
    name: "probe",
    version: "2.1.0",
    versionArguments: ["--version"],
    accepts: "exact",
    releases: release === undefined ? {} : { "linux-x64": release },
    build: { module: "clients", package: "example.com/probe", ldflags: "" },
  };
}

const RELEASE: Release = { origin: "MUSTER_GITHUB_DOWNLOADS", path: "/probe", sha256: SHA256 };

/** A machine: a PATH folder, a cache, an origin that serves `served`, and a compiler that writes a script. */
async function machine(served: string | Uint8Array = RELEASED) {
  const dir = await mkdtemp(join(tmpdir(), "muster-tools-"));
  const asked: string[] = [];
  const said: string[] = [];
  const builds: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(served);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror/`;
  const path = join(dir, "bin");
  await mkdir(path);
  const ground: Ground = {
    platform: "linux-x64",
    folders: [path],
    cache: new Cache(join(dir, "cache")),
    downloads: new Downloads({ MUSTER_GITHUB_DOWNLOADS: base }),
    key: () => Promise.resolve("0123456789ab"),
    build: async (_tool, output) => {
      builds.push(output);
      await writeFile(output, program("2.1.0", "built"), { mode: 0o755 });
    },
    log: (line) => said.push(line),
  };
  const install = async (version: string): Promise<void> => {
    await writeFile(join(path, "probe"), program(version, "installed"));
    await chmod(join(path, "probe"), 0o755);
  };
  const end = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await rm(dir, { recursive: true, force: true });
  };
  return { dir, asked, said, builds, ground, install, [Symbol.asyncDispose]: end };
}

test("a program on PATH in the right version is taken and nothing is fetched or built", async () => {
  await using here = await machine();
  await here.install("2.1.0");
  const provided = await provide(probe(RELEASE), here.ground);
  assert.equal(provided.way, "path");
  assert.deepEqual([here.asked, here.builds], [[], []]);
});

test("a program on PATH in another version is passed over and named", async () => {
  await using here = await machine();
  await here.install("2.0.9");
  assert.equal((await provide(probe(RELEASE), here.ground)).way, "download");
  assert.match(here.said.join("\n"), /probe: .*\/bin\/probe is 2\.0\.9, not 2\.1\.0/);
});

test("the pinned release comes before a build, at the address that the environment gives, and is cached", async () => {
  await using here = await machine();
  const provided = await provide(probe(RELEASE), here.ground);
  assert.equal(provided.way, "download");
  assert.match(await run(provided.path, []), /v2\.1\.0/);
  assert.deepEqual(here.asked, ["/mirror/probe"]);
  assert.deepEqual(await provide(probe(RELEASE), here.ground), { ...provided, way: "cache" });
  assert.deepEqual([here.asked.length, here.builds.length], [1, 0]);
});

test("an archive gives its member only", async () => {
  await using bench = await machine();
  const source = join(bench.dir, "source");
  await mkdir(source);
  await writeFile(join(source, "tool"), RELEASED, { mode: 0o755 });
  await writeFile(join(source, "README"), "");
  await run("tar", ["-czf", join(bench.dir, "a.tar.gz"), "-C", source, "tool", "README"]);
  const archive = await readFile(join(bench.dir, "a.tar.gz"));
  await using here = await machine(archive);
  const sha256 = createHash("sha256").update(archive).digest("hex");
  const provided = await provide(probe({ ...RELEASE, sha256, member: "tool" }), here.ground);
  assert.equal(provided.way, "download");
  assert.deepEqual(await readdir(join(provided.path, "..")), ["probe"]);
});

test("a wrong checksum is refused by name, the file is thrown away, and the program is built", async () => {
  const tampered = RELEASED.replace("released", "tampered");
  await using here = await machine(tampered);
  const provided = await provide(probe(RELEASE), here.ground);
  assert.equal(provided.way, "build");
  assert.match(await readFile(provided.path, "utf8"), /# built/);
  const actual = createHash("sha256").update(tampered).digest("hex");
  const refusal = here.said.find((line) => line.includes("refused"));
  assert.ok(
    refusal?.includes("refused probe from http://127.0.0.1:") && refusal.includes(actual) && refusal.includes(SHA256),
    String(refusal),
  );
  const left = await readdir(join(here.dir, "cache"), { recursive: true });
  assert.deepEqual(
    left.filter((path) => path.includes("released") || path.includes(".download") || path.includes(".lock")),
    [],
  );
});

test("an origin that does not answer is asked once, and everything of it is built", async () => {
  await using here = await machine();
  const downloads = new Downloads({ MUSTER_GITHUB_DOWNLOADS: "http://127.0.0.1:1" });
  const ground = { ...here.ground, downloads };
  assert.equal((await provide(probe(RELEASE), ground)).way, "build");
  assert.equal(downloads.addressOf(RELEASE), undefined);
  assert.match(here.said.join("\n"), /127\.0\.0\.1:1 does not answer/);
});

test("with downloads off, or without a published checksum, nothing is fetched", async () => {
  await using here = await machine();
  const off = { ...here.ground, downloads: new Downloads({ MUSTER_DOWNLOADS: "off" }) };
  assert.equal((await provide(probe(RELEASE), off)).way, "build");
  await using other = await machine();
  assert.equal((await provide(probe(), other.ground)).way, "build");
  assert.deepEqual([here.asked, other.asked], [[], []]);
});

test("a build that fails leaves nothing that a later run would take for the program", async () => {
  await using here = await machine();
  const broken: Ground = {
    ...here.ground,
    build: async (_tool, output) => {
      await writeFile(output, "half");
      throw new Error("out of memory");
    },
  };
  await assert.rejects(provide(probe(), broken), /out of memory/);
  assert.match(await readFile((await provide(probe(), here.ground)).path, "utf8"), /# built/);
});

test("two runs at once build once and both get the whole program", async () => {
  await using here = await machine();
  const script = `
    import { appendFile, writeFile } from "node:fs/promises";
    import { setTimeout as sleep } from "node:timers/promises";
    import { Cache } from ${JSON.stringify(new URL("./cache.ts", import.meta.url).href)};
    const [root, log] = process.argv.slice(1);
    const dir = await new Cache(root).entry("tools/probe", async (work) => {
      await appendFile(log, "build\\n");
      await writeFile(work + "/probe", "half");
      await sleep(300);
      await writeFile(work + "/probe", "whole");
    });
    console.log(dir);`;
  const log = join(here.dir, "log");
  const build = (): Promise<string> =>
    run(process.execPath, ["--input-type=module-typescript", "-e", script, join(here.dir, "shared"), log]);
  const [one, two] = await Promise.all([build(), build()]);
  assert.equal(one, two);
  assert.equal(await readFile(join(one.trim(), "probe"), "utf8"), "whole");
  assert.equal(await readFile(log, "utf8"), "build\n");
  assert.deepEqual(await readdir(join(here.dir, "shared", "tools")), ["probe"]);
});

test("the lock of a run that died does not stop the next", async () => {
  await using here = await machine();
  const cache = new Cache(join(here.dir, "dead"));
  await mkdir(join(cache.root, "tools"), { recursive: true });
  const dead = await run(process.execPath, ["-e", "console.log(JSON.stringify({ pid: process.pid, host: os.hostname() }))"]);
  await writeFile(join(cache.root, "tools", "probe.lock"), dead);
  const waiting = (pid: number): void => assert.fail(`waits for the dead process ${pid}`);
  const dir = await cache.entry("tools/probe", (work) => writeFile(join(work, "probe"), "whole"), waiting);
  assert.equal(await readFile(join(dir, "probe"), "utf8"), "whole");
});

test("the folder of the modules that programs are built from holds their sums", async () => {
  const here = fileURLToPath(new URL(".", import.meta.url));
  for (const module of ["controlplane", "clients", "registry"]) {
    const mod = await readFile(join(here, module, "go.mod"), "utf8");
    assert.match(mod, /^tool \(/m);
    assert.ok((await readFile(join(here, module, "go.sum"), "utf8")).length > 10_000);
  }
});
