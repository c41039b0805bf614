// The commands as a person runs them, against a hub of canned answers; and main.ts as a process.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";

import type { AppRow, ClusterRow, DriftRow, ErrorAnswer, HeldRow, Page, StatusAnswer } from "../view/api.ts";
import { hub, muster, on, TOKEN, type Terminal } from "./testdata/terminal.ts";

const asOf = "2026-11-21T14:05:09Z";
const before = (seconds: number) => new Date(Date.parse(asOf) - seconds * 1000).toISOString();

const berlin: ClusterRow = {
  name: "berlin" as ClusterName,
  labels: { env: "prod", region: "eu" },
  provisional: false,
  connected: true,
  lastSeen: before(1),
  state: "synced",
  reason: "Synced",
  message: "",
  since: before(125),
  apps: { total: 12, synced: 12 },
  generation: { signed: 7, acked: 7 },
  commit: "3f2a91c0000000000000000000000000000000000",
  kubernetesVersion: "v1.34.1",
  agentVersion: "0.1.0",
};
const paris: ClusterRow = {
  ...berlin,
  name: "paris" as ClusterName,
  provisional: true,
  connected: false,
  lastSeen: before(6 * 86_400),
  state: "waiting",
  reason: "WaitingForGate",
  message: "evil \u001b[31mred\u202e and \u0007",
  apps: { total: 12, synced: 11 },
  generation: { signed: 7, acked: 6 },
};
const page = <Row>(items: readonly Row[]): Page<Row> => ({ items, next: null, total: items.length, asOf });
const fleet: StatusAnswer = {
  fleet: "demo",
  asOf,
  sources: [
    {
      name: "root",
      url: "https://git.example/fleet.git",
      revision: "main",
      commit: "3f2a91c",
      fetchedAt: before(12),
      stale: false,
      error: null,
      problems: [],
    },
  ],
  contents: [],
  clusters: [berlin, paris],
  rollups: {
    clusters: { total: 2, connected: 1, states: { synced: 1, waiting: 1 } },
    placements: { total: 24, states: { synced: 23, waiting: 1 } },
  },
  problems: [],
};

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-cli-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test("status shows the fleet in a table, B63 with everything of others escaped and no colour in a pipe", async (t) => {
  const { url, seen } = await hub(t, { "GET /api/v1/status": { body: fleet } });
  const { exit, out, err } = await muster(["status"], on(url));
  assert.equal(exit, 0);
  assert.equal(err, "");
  const [head = "", ...lines] = out.split("\n");
  assert.match(head, /^hub ok {2}git 12s {2}2 clusters, 1 connected, 1 silent \(oldest 6d\) {2}as of \d\d:05:09$/);
  assert.deepEqual(lines, [
    "CLUSTER  STATE    APPS   COMMIT   SINCE  WHY",
    "berlin   synced   12/12  3f2a91c  2m",
    "paris    waiting  11/12  3f2a91c  2m     NotInGit WaitingForGate evil \\u{1b}[31mred\\u{202e} and \\u{7}",
    "",
  ]);
  assert.deepEqual(seen, [{ method: "GET", url: "/api/v1/status", authorization: `Bearer ${TOKEN}`, body: "" }]);
});

test("colour is for terminals, NO_COLOR turns it off, FORCE_COLOR on", async (t) => {
  const { url } = await hub(t, { "GET /api/v1/status": { body: fleet } });
  const colourful = async (tty: boolean, env: Record<string, string> = {}) =>
    (await muster(["status"], { ...on(url, env), tty })).out.includes("\u001b[");
  assert.equal(await colourful(true), true);
  assert.equal(await colourful(false), false);
  assert.equal(await colourful(true, { NO_COLOR: "1" }), false);
  assert.equal(await colourful(false, { FORCE_COLOR: "1" }), true);
  assert.equal(await colourful(true, { FORCE_COLOR: "0" }), false);
});

test("a failing Source is shown with what it means and what to do; problems with their place", async (t) => {
  const error = { code: "E_SOURCE_AUTH", message: "https://git.example/fleet.git answers 401 Unauthorized", remedy: "check the token" };
  const problem = {
    severity: "error",
    code: "E_UNKNOWN_KEY",
    message: "cannot read App default//web: spec.sourc is unknown",
    place: { source: "root", path: "apps/web.yaml", line: 7 },
    remedy: "did you mean source?",
  } as const;
  const sources = fleet.sources.map((source) => ({ ...source, stale: true, error, problems: [problem] }));
  const gone = { code: "E_REMOTE_UNREACHABLE", message: "https://charts.example does not answer", remedy: "check the server" };
  const contents = fleet.sources.map((source) => ({ ...source, name: "root https://charts.example#shop", stale: true, error: gone }));
  const body: StatusAnswer = { ...fleet, sources, contents };
  const { url } = await hub(t, { "GET /api/v1/status": { body } });
  const { exit, out } = await muster(["status", "--check"], on(url));
  assert.equal(exit, 3);
  assert.match(out, /^hub ok {2}git 12s FAILING/);
  assert.match(out, /error E_REMOTE_UNREACHABLE: Source root https:\/\/charts\.example#shop: https:\/\/charts\.example does not answer\n/);
  for (const [expected, taken] of [
    [0, []],
    [3, contents],
  ] as const) {
    const charts = await hub(t, { "GET /api/v1/status": { body: { ...fleet, clusters: [berlin], contents: taken } } });
    assert.equal((await muster(["status", "--check"], on(charts.url))).exit, expected, "what an App takes from elsewhere counts");
  }
  assert.ok(
    out.includes(
      "error E_SOURCE_AUTH: Source root: https://git.example/fleet.git answers 401 Unauthorized\n" +
        "  effect  last good commit 3f2a91c of 12s ago stays, nothing is deleted\n  fix     check the token\n",
    ),
    out,
  );
  assert.ok(
    out.includes(
      "error E_UNKNOWN_KEY: cannot read App default//web: spec.sourc is unknown  apps/web.yaml:7\n  fix     did you mean source?\n",
    ),
    out,
  );
});

test("a large fleet is summed up, and only what is not synced is listed", async (t) => {
  const clusters = Array.from({ length: 100 }, (_, i) => ({ ...(i < 50 ? berlin : paris), name: `c${i}` as ClusterName }));
  const rollups = { ...fleet.rollups, clusters: { total: 10_000, connected: 50, states: { synced: 9_950, waiting: 50 } } };
  const { url } = await hub(t, { "GET /api/v1/status": { body: { ...fleet, clusters, rollups } } });
  const { out } = await muster(["status"], on(url));
  assert.match(out, /10,000 clusters, 50 connected, 50 silent/);
  assert.match(out, /\n9,950 synced {2}50 waiting\n/);
  assert.equal(out.split("\n").filter((line) => line.startsWith("c")).length, 40);
  assert.match(out, /\n10 more clusters not synced: muster clusters\n$/);
});

test("status --watch without a terminal says a line at a time, until it is interrupted", async (t) => {
  const { url } = await hub(t, { "GET /api/v1/status": { body: fleet } });
  const abort = new AbortController();
  let sleeps = 0;
  const sleep = (ms: number) => {
    assert.equal(ms, 10_000);
    sleeps += 1;
    if (sleeps === 3) abort.abort();
    return Promise.resolve();
  };
  const { exit, out } = await muster(["status", "--watch"], { ...on(url), sleep, signal: abort.signal });
  assert.equal(exit, 130);
  assert.equal(out.split("\n").length, 4);
  assert.match(out, /1 synced {2}1 waiting\n$/);
});

test("json and yaml hold every field as the hub gave it", async (t) => {
  const { url } = await hub(t, { "GET /api/v1/status": { body: fleet }, "GET /api/v1/clusters": { body: page([berlin]) } });
  assert.deepEqual(JSON.parse((await muster(["status", "-o", "json"], on(url))).out), fleet);
  assert.match((await muster(["clusters", "-o", "yaml"], on(url))).out, /^items:\n {2}- name: berlin\n/);
  assert.deepEqual(JSON.parse((await muster(["clusters"], on(url, { MUSTER_OUTPUT: "json" }))).out), page([berlin]));
  const wide = (await muster(["clusters", "-o", "wide"], on(url))).out;
  assert.match(wide, /v1\.34\.1 +0\.1\.0 +env=prod,region=eu/);
});

test("apps and drift take a cluster and an App, follow pages, and drift exits 3 while some of it is not healed", async (t) => {
  const row: AppRow = {
    app: "default//web" as AppKey,
    cluster: "berlin" as ClusterName,
    state: "failed",
    reason: "ApplyFailed",
    message: "",
    since: before(60),
    health: "degraded",
    release: "a".repeat(64) as Digest,
    pin: null,
    commit: "3f2a91c",
    counts: { total: 3, applied: 2, failed: 1, healthy: 2 },
    problems: [
      {
        identity: { group: "apps", kind: "Deployment", namespace: "web", name: "web" },
        reason: "ApplyFailed",
        health: "degraded",
        message: "denied",
        since: before(60),
      },
    ],
    layers: [{ layer: "App", place: { source: "root", path: "web.yaml", line: 1 } }],
  };
  const drift: DriftRow = {
    app: row.app,
    cluster: row.cluster,
    identity: { group: "apps", kind: "Deployment", namespace: "web", name: "web" },
    kind: "changed",
    fields: ["/spec/replicas"],
    manager: "kubectl-edit",
    operation: "Update",
    changedAt: before(9),
    seenAt: before(9),
    healedAt: null,
    contested: false,
  };
  const healed = { ...drift, healedAt: before(8) };
  const { url } = await hub(t, {
    "GET /api/v1/apps?cluster=berlin&app=web": { body: { ...page([row]), next: "x y" } },
    "GET /api/v1/apps?cluster=berlin&app=web&after=x+y": { body: page([{ ...row, app: "team//web" }]) },
    "GET /api/v1/drift": { body: page([drift, healed]) },
    "GET /api/v1/drift?cluster=berlin": { body: page([healed]) },
    "GET /api/v1/drift?app=none": { body: page([]) },
  });
  const apps = await muster(["apps", "--cluster", "berlin", "--app", "web"], on(url));
  assert.deepEqual(apps.out.split("\n").slice(1), [
    "default/web  berlin   failed  degraded  2/3      3f2a91c  1m     ApplyFailed Deployment.apps web/web: denied",
    "team/web     berlin   failed  degraded  2/3      3f2a91c  1m     ApplyFailed Deployment.apps web/web: denied",
    "",
  ]);
  const drifted = await muster(["drift"], on(url));
  assert.equal(drifted.exit, 3);
  assert.match(drifted.out, /berlin +web +Deployment\.apps web\/web +changed +kubectl-edit +9s ago +no +\/spec\/replicas\n/);
  assert.equal((await muster(["drift", "--cluster", "berlin"], on(url))).exit, 0);
  assert.deepEqual(await muster(["drift", "--app", "none"], on(url)), { exit: 0, out: "", err: "no drift\n" });
});

test("held names what would be deleted; approve sends the reason, and the id as one part of the path", async (t) => {
  const row: HeldRow = {
    id: "d41d8c",
    app: "default//web" as AppKey,
    clusters: ["berlin", "oslo", "paris", "rome"] as ClusterName[],
    guards: ["appToZero"],
    deletes: ["a", "b", "c", "d"].map((name) => ({ group: "", kind: "ConfigMap", namespace: "web", name })),
    message: "",
    digest: "d".repeat(64) as Digest,
    since: before(720),
  };
  const { url, seen } = await hub(t, {
    "GET /api/v1/held": { body: page([row]) },
    "POST /api/v1/held/d41d8c/approve": { body: { id: "d41d8c", digest: row.digest, clusters: row.clusters } },
  });
  const held = await muster(["held"], on(url));
  assert.match(
    held.out,
    /d41d8c +web +berlin,oslo,paris and 1 more +appToZero +12m +ConfigMap web\/a, ConfigMap web\/b, ConfigMap web\/c and 1 more\n/,
  );
  const approved = await muster(["approve", "d41d8c", "--reason", "retired"], on(url));
  assert.deepEqual([approved.exit, approved.out], [0, "approved d41d8c on 4 clusters\n"]);
  assert.equal(seen.at(-1)?.body, '{"reason":"retired"}');
  assert.equal((await muster(["approve", "d41d8c"], on(url))).exit, 2);
  assert.equal((await muster(["approve", "d41d8c", "--reason", " "], on(url))).exit, 2);
  await muster(["approve", "../tokens", "--reason", "x"], on(url));
  assert.equal(seen.at(-1)?.url, "/api/v1/held/..%2Ftokens/approve");
});

test("token create asks for exactly what the flags say, and refuses what does not go together before it asks", async (t) => {
  const body = { id: "t1", token: "mst-1", expiresAt: "2026-11-21T15:05:09Z", command: "muster-agent --hub h:7443 --token mst-1" };
  const { url, seen } = await hub(t, { "POST /api/v1/tokens": { body } });
  const asked = async (...flags: string[]) => {
    const { exit } = await muster(["token", "create", ...flags], on(url));
    return exit === 0 ? (JSON.parse(seen.at(-1)?.body ?? "") as unknown) : exit;
  };
  assert.deepEqual(await asked(), { kind: "join" });
  assert.deepEqual(await asked("--cluster", "berlin", "--labels", "env=prod,region=eu", "--uses", "3", "--ttl", "1h30m"), {
    kind: "join",
    ttlSeconds: 5_400,
    cluster: "berlin",
    labels: { env: "prod", region: "eu" },
    uses: 3,
  });
  assert.deepEqual(await asked("--replace", "berlin"), { kind: "join", replace: "berlin" });
  assert.deepEqual(await asked("--ci", "--role", "viewer", "--name", "pipeline"), { kind: "api", role: "viewer", name: "pipeline" });
  const requests = seen.length;
  const wrong = [
    ["--ci"],
    ["--ci", "--role", "root"],
    ["--role", "admin"],
    ["--ci", "--role", "admin", "--labels", "a=b"],
    ["--labels", "a"],
    ["--uses", "0"],
    ["--uses", "1.5"],
    ["--ttl", "1"],
    ["--ttl", "soon"],
    ["--cluster", "a", "--replace", "b"],
  ];
  for (const flags of wrong) assert.equal(await asked(...flags), 2, flags.join(" "));
  assert.equal(seen.length, requests);
  const shown = await muster(["token", "create"], on(url));
  assert.equal(shown.out, "token    mst-1\nexpires  2026-11-21T15:05:09Z\nrun      muster-agent --hub h:7443 --token mst-1\n");
});

test("what the hub refuses is an error with its code, its remedy and an exit code of its own", async (t) => {
  const problem = (status: number, code: string): ErrorAnswer => ({
    type: "about:blank",
    title: "No",
    status,
    detail: "you \u001b[2Jmay not",
    code,
    remedy: "ask",
  });
  const table = [
    [401, "E_TOKEN_EXPIRED", 4],
    [403, "E_FORBIDDEN", 5],
    [404, "E_NOT_FOUND", 5],
    [409, "E_CONFLICT", 1],
    [429, "E_BUSY", 6],
    [500, "E_INTERNAL", 1],
  ] as const;
  for (const [status, code, expected] of table) {
    const { url } = await hub(t, { "GET /api/v1/status": { status, body: problem(status, code) } });
    assert.deepEqual(await muster(["status"], on(url)), {
      exit: expected,
      out: "",
      err: `error ${code}: you \\u{1b}[2Jmay not\n  fix     ask\n`,
    });
  }
  const { url } = await hub(t, { "GET /api/v1/status": { status: 502, body: "<html>" }, "GET /api/v1/clusters": { body: "<html>" } });
  assert.equal((await muster(["status"], on(url))).err.split(":")[0], "error E_HUB_FAILED");
  assert.equal((await muster(["clusters"], on(url))).err.split(":")[0], "error E_NOT_A_HUB");
  const gone = await muster(["status"], on("http://127.0.0.1:1"));
  assert.equal(gone.exit, 6);
  assert.match(
    gone.err,
    /^error E_HUB_UNREACHABLE: cannot reach the hub at http:\/\/127\.0\.0\.1:1: .*\n {2}fix {5}check that the hub runs/,
  );
});

test("the configuration is found by $MUSTER_CONFIG, then upwards from the folder, then at home; its faults are told at once", async (t) => {
  const { url, seen } = await hub(t, { "GET /api/v1/status": { body: fleet } });
  const dir = await scratch(t);
  const [deep, home, named] = [join(dir, "clone", "a", "b"), join(dir, "home"), join(dir, "named.yaml")];
  await mkdir(join(dir, "clone", ".muster"), { recursive: true });
  await mkdir(deep, { recursive: true });
  await mkdir(join(home, ".config", "muster"), { recursive: true });
  const tokenUsed = async (terminal: Terminal) => {
    const { exit, err } = await muster(["status"], { cwd: deep, home, ...terminal });
    return exit === 0 ? seen.at(-1)?.authorization : err;
  };
  assert.match((await tokenUsed({})) ?? "", /^error E_NO_HUB/);
  await writeFile(join(home, ".config", "muster", "config.yaml"), `hub: ${url}\ntoken: at-home\n`);
  assert.equal(await tokenUsed({}), "Bearer at-home");
  await writeFile(join(dir, "clone", ".muster", "config"), `hub: ${url}\ntokenFile: secret\n`);
  await writeFile(join(dir, "clone", ".muster", "secret"), "in-clone\n");
  assert.equal(await tokenUsed({}), "Bearer in-clone");
  for (const outside of ["../../outside", join(dir, "outside"), "link"]) {
    await writeFile(join(dir, "outside"), TOKEN);
    await symlink("../../outside", join(dir, "clone", ".muster", "link")).catch(() => undefined);
    await writeFile(join(dir, "clone", ".muster", "config"), `hub: ${url}\ntokenFile: ${outside}\n`);
    assert.match(
      (await tokenUsed({})) ?? "",
      /^error E_CONFIG: the tokenFile of .* lies outside/,
      "a cloned repository cannot have any file sent",
    );
  }
  await writeFile(named, `hub: ${url}\ntoken: named\n`);
  assert.equal(await tokenUsed({ env: { MUSTER_CONFIG: named } }), "Bearer named");
  assert.equal(await tokenUsed({ env: { MUSTER_CONFIG: named, MUSTER_TOKEN: "direct" } }), "Bearer direct");
  await writeFile(named, `hub: ${url}\ntoken: [${TOKEN}]\nhost: x\ncaa: y\n`);
  const faults = (await tokenUsed({ env: { MUSTER_CONFIG: named } })) ?? "";
  assert.match(faults, /^error E_CONFIG: cannot read .*named\.yaml: .*token is of the wrong type.*unknown keys host, caa/);
  assert.ok(!faults.includes(TOKEN));
  assert.match((await tokenUsed({ env: { MUSTER_CONFIG: join(dir, "nowhere") } })) ?? "", /^error E_CONFIG/);
});

test("a token goes over plain http to this machine only, unless the file says insecure", async (t) => {
  const dir = await scratch(t);
  const config = join(dir, "config.yaml");
  const tried = async (hubUrl: string, more = "") => {
    await writeFile(config, `hub: ${hubUrl}\ntoken: ${TOKEN}\n${more}`);
    const { exit, err } = await muster(["status"], { env: { MUSTER_CONFIG: config } });
    assert.ok(!err.includes(TOKEN));
    return exit;
  };
  assert.equal(await tried("http://muster.invalid:7080"), 2);
  assert.equal(await tried("http://127.0.0.1.nip.invalid:7080"), 2);
  assert.equal(await tried("http://muster.invalid:7080", "insecure: true\n"), 6);
  assert.equal(await tried("https://muster.invalid:7080"), 6);
  assert.equal(await tried("https://ada:pw@muster.invalid"), 2);
  assert.equal(await tried("ftp://muster.invalid"), 2);
});

test("wrong usage exits 2 and says what is known; help and version exit 0", async () => {
  const unknown = await muster(["statsu"]);
  assert.equal(unknown.exit, 2);
  assert.match(unknown.err, /^error E_USAGE: unknown command 'statsu'\n\(Did you mean status\?\)/);
  assert.equal((await muster(["status", "--nope"])).exit, 2);
  assert.equal((await muster(["status", "-o", "xml"])).exit, 2);
  assert.equal((await muster(["token", "create", "--token", "x"])).exit, 2);
  const help = await muster(["--help"]);
  assert.equal(help.exit, 0);
  for (const code of ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "8 ", "130"]) assert.ok(help.out.includes(`\n  ${code}`), code);
  assert.deepEqual(await muster(["--version"]), { exit: 0, out: "1.2.3\n", err: "" });
});

test("main.ts ends with the command's exit code and keeps the two outputs apart", async (t) => {
  const home = await scratch(t);
  const main = new URL("main.ts", import.meta.url).pathname;
  const started = async (...args: string[]) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: home, env: { HOME: home, PATH: process.env["PATH"] } });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
    const [exit] = (await once(child, "close")) as [number];
    return { exit, ...texts };
  };
  assert.match((await started("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  const failed = await started("status");
  assert.equal(failed.exit, 2);
  assert.equal(failed.stdout, "");
  assert.match(failed.stderr, /^error E_NO_HUB: /);
});
