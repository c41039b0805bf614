// Both ends of the link over real TLS and gRPC on loopback; who may call, what a stranger sees, how a transfer goes on after a cut.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect as connectTls } from "node:tls";

import { makeRequest, toPem } from "@muster/agent/identity/identity";
import { dialGrpc, enroll, type LinkCredentials } from "@muster/agent/link/link";
import { agentUri, mintJoinToken, readAgentIdentity, type AgentIdentity } from "@muster/hub/enroll/enroll";
import { openKeys } from "@muster/hub/keys/keys";
import { listenGrpc, type HubSession, type LinkHandlers } from "@muster/hub/link/link";
import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { FromAgent, Hello } from "@muster/proto/model/session";

const dir = await mkdtemp(join(tmpdir(), "muster-link-"));
after(() => rm(dir, { recursive: true, force: true }));
const keys = await openKeys(join(dir, "keys"), Date.now());
const strangers = await openKeys(join(dir, "strangers"), Date.now());
const release = digestOf("release");
const content = new Uint8Array(300_000).map((_, i) => (i * 31) % 251);

async function startHub(change: Partial<LinkHandlers<AgentIdentity>> = {}, authority = keys) {
  const heard: FromAgent[] = [];
  const sessions: HubSession[] = [];
  const revoked = new Set<string>();
  const failures: string[] = [];
  const server = await authority.authority.issueServer(["127.0.0.1", "localhost"], Date.now());
  const link = await listenGrpc<AgentIdentity>(
    { host: "127.0.0.1", port: 0, ...server, authority: authority.authority.certificate, onError: (where) => failures.push(where) },
    {
      identify: ({ alternativeNames, serial }) =>
        revoked.has(serial) ? undefined : readAgentIdentity(authority.fleet, alternativeNames, serial),
      enroll: async ({ csr, clusterUid, proposedName }) => {
        const issued = await authority.authority.issueAgent(csr, agentUri(authority.fleet, proposedName, clusterUid), Date.now());
        return { certificates: [issued.certificate], cluster: proposedName, fleet: authority.fleet, keyManifests: authority.manifests };
      },
      renew: async ({ cluster, uid }, csr) => ({
        certificates: [(await authority.authority.issueAgent(csr, agentUri(authority.fleet, cluster, uid), Date.now())).certificate],
      }),
      session: (_identity, session) => {
        sessions.push(session);
        return {
          message: async (message) => {
            heard.push(message);
            if (message.kind === "hello")
              session.send({ kind: "welcome", protocol: 1, features: [], beatMs: 1_000, reconnectWindowMs: 0, keyManifests: [] });
            if (message.kind === "root") throw new TypeError("the test's own fault");
          },
          closed: () => undefined,
        };
      },
      release: async (_identity, wanted) => (wanted === release ? content : undefined),
      awaits: () => false,
      answered: () => assert.fail("nothing was asked for"),
      ...change,
    },
  );
  return {
    link,
    heard,
    sessions,
    revoked,
    failures,
    address: `127.0.0.1:${link.port}`,
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

const token = mintJoinToken(keys.authority.certificate).text;

async function join1(address: string, withToken = token): Promise<LinkCredentials> {
  const { key, csr } = await makeRequest();
  const enrolled = await enroll({ address, token: withToken, csr, clusterUid: "u1", proposedName: "berlin", agentVersion: "0" });
  return { key, certificate: toPem(enrolled.certificates), authorities: enrolled.authority };
}

const hello: Hello = {
  kind: "hello",
  protocolMin: 1,
  protocolMax: 1,
  features: [],
  agentVersion: "0.1.0",
  clusterUid: "u1",
  instance: "i1",
  accepted: { epoch: 1, signer: "k", generation: 4, digest: digestOf("x") },
  statusRoot: digestOf(""),
  trustVersion: 1,
  facts: { kubernetesVersion: "v1.36.3", apiVersions: ["v1"], agentVersion: "0.1.0" },
};

const fails =
  (...codes: string[]) =>
  (error: unknown): boolean =>
    error instanceof OperationError && codes.includes(error.code);

test("an enrolled agent says hello and is welcomed; what it said arrives as it was meant", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const link = dialGrpc(hub.address, await join1(hub.address));
  const stop = new AbortController();
  const session = link.session(stop.signal);
  session.send(hello);
  for await (const message of session.messages) {
    assert.equal(message.kind, "welcome");
    break;
  }
  assert.deepEqual(hub.heard, [hello]);
  stop.abort();
  link.close();
});

test("S13 S27 a caller without a certificate of this fleet gets nothing from any call", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const own = await join1(hub.address);
  await using other = await startHub({}, strangers);
  const foreign = await join1(other.address, mintJoinToken(strangers.authority.certificate).text);
  const signal = new AbortController().signal;
  for (const credentials of [{ ...foreign, authorities: own.authorities }]) {
    const link = dialGrpc(hub.address, credentials);
    const drain = async (): Promise<void> => {
      for await (const _ of link.session(signal).messages) assert.fail("a stranger was answered");
    };
    await assert.rejects(drain(), fails("unauthenticated", "unavailable"));
    await assert.rejects(link.fetchRelease(release, null, signal), fails("unauthenticated", "unavailable"));
    await assert.rejects(link.renew((await makeRequest()).csr), fails("unauthenticated", "unavailable"));
    link.close();
  }
  assert.deepEqual(hub.heard, []);
});

test("S19 F24 F27 an agent gives its token to no other hub than the one that made it", { timeout: 20_000 }, async () => {
  let asked = 0;
  await using impostor = await startHub({ enroll: async () => ((asked += 1), Promise.reject(new TypeError("not reached"))) }, strangers);
  await assert.rejects(join1(impostor.address), fails("unauthenticated"));
  assert.equal(asked, 0);
});

test("S19 an enrolled agent speaks to no server that its own CA does not vouch for", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const credentials = await join1(hub.address);
  await using impostor = await startHub({}, strangers);
  const link = dialGrpc(impostor.address, credentials);
  await assert.rejects(link.fetchRelease(release, null, new AbortController().signal), fails("unavailable"));
  assert.deepEqual(impostor.heard, []);
  link.close();
});

test("S33 F28 a revoked certificate is refused at the next call, and its connections are cut", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const credentials = await join1(hub.address);
  const link = dialGrpc(hub.address, credentials);
  const signal = new AbortController().signal;
  const session = link.session(signal);
  session.send(hello);
  const messages = session.messages[Symbol.asyncIterator]();
  await messages.next();
  const serial = new X509Certificate(credentials.certificate).serialNumber.toLowerCase();
  hub.revoked.add(serial);
  hub.link.cut(serial);
  await assert.rejects(Promise.resolve(messages.next()), fails("unavailable", "cancelled"));
  await assert.rejects(link.fetchRelease(release, null, signal), fails("unauthenticated"));
  link.close();
});

test("I4 a Release that one may not have is not found", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const link = dialGrpc(hub.address, await join1(hub.address));
  await assert.rejects(link.fetchRelease(digestOf("somebody else's"), null, new AbortController().signal), fails("notFound"));
  link.close();
});

test("F18 a transfer that is cut goes on at its offset", { timeout: 30_000 }, async () => {
  await using hub = await startHub();
  const credentials = await join1(hub.address);
  let sent = 0;
  let cuts = 0;
  // A proxy that cuts the first connections after 100 kB each.
  const { createServer } = await import("node:net");
  const proxy = createServer((socket) => {
    const upstream = connectTcp(hub.link.port, "127.0.0.1");
    let passed = 0;
    for (const stream of [socket, upstream]) stream.on("error", () => undefined);
    socket.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      sent += chunk.length;
      socket.write(chunk);
      if (passed > 100_000 && cuts < 2) {
        cuts += 1;
        socket.destroy();
        upstream.destroy();
      }
    });
    socket.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as { port: number };
  const link = dialGrpc(`127.0.0.1:${port}`, credentials);
  assert.deepEqual(Buffer.from(await link.fetchRelease(release, null, new AbortController().signal)), Buffer.from(content));
  assert.equal(cuts, 2);
  assert.ok(sent < 2 * content.length, `${sent} bytes for ${content.length}: it began anew`);
  link.close();
  proxy.close();
});

test("B57 B58 garbage, plain text, old TLS and half a handshake leave the hub alive", { timeout: 30_000 }, async () => {
  await using hub = await startHub();
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff".repeat(50), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
    await new Promise<void>((resolve) => {
      const socket = connectTcp(hub.link.port, "127.0.0.1", () => socket.write(bytes));
      socket.on("error", () => undefined).on("close", () => resolve());
      socket.resume();
      setTimeout(() => socket.destroy(), 300);
    });
  }
  await new Promise<void>((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port: hub.link.port, maxVersion: "TLSv1.2", rejectUnauthorized: false }, () =>
      assert.fail("TLS 1.2 was accepted"),
    );
    socket.on("error", () => resolve());
  });
  const garbage = connectTls({ host: "127.0.0.1", port: hub.link.port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  garbage.on("error", () => undefined);
  garbage.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\u0000".repeat(9)}${"\xff".repeat(2_000)}`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  garbage.destroy();
  const link = dialGrpc(hub.address, await join1(hub.address));
  assert.equal((await link.fetchRelease(release, null, new AbortController().signal)).length, content.length);
  link.close();
});

test("a message that cannot be handled ends its session with a word, and only that", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const link = dialGrpc(hub.address, await join1(hub.address));
  const session = link.session(new AbortController().signal);
  session.send(hello);
  session.send({ kind: "root", statusRoot: "x" });
  const kinds: string[] = [];
  for await (const message of session.messages) kinds.push(message.kind);
  assert.deepEqual(kinds, ["welcome", "rejected"]);
  assert.deepEqual(
    hub.failures.filter((where) => where !== "handshake"),
    ["session"],
  );
  link.close();
});

test("an agent's renewed certificate has a new key and serial, and is taken at the next call", { timeout: 20_000 }, async () => {
  await using hub = await startHub();
  const own = await join1(hub.address);
  const first = dialGrpc(hub.address, own);
  const { key, csr } = await makeRequest();
  const certificate = toPem(await first.renew(csr));
  first.close();
  const [before, after] = [new X509Certificate(own.certificate), new X509Certificate(certificate)];
  assert.notEqual(after.serialNumber, before.serialNumber);
  assert.equal(after.subjectAltName, before.subjectAltName);
  const link = dialGrpc(hub.address, { ...own, key, certificate });
  assert.equal((await link.fetchRelease(release, null, new AbortController().signal)).length, content.length);
  link.close();
});
