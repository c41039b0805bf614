// What tests of Sources share: opening one, a real Git server, and servers that lie.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import type { TestContext } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { parseProxy, type Network } from "../../network/network.ts";

import { startGitServer, type GitServer } from "../../../../test/gitserver/gitserver.ts";
import type { SourceAddress } from "../address.ts";
import type { GitProgram } from "../git-program.ts";
import type { GitLimits } from "../limits.ts";
import type { Snapshot } from "../snapshot.ts";
import { openSource, type Fetched, type GitSource } from "../source.ts";

export const CANARY = "canary-7f3a";
export const credentials = { kind: "token", token: new Secret(CANARY) } as const;
export const signal = new AbortController().signal;

export async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-source-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function gitServer(t: TestContext): Promise<GitServer> {
  const server = await startGitServer({ token: CANARY });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

/** The servers of tests stand on this machine. */
export const onLoopback: Network = { http: null, https: null, noProxy: [], allow: ["127.0.0.0/8", "::1"] };
export function through(proxyUrl: string, noProxy: readonly string[] = []): Network {
  const proxy = parseProxy(proxyUrl);
  return { ...onLoopback, http: proxy, https: proxy, noProxy };
}

/** What tests say of a Source, and of the network. */
export type More = Partial<SourceAddress> & { readonly network?: Network };
export type Opened = GitSource & { readonly warnings: string[]; readonly dir: string };

export async function open(
  t: TestContext,
  url: string,
  { network = onLoopback, ...more }: More = {},
  limits: Partial<GitLimits> = {},
  dir?: string,
  program?: GitProgram | null,
): Promise<Opened> {
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (_: object, message: string) => void warnings.push(message) };
  const where = dir ?? (await folder(t));
  const source = await openSource({
    dir: where,
    network,
    log,
    limits,
    ...(program === undefined ? {} : { program }),
    address: { name: "root", url, revision: null, credentials, ...more },
  });
  return { ...source, warnings, dir: where };
}

export async function snapshotOf(fetched: Promise<Fetched>): Promise<Snapshot> {
  const result = await fetched;
  assert.equal(result.kind, "snapshot");
  return (result as Extract<Fetched, { kind: "snapshot" }>).snapshot;
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "accepted";
  } catch (error) {
    const { fault, message } = error as Error & { fault?: { code: string; remedy: string } };
    assert.ok(!message.includes(CANARY), "no credential in a message");
    return fault?.code ?? String(error);
  }
}

export async function text(snapshot: Snapshot, path: string): Promise<string | undefined> {
  const entry = await snapshot.tree.entry(path);
  return entry && Buffer.from(await snapshot.tree.read(entry.oid)).toString();
}

/** Runs git in a repository of the server: for what no decent client would push. */
export const raw = (server: GitServer, repository: string, args: readonly string[], input: string | Uint8Array = ""): string =>
  execFileSync("git", ["-C", server.path(repository), ...args], {
    input,
    encoding: "utf8",
    env: { ...process.env, GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@x", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@x" },
  }).trim();

/** A server under the test's own control. */
export async function stub(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server = http.createServer((request, response) => {
    void readText(request).then((body) => answer(request, response, body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const line = (content: string | Uint8Array) =>
  Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, "0")), Buffer.from(content)]);
export const flush = Buffer.from("0000");

/** Answers as protocol version 0: `commit` is main, and every fetch gets `pack`. */
export function serving(commit: string, pack: Uint8Array) {
  return (request: IncomingMessage, response: ServerResponse, body: string) => {
    if (request.method === "GET") {
      response.setHeader("content-type", "application/x-git-upload-pack-advertisement");
      const refs = [
        line(`${commit} HEAD\0side-band-64k ofs-delta shallow symref=HEAD:refs/heads/main agent=x\n`),
        line(`${commit} refs/heads/main\n`),
      ];
      response.end(Buffer.concat([line("# service=git-upload-pack\n"), flush, ...refs, flush]));
      return;
    }
    const shallow = [line(`shallow ${commit}\n`), flush];
    if (!body.includes("0009done")) return void response.end(Buffer.concat(shallow)); // git asks twice
    const chunks = [...shallow, line("NAK\n")];
    for (let at = 0; at < pack.length; at += 60_000) chunks.push(line(Buffer.concat([Buffer.from([1]), pack.subarray(at, at + 60_000)])));
    response.end(Buffer.concat([...chunks, flush]));
  };
}

export function packOf(server: GitServer, repository: string, objects: readonly string[]): Buffer {
  const input = `${objects.join("\n")}\n`;
  return execFileSync("git", ["-C", server.path(repository), "pack-objects", "--stdout", "-q"], { input, maxBuffer: 1 << 28 });
}
