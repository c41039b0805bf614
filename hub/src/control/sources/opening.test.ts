// Contents opened as the hub opens them, on servers of this machine: which server is asked, with which secret, and who is believed.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { Secret } from "@muster/proto/model/secret";

import { startServer } from "../../../../test/registry/static-server.ts";
import { credentials, gitServer, onLoopback, signal } from "../../git/testdata/servers.ts";
import { openRemote } from "../../remote/remote.ts";
import { folder, tarOf } from "../../remote/testdata/world.ts";
import { quiet } from "../testdata/world.ts";
import type { ContentAddress } from "./content.ts";
import { openContent, type OpeningOptions } from "./opening.ts";

const archiveOf = (version: string, more = ""): Buffer =>
  gzipSync(tarOf([{ name: "shop/Chart.yaml", content: `name: shop\nversion: ${version}\n${more}` }]));

/** A chart repository with one version of one chart; what it says can be changed, and it can be taken away. */
async function repository(t: TestContext, version: string) {
  const seen: (string | undefined)[] = [];
  const state = { version, more: "", isUp: true };
  const server = await startServer((request, response) => {
    seen.push(request.headers.authorization);
    if (!state.isUp) return void response.writeHead(503).end();
    const bytes = archiveOf(state.version, state.more);
    const index = `entries:\n  shop:\n  - name: shop\n    version: ${state.version}\n    digest: ${digestOf(bytes)}\n    urls: [shop.tgz]\n`;
    response.writeHead(200).end(request.url?.endsWith("index.yaml") === true ? index : bytes);
  });
  t.after(() => server[Symbol.asyncDispose]());
  return { url: server.url, state, seen };
}

type Shown = Awaited<ReturnType<OpeningOptions["secret"]>>;

async function opening(t: TestContext, secrets: Readonly<Record<string, Shown>>): Promise<OpeningOptions> {
  const dir = await folder(t);
  const secret = async (ref: string): Promise<Shown> => {
    const found = secrets[ref];
    if (found === undefined) throw new OperationError("invalid", ref, "no such secret");
    return found;
  };
  const remote = await openRemote({ dir, log: quiet });
  return { dataDir: dir, secret, network: async () => onLoopback, partial: false, remote, log: quiet };
}

const chart = (url: string, change: Partial<ContentAddress> = {}): ContentAddress => ({
  key: "charts chart shop",
  kind: "chart",
  url,
  scope: url,
  revision: null,
  chart: "shop",
  pollMs: 60_000,
  secretRef: null,
  submodules: false,
  mirrors: [],
  remotes: [],
  insecure: false,
  ...change,
});

const outcome = async (
  work: Promise<{ readonly kind: string; readonly ref: string | null; readonly servedBy: string }>,
): Promise<string> => {
  try {
    const { kind, ref, servedBy } = await work;
    return `${kind} ${ref} ${servedBy}`;
  } catch (error) {
    return error instanceof OperationError ? (error.fault?.code ?? error.code) : String(error);
  }
};

test("a mirror of a Helm repository serves while the repository does not, with its own secret, and is believed when it goes on", async (t) => {
  const [own, mirror] = [await repository(t, "1.1.0"), await repository(t, "1.1.0")];
  const token = (text: string): Shown => ({ credentials: { kind: "token", token: new Secret(text) } });
  const options = await opening(t, { own: token("canary-own"), mirror: token("canary-mirror") });
  const remotes = [{ url: mirror.url, secretRef: "mirror" }];
  const watched = await openContent(options, chart(own.url, { secretRef: "own", mirrors: [mirror.url], remotes }), null);
  const look = (): Promise<string> => outcome(watched.fetch(signal));
  assert.equal(await look(), `snapshot 1.1.0 ${own.url}`);
  assert.equal(mirror.seen.length, 0, "nobody asks it without need");
  own.state.isUp = false;
  assert.equal(await look(), `unchanged 1.1.0 ${mirror.url}`);
  mirror.state.version = "1.0.0";
  assert.equal(await look(), "E_REMOTE_UNREACHABLE", "what is older changes nothing");
  await assert.rejects(watched.fetch(signal), /no mirror helps: .* older than the held version 1\.1\.0/);
  mirror.state.version = "1.1.0";
  mirror.state.more = "# other bytes\n";
  await assert.rejects(watched.fetch(signal), /no mirror helps: .* does not follow/);
  mirror.state.version = "1.2.0";
  assert.equal(await look(), `snapshot 1.2.0 ${mirror.url}`);
  assert.deepEqual([...new Set(own.seen)], ["Bearer canary-own"]);
  assert.deepEqual([...new Set(mirror.seen)], ["Bearer canary-mirror"], "S15 the Source's own secret is not shown to it");
});

test("bytes of a known digest are taken from a mirror where the repository has others", async (t) => {
  const [own, mirror] = [await repository(t, "1.0.0"), await repository(t, "1.0.0")];
  const held = `1.0.0@sha256:${digestOf(archiveOf("1.0.0"))}`;
  own.state.more = "# tampered\n";
  const address = chart(own.url, { mirrors: [mirror.url] });
  const watched = await openContent(await opening(t, {}), address, held);
  assert.equal((await watched.snapshot(held)).commit, held);
  assert.equal(await outcome(watched.fetch(signal)), "E_DIGEST_MISMATCH", "the repository's own word counts, and is refused");
});

test("B50 a question about an older version leaves the newer one pinned", async (t) => {
  const own = await repository(t, "1.0.0");
  const watched = await openContent(await opening(t, {}), chart(own.url), null);
  await watched.fetch(signal);
  own.state.version = "1.1.0";
  const newer = await watched.fetch(signal);
  assert.equal(newer.ref, "1.1.0");
  const old = `1.0.0@sha256:${digestOf(archiveOf("1.0.0"))}`;
  assert.equal((await watched.snapshot(old)).commit, old);
  assert.equal(await outcome(watched.fetch(signal)), `unchanged 1.1.0 ${own.url}`);
  await watched.snapshot(old);
  own.state.more = "# other bytes\n";
  assert.equal(await outcome(watched.fetch(signal)), "E_DIGEST_MISMATCH");
});

test("S15 a secret with hosts is refused for every other server before anything is sent", async (t) => {
  const [evil, git] = [await repository(t, "1.0.0"), await gitServer(t)];
  await git.createRepository("team/fleet", { a: "1" });
  const bound: Shown = { credentials, hosts: [`${git.url}/team`] };
  const options = await opening(t, { token: bound });
  const opened = async (address: ContentAddress): Promise<string> =>
    outcome(openContent(options, address, null).then((w) => w.fetch(signal)));
  const repo = (url: string, change: Partial<ContentAddress> = {}): ContentAddress =>
    chart(url, { kind: "git", key: "team", chart: null, secretRef: "token", ...change });
  assert.equal(await opened(chart(evil.url, { secretRef: "token" })), "E_SECRET_HOST");
  assert.equal(await opened(repo(`${evil.url}/x.git`)), "E_SECRET_HOST");
  assert.equal(await opened(repo(`${git.url}/teammate/fleet.git`)), "E_SECRET_HOST");
  const remotes = [{ url: evil.url, secretRef: "token" }];
  assert.equal(await opened(repo(git.cloneUrl("team/fleet"), { mirrors: [`${evil.url}/x.git`], remotes })), "E_SECRET_HOST");
  assert.equal(await opened(repo(git.cloneUrl("team/fleet"), { submodules: true, remotes })), "E_SECRET_HOST");
  assert.deepEqual([evil.seen, git.requests()], [[], []]);
  assert.match(await opened(repo(git.cloneUrl("team/fleet"))), /^snapshot/);
});
