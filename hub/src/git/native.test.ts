// The git program kept on a short lead: whom it trusts, what it is told, what it leaves behind.

import assert from "node:assert/strict";
import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { startSshServer, type SshServer } from "../../../test/gitserver/sshd.ts";
import { parseRefs } from "./native.ts";
import { nativeFault } from "./native-faults.ts";
import { CANARY, codeOf, folder, gitServer, open, serving, signal, snapshotOf, stub, text } from "./testdata/servers.ts";
import { machineGit, nativeHttp, sshCredentials } from "./testdata/ways.ts";

let ssh: SshServer;
before(async () => {
  ssh = await startSshServer();
});
after(() => ssh[Symbol.asyncDispose]());

test("S18 a server with another host key, or one that nobody named, gets nothing", async (t) => {
  const server = await gitServer(t);
  await server.createRepository("fleet", { a: "1" });
  const url = ssh.url(server.path("fleet"));
  await using other = await startSshServer();
  const accepted = () => (ssh.said().match(/Accepted publickey/g) ?? []).length;
  const before = accepted();
  const wrong = other.knownHosts.replace(`:${other.port} `, `:${ssh.port} `);
  for (const knownHosts of [wrong, other.knownHosts, ssh.knownHosts.replace("127.0.0.1", "other.example")])
    assert.equal(
      await codeOf((await open(t, url, { credentials: sshCredentials(ssh, knownHosts) })).fetch(signal)),
      "E_SSH_HOST_KEY",
      knownHosts,
    );
  assert.equal(accepted(), before, "nobody signed in");
  const known = await open(t, url, { credentials: sshCredentials(ssh) });
  assert.equal(await text(await snapshotOf(known.fetch(signal)), "a"), "1");
});

test("F36 a key that the server does not know, a repository that is not there, a port where nobody listens: each its own code", async (t) => {
  await using other = await startSshServer();
  const fetched = async (url: string, credentials = sshCredentials(ssh)) => codeOf((await open(t, url, { credentials })).fetch(signal));
  const stranger = { kind: "ssh", identity: new Secret(other.identity), knownHosts: ssh.knownHosts } as const;
  assert.equal(await fetched(ssh.url("/srv/fleet.git"), stranger), "E_SOURCE_AUTH");
  assert.equal(await fetched(ssh.url("/srv/fleet.git"), { ...stranger, identity: new Secret(CANARY) }), "E_SOURCE_AUTH");
  assert.equal(await fetched(ssh.url("/srv/fleet.git")), "E_SOURCE_NOT_FOUND");
  const { port } = other;
  await other[Symbol.asyncDispose]();
  assert.equal(await fetched(`ssh://git@127.0.0.1:${port}/x.git`), "E_SOURCE_UNREACHABLE");
});

test("an ssh URL on a machine without git or ssh says so when it is opened", async (t) => {
  const credentials = sshCredentials(ssh);
  const program = await machineGit();
  assert.equal(await codeOf(open(t, "git@host:x.git", { credentials }, {}, undefined, null)), "E_GIT_MISSING");
  assert.equal(await codeOf(open(t, "git@host:x.git", { credentials }, {}, undefined, { ...program, ssh: null })), "E_GIT_MISSING");
});

test(
  "S23 I9 no credential is in an argument or the environment of a process; an abort ends them all and leaves nothing",
  { skip: process.platform !== "linux" && "needs /proc" },
  async (t) => {
    const server = await gitServer(t);
    const commit = await server.createRepository("fleet", { a: "1" });
    const answer = serving(commit, Buffer.alloc(0));
    let hanging = false;
    const url = await stub(t, (request, response, body) => {
      if (request.method === "GET") answer(request, response, body);
      else hanging = true; // git waits for its pack
    });
    const source = await nativeHttp.open(t, `${url}/fleet.git`);
    const abort = new AbortController();
    const fetching = codeOf(source.fetch(abort.signal));
    while (!hanging) await new Promise(setImmediate);
    const dir = join(source.dir, "repository.git.incoming");
    const config = await readFile(join(dir, "config"), "utf8");
    assert.ok(config.includes("Authorization: Basic "), "it is in a file of this folder");
    const seen = await processesIn(dir);
    assert.ok(seen.length >= 2, "git and its helper run");
    const secrets = [CANARY, Buffer.from(`x-access-token:${CANARY}`).toString("base64")];
    for (const { words } of seen) for (const secret of secrets) assert.ok(!words.includes(secret), words);
    abort.abort();
    assert.equal(await fetching, "E_CANCELLED");
    while ((await processesIn(dir)).length > 0) await new Promise(setImmediate);
    assert.deepEqual(await readdir(source.dir), ["repository.git"]);
  },
);

test("S11 nothing of the person's or the machine's configuration reaches git, and no text of a Source reaches a shell", async (t) => {
  const server = await gitServer(t);
  await server.createRepository("fleet", { a: "1" });
  const home = await folder(t);
  const marker = join(home, "pwned");
  await writeFile(
    join(home, ".gitconfig"),
    `[url "ext::sh -c touch% ${marker}% "]\n\tinsteadOf = http\n[core]\n\tsshCommand = touch ${marker}\n\tfsmonitor = touch ${marker}\n[credential]\n\thelper = "!touch ${marker}"\n`,
  );
  const given = {
    HOME: home,
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_SSH_COMMAND: `touch ${marker}`,
    GIT_ASKPASS: `${home}/touch`,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.fsmonitor",
    GIT_CONFIG_VALUE_0: `touch ${marker}`,
  };
  const was = Object.fromEntries(Object.keys(given).map((name) => [name, process.env[name]]));
  t.after(() => {
    for (const [name, value] of Object.entries(was))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  Object.assign(process.env, given);
  await snapshotOf((await nativeHttp.open(t, server.cloneUrl("fleet"))).fetch(signal));
  await snapshotOf((await open(t, ssh.url(server.path("fleet")), { credentials: sshCredentials(ssh) })).fetch(signal));
  const shell = join(home, "$(touch pwned);touch pwned");
  await snapshotOf((await nativeHttp.open(t, server.cloneUrl("fleet"), { revision: "main" }, {}, shell)).fetch(signal));
  for (const revision of ["$(touch${IFS}pwned)", ";id", "`id`"])
    assert.equal(await codeOf((await nativeHttp.open(t, server.cloneUrl("fleet"), { revision })).fetch(signal)), "E_REF_MISSING");
  assert.deepEqual((await readdir(home)).toSorted(), ["$(touch pwned);touch pwned", ".gitconfig"]);
});

test("B11 S15 a redirect while the pack is fetched is refused, and nothing arrives where it leads", async (t) => {
  const arrived: string[] = [];
  const evil = await stub(t, (request, response) => {
    arrived.push(request.url ?? "");
    response.end();
  });
  const server = await gitServer(t);
  const commit = await server.createRepository("fleet", { a: "1" });
  const answer = serving(commit, Buffer.alloc(0));
  let seen = 0;
  const url = await stub(t, (request, response, body) => {
    seen += 1;
    if (seen === 1) answer(request, response, body);
    else response.writeHead(302, { location: `${evil}/x` }).end();
  });
  assert.equal(await codeOf((await nativeHttp.open(t, `${url}/fleet.git`)).fetch(signal)), "E_REDIRECT_FORBIDDEN");
  assert.deepEqual(arrived, []);
});

test("a moved repository on the same server is followed; its credentials stay behind", async (t) => {
  const server = await gitServer(t);
  await server.createRepository("fleet", { a: "1" });
  const authorized: string[] = [];
  const front = await stub(t, (request, response) => {
    if (request.url?.startsWith("/old.git/"))
      return void response.writeHead(301, { location: request.url.replace("/old.git", "/fleet.git") }).end();
    authorized.push(`${request.url} ${request.headers.authorization !== undefined}`);
    response.writeHead(404).end();
  });
  assert.equal(await codeOf((await nativeHttp.open(t, `${front}/old.git`)).fetch(signal)), "E_SOURCE_NOT_FOUND");
  assert.deepEqual(authorized, ["/fleet.git/info/refs?service=git-upload-pack false"]);
});

test("what git and ssh say becomes a code; a server's own words decide nothing", () => {
  const table: readonly (readonly [string, string])[] = [
    ["Host key verification failed.\nfatal: Could not read from remote repository.", "E_SSH_HOST_KEY"],
    ["git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.", "E_SOURCE_AUTH"],
    ["ssh: connect to host h port 22: Connection refused\nfatal: Could not read", "E_SOURCE_UNREACHABLE"],
    ["ssh: Could not resolve hostname h: Name or service not known", "E_SOURCE_UNREACHABLE"],
    ["ERROR: Repository not found.\nfatal: Could not read from remote repository.", "E_SOURCE_NOT_FOUND"],
    ["fatal: unable to access 'https://h/': The requested URL returned error: 403", "E_SOURCE_FORBIDDEN"],
    ["fatal: unable to access 'https://h/': The requested URL returned error: 503", "E_SOURCE_UNREACHABLE"],
    ["fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none", "E_SOURCE_TLS"],
    ["fatal: couldn't find remote ref refs/heads/x", "E_REF_MISSING"],
    ["fatal: remote error: upload-pack: not our ref 1234", "E_COMMIT_MISSING"],
    ["error: RPC failed; curl 18 transfer closed\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output", "E_SOURCE_UNREACHABLE"],
    ["fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", "E_GIT_CORRUPT"],
    ["fatal: Out of memory, malloc failed (tried to allocate 10737418240 bytes)", "E_LIMIT"],
    ["error: index-pack died of signal 25", "E_LIMIT"],
    ["remote: Host key verification failed.\nfatal: something new", "E_GIT_PROTOCOL"],
    ["", "E_GIT_PROTOCOL"],
  ];
  for (const [stderr, code] of table)
    assert.equal(nativeFault({ kind: "failed", stderr }, { name: "root", url: "u", want: null }).fault?.code, code, stderr);
});

test("refs are read with what HEAD stands for and what tags lead to", () => {
  const [a, b] = ["a".repeat(40), "b".repeat(40)];
  const said = `ref: refs/heads/main\tHEAD\n${a}\tHEAD\n${a}\trefs/heads/main\n${b}\trefs/tags/v1\n${a}\trefs/tags/v1^{}\nnonsense\n`;
  assert.deepEqual(parseRefs(said), [
    { ref: "HEAD", oid: a, peeled: null, target: "refs/heads/main" },
    { ref: "refs/heads/main", oid: a, peeled: null, target: null },
    { ref: "refs/tags/v1", oid: b, peeled: a, target: null },
  ]);
});

/** The processes that work in a folder, with all their arguments and their environment. */
async function processesIn(dir: string): Promise<readonly { readonly words: string }[]> {
  const found: { words: string }[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (cwd !== dir) continue;
    const [args, env] = await Promise.all(["cmdline", "environ"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")));
    found.push({ words: `${args} ${env}`.replaceAll("\0", " ") });
  }
  return found;
}
