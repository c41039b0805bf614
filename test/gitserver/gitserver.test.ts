// The test Git server, used by the real git client: what it serves, whom it refuses, what it tells, how it fails.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { promisify } from "node:util";
import { gitEnvironment } from "./git.ts";
import { signature, startGitServer, type GitServer } from "./gitserver.ts";

const TOKEN = "s3cret-token";
const SECRET = "hook-secret";
const run = promisify(execFile);

/** The git of a person: in a folder of its own, who commits as Grace. */
async function person(): Promise<AsyncDisposable & { dir: string; git(...args: string[]): Promise<string> }> {
  const dir = await mkdtemp(join(tmpdir(), "muster-person-"));
  const who = ["-c", "user.name=Grace", "-c", "user.email=grace@example.com"];
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", [...who, ...args], { cwd: dir, env: { ...gitEnvironment(dir) }, timeout: 20_000 })).stdout;
  return { dir, git, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

function withToken(server: GitServer, repository: string, token = TOKEN): string {
  return server.cloneUrl(repository).replace("http://", `http://grace:${token}@`);
}

interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A hub that only listens. */
async function listener(): Promise<AsyncDisposable & { url: string; heard: readonly Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      heard.push({ headers: request.headers, body });
      response.writeHead(202).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { url, heard, [Symbol.asyncDispose]: async () => void server.close() };
}

test("a repository with files, links and removals is what git clones", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await using grace = await person();
  const first = await server.createRepository("team/fleet", { "a b/ü.yaml": "x: 1\n", "gone.txt": "gone" });
  const second = await server.commit("team/fleet", { "gone.txt": null, link: { link: "a b/ü.yaml" } }, "Second\n\nwith a body");
  await grace.git("clone", "--quiet", withToken(server, "team/fleet"), "clone");
  assert.equal((await grace.git("-C", "clone", "rev-list", "HEAD")).trim(), `${second}\n${first}`);
  assert.equal(await readFile(join(grace.dir, "clone/a b/ü.yaml"), "utf8"), "x: 1\n");
  assert.equal(await readlink(join(grace.dir, "clone/link")), "a b/ü.yaml");
  await assert.rejects(readFile(join(grace.dir, "clone/gone.txt")), { code: "ENOENT" });
  assert.equal(await grace.git("-C", "clone", "log", "-1", "--format=%B%an"), "Second\n\nwith a body\nAda Example\n");
  assert.equal(await server.head("team/fleet"), second);
});

test("without the token nothing is served, with it as a bearer it is", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await server.createRepository("fleet", { a: "1" });
  const refs = `${server.cloneUrl("fleet")}/info/refs?service=git-upload-pack`;
  const statuses: readonly (readonly [string | undefined, number])[] = [
    [undefined, 401],
    ["Bearer wrong", 401],
    [`Basic ${Buffer.from("grace:wrong").toString("base64")}`, 401],
    [`Basic ${Buffer.from(`grace:${TOKEN}`).toString("base64")}`, 200],
    [`Bearer ${TOKEN}`, 200],
  ];
  for (const [authorization, status] of statuses) {
    const answer = await fetch(refs, authorization === undefined ? {} : { headers: { authorization } });
    await answer.arrayBuffer();
    assert.equal(answer.status, status, String(authorization));
  }
  assert.deepEqual(
    server.requests().map((request) => request.user),
    [undefined, undefined, undefined, "grace", "token"],
  );
});

test("a person's push arrives and is told to the webhook with a signature over the body", async () => {
  await using hub = await listener();
  await using server = await startGitServer({ token: TOKEN });
  await using grace = await person();
  const before = await server.createRepository("fleet", { "app.yaml": "replicas: 1\n", "old.yaml": "" });
  server.setWebhook({ url: hub.url, secret: SECRET });
  await grace.git("clone", "--quiet", withToken(server, "fleet"), ".");
  await writeFile(join(grace.dir, "app.yaml"), "replicas: 2\n");
  await writeFile(join(grace.dir, "new.yaml"), "");
  await grace.git("rm", "--quiet", "old.yaml");
  await grace.git("add", "-A");
  await grace.git("commit", "--quiet", "-m", "Two replicas");
  await grace.git("push", "--quiet");
  const after = (await grace.git("rev-parse", "HEAD")).trim();
  assert.equal(await server.head("fleet"), after);

  const [delivery] = await server.deliveries();
  assert.deepEqual(delivery?.result, { status: 202 });
  const [{ headers, body } = { headers: {}, body: "" }] = hub.heard;
  assert.equal(headers["x-gitea-event"], "push");
  assert.equal(headers["x-gitea-delivery"], delivery?.id);
  assert.equal(headers["x-gitea-signature"], signature(body, SECRET));
  const said: unknown = JSON.parse(body);
  assert.partialDeepStrictEqual(said, {
    ref: "refs/heads/main",
    before,
    after,
    repository: { full_name: "fleet", clone_url: server.cloneUrl("fleet") },
    pusher: { login: "grace" },
    commits: [{ id: after, author: { name: "Grace" }, added: ["new.yaml"], removed: ["old.yaml"], modified: ["app.yaml"] }],
  });
});

test("commits of the test itself are told in the same way, and a hub that is away loses only the hint", async () => {
  await using hub = await listener();
  await using server = await startGitServer({ token: TOKEN, webhook: { url: hub.url, secret: SECRET } });
  const first = await server.createRepository("fleet", { a: "1" });
  server.setWebhook({ url: "http://127.0.0.1:1/nobody", secret: SECRET });
  const second = await server.commit("fleet", { a: "2" }, "Two", { author: { name: "Lin", email: "lin@example.com" } });
  const deliveries = await server.deliveries();
  assert.deepEqual(
    deliveries.map(({ push }) => [push.before, push.after, push.pusher]),
    [
      ["0".repeat(40), first, "ada"],
      [first, second, "lin"],
    ],
  );
  assert.equal(hub.heard.length, 1);
  assert.ok("error" in (deliveries[1]?.result ?? {}));
});

test("a force push replaces history, and leads back to an old commit", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await using grace = await person();
  const first = await server.createRepository("fleet", { a: "1" });
  await server.commit("fleet", { a: "2" }, "Two");
  const orphan = await server.forcePush("fleet", null, { b: "1" });
  await grace.git("clone", "--quiet", withToken(server, "fleet"), ".");
  assert.equal((await grace.git("rev-list", "HEAD")).trim(), orphan);
  assert.equal((await grace.git("ls-files")).trim(), "b");
  assert.equal(await server.forcePush("fleet", first), first);
  assert.equal(await server.head("fleet"), first);
});

test("commits asked for at once all land, one upon the other", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await server.createRepository("fleet", { a: "0" });
  await Promise.all(["1", "2", "3"].map((name) => server.commit("fleet", { [name]: name }, name)));
  await using grace = await person();
  await grace.git("clone", "--quiet", withToken(server, "fleet"), ".");
  assert.equal((await grace.git("ls-files")).trim(), "1\n2\n3\na");
  assert.equal((await grace.git("rev-list", "--count", "HEAD")).trim(), "4");
});

test("an outage refuses connections, and the same address serves again afterwards", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await using grace = await person();
  const head = await server.createRepository("fleet", { a: "1" });
  await server.stop();
  await assert.rejects(grace.git("ls-remote", withToken(server, "fleet")), /Failed to connect|Connection refused|Couldn't connect/);
  await server.start();
  assert.match(await grace.git("ls-remote", withToken(server, "fleet")), new RegExp(head));
});

test("each fault fails git in its own way, and none after it ends", async () => {
  await using server = await startGitServer({ token: TOKEN });
  await using grace = await person();
  await server.createRepository("fleet", { "big.bin": new Uint8Array(200_000).map((_, index) => (index * 7919) >> 3) });
  const clone = (): Promise<string> => grace.git("clone", "--quiet", withToken(server, "fleet"), "clone");
  const faults = [
    [{ kind: "status", status: 403 }, /403/],
    [{ kind: "status", status: 429, retryAfterSeconds: 7 }, /429/],
    [{ kind: "status", status: 500 }, /500/],
    [{ kind: "truncate", afterBytes: 100 }, /early EOF|disconnect|unexpected|closed/],
  ] as const;
  for (const [fault, expected] of faults) {
    server.setFault(fault);
    await assert.rejects(clone(), expected, JSON.stringify(fault));
  }
  server.setFault({ kind: "status", status: 429, retryAfterSeconds: 7 });
  assert.equal((await fetch(server.cloneUrl("fleet"))).headers.get("retry-after"), "7");
  server.setFault({ kind: "hang" });
  const before = server.requests().length;
  const hanging = assert.rejects(fetch(server.cloneUrl("fleet")));
  while (server.requests().length === before) await new Promise(setImmediate);
  server.setFault(undefined);
  await hanging;
  await clone();
});
