// What a peer may take of the hub's port: connections, time without a certificate, transfers, and time in which it does not read; and
// what the hub's log hears of it. Real TLS and HTTP/2; the bounds are made small.

import assert from "node:assert/strict";
import { once, type EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";

import { makeRequest, toPem } from "@muster/agent/identity/identity";
import { dialGrpc, enroll, type LinkCredentials } from "@muster/agent/link/link";
import { agentUri, mintJoinToken, readAgentIdentity, type AgentIdentity } from "@muster/hub/enroll/enroll";
import { openKeys } from "@muster/hub/keys/keys";
import { linkLimits, listenGrpc, type GrpcOptions, type LinkHandlers } from "@muster/hub/link/link";
import { FetchReleaseRequest } from "@muster/proto/gen/muster/v1/link";
import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";

const dir = await mkdtemp(join(tmpdir(), "muster-bounds-"));
after(() => rm(dir, { recursive: true, force: true }));
const keys = await openKeys(join(dir, "keys"), Date.now());
const release = digestOf("release");
const timeout = 20_000;
const never = new AbortController().signal;

async function credentials(): Promise<LinkCredentials> {
  const { key, csr } = await makeRequest();
  const { certificate } = await keys.authority.issueAgent(csr, agentUri(keys.fleet, "berlin", "u1"), Date.now());
  return { key, certificate: toPem([certificate]), authorities: keys.authority.certificate };
}

async function hub(t: TestContext, limits: GrpcOptions["limits"] = {}, change: Partial<LinkHandlers<AgentIdentity>> = {}) {
  const own = await keys.authority.issueServer(["127.0.0.1"], Date.now());
  const unused = (): never => assert.fail("not asked for");
  const failures: [string, unknown][] = [];
  const onError = (where: string, error: unknown): void => {
    if (where !== "handshake") failures.push([where, error]);
  };
  const link = await listenGrpc<AgentIdentity>(
    { host: "127.0.0.1", port: 0, ...own, authority: keys.authority.certificate, onError, limits },
    {
      identify: ({ alternativeNames, serial }) => readAgentIdentity(keys.fleet, alternativeNames, serial),
      enroll: unused,
      renew: unused,
      session: unused,
      release: unused,
      awaits: () => false,
      answered: () => assert.fail("nothing was asked for"),
      ...change,
    },
  );
  t.after(() => link[Symbol.asyncDispose]());
  return { port: link.port, address: `127.0.0.1:${link.port}`, failures };
}

function tls(t: TestContext, port: number, own?: LinkCredentials) {
  const socket = connectTls({
    host: "127.0.0.1",
    port,
    ca: keys.authority.certificate,
    ALPNProtocols: ["h2"],
    ...(own && { key: own.key, cert: own.certificate }),
  });
  t.after(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.resume();
  return socket;
}

/** Unlike `once`, whatever error comes first. */
const closed = (of: EventEmitter): Promise<void> => new Promise((resolve) => void of.once("close", () => resolve()));

test("S38 a connection that brings no certificate is ended after its time; one that brings one stays", { timeout }, async (t) => {
  const { port } = await hub(t, { anonymousMs: 50 });
  const known = tls(t, port, await credentials());
  await once(known, "secureConnect");
  const anonymous = tls(t, port);
  await closed(anonymous);
  assert.equal(known.destroyed, false);
});

test("S38 past the bound a further connection is dropped, and told of", { timeout }, async (t) => {
  const { port, failures } = await hub(t, { connections: 1 });
  const own = await credentials();
  const first = tls(t, port, own);
  await once(first, "secureConnect");
  await closed(tls(t, port, own));
  assert.equal(first.destroyed, false);
  assert.match(String(failures[0]?.[1]), /too many connections/);
});

test("I8 an agent has no more transfers by opening more connections", { timeout }, async (t) => {
  const full = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  let running = 0;
  const { address } = await hub(
    t,
    {},
    {
      release: async () => {
        running += 1;
        if (running === linkLimits.fetchesPerAgent) full.resolve();
        await free.promise;
        return new Uint8Array(9);
      },
    },
  );
  const own = await credentials();
  const links = [dialGrpc(address, own), dialGrpc(address, own), dialGrpc(address, await credentials())] as const;
  t.after(() => links.forEach((link) => link.close()));
  const fetches = Array.from({ length: linkLimits.fetchesPerAgent }, () => links[0].fetchRelease(release, null, never));
  await full.promise;
  await assert.rejects(links[1].fetchRelease(release, null, never), /too many fetches/);
  free.resolve();
  assert.equal((await links[2].fetchRelease(release, null, never)).length, 9, "another agent's are its own");
  await Promise.all(fetches);
});

test("I8 S38 who asks for a transfer and does not read it loses the connection", { timeout }, async (t) => {
  const { port } = await hub(t, { stalledMs: 50, lingerMs: 50 }, { release: async () => new Uint8Array(8 * 1024 * 1024) });
  const own = await credentials();
  const peer = connectHttp2(`https://127.0.0.1:${port}`, { ca: keys.authority.certificate, key: own.key, cert: own.certificate });
  t.after(() => peer.destroy());
  peer.on("error", () => undefined);
  const stream = peer.request({
    ":method": "POST",
    ":path": "/muster.v1.LinkService/FetchRelease",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  stream.pause();
  const request = FetchReleaseRequest.encode({ release: Buffer.from(release, "hex"), base: Buffer.alloc(0), offset: 0n }).finish();
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
  await closed(peer);
});

test("a refused enrolment and a failure that nobody foresaw are told of; the peer learns nothing of the latter", { timeout }, async (t) => {
  const { address, failures } = await hub(
    t,
    {},
    {
      enroll: () => Promise.reject(new OperationError("unauthenticated", "token", "no such token")),
      renew: () => Promise.reject(new TypeError("a bug of renewals")),
      release: () => Promise.reject(new TypeError("a bug of transfers")),
    },
  );
  const { csr } = await makeRequest();
  const token = mintJoinToken(keys.authority.certificate).text;
  await assert.rejects(enroll({ address, token, csr, clusterUid: "u1", proposedName: "berlin", agentVersion: "0" }), /no such token/);
  const link = dialGrpc(address, await credentials());
  t.after(() => link.close());
  const hidden = (error: unknown): boolean => error instanceof Error && !error.message.includes("a bug");
  await assert.rejects(link.renew(csr), hidden);
  const stop = new AbortController();
  const fetched = assert.rejects(link.fetchRelease(release, null, stop.signal));
  while (failures.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await fetched;
  assert.deepEqual(
    failures.slice(0, 3).map(([where, error]) => [where, (error as Error).message]),
    [
      ["enrollment", "no such token"],
      ["renewal", "a bug of renewals"],
      ["fetch", "a bug of transfers"],
    ],
  );
});
