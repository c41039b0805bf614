// Each end of the link against another end that lies: forged certificates, transfers that are not what they promise, too many at once.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate } from "node:crypto";
import { after, test, type TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";

import { makeRequest, toPem } from "@muster/agent/identity/identity";
import { dialGrpc, enroll, type LinkCredentials } from "@muster/agent/link/link";
import { agentUri, mintJoinToken, readAgentIdentity, type AgentIdentity } from "@muster/hub/enroll/enroll";
import { makeRoot, openAuthority } from "@muster/hub/keys/authority";
import { openKeys, type Keys } from "@muster/hub/keys/keys";
import { linkLimits, listenGrpc, type LinkHandlers } from "@muster/hub/link/link";
import { EnrollmentServiceClient, EnrollmentServiceService, type EnrollmentServiceServer } from "@muster/proto/gen/muster/v1/enrollment";
import { LinkServiceClient, LinkServiceService, type LinkServiceServer } from "@muster/proto/gen/muster/v1/link";
import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";

const dir = await mkdtemp(join(tmpdir(), "muster-hostile-"));
after(() => rm(dir, { recursive: true, force: true }));
const keys = await openKeys(join(dir, "keys"), Date.now());
const strangers = await openKeys(join(dir, "strangers"), Date.now());
const release = digestOf("release");
const timeout = 20_000;
const never = new AbortController().signal;

const fails =
  (code: string, what = /./) =>
  (error: unknown) =>
    error instanceof OperationError && error.code === code && what.test(error.message);

/** An agent's credentials that this CA issued, for whom they claim to be. */
async function credentials(issuer: Keys, fleet = keys.fleet): Promise<LinkCredentials> {
  const { key, csr } = await makeRequest();
  const { certificate } = await issuer.authority.issueAgent(csr, agentUri(fleet, "berlin", "u1"), Date.now());
  return { key, certificate: toPem([certificate]), authorities: keys.authority.certificate };
}

async function hub(t: TestContext, release: LinkHandlers<AgentIdentity>["release"], revoked: ReadonlySet<string> = new Set()) {
  const own = await keys.authority.issueServer(["127.0.0.1"], Date.now());
  const unused = (): never => assert.fail("not asked for");
  const link = await listenGrpc<AgentIdentity>(
    { host: "127.0.0.1", port: 0, ...own, authority: keys.authority.certificate, onError: () => undefined },
    {
      identify: ({ alternativeNames, serial }) =>
        revoked.has(serial) ? undefined : readAgentIdentity(keys.fleet, alternativeNames, serial),
      enroll: unused,
      renew: unused,
      session: unused,
      release,
      awaits: () => false,
      answered: () => assert.fail("nothing was asked for"),
    },
  );
  t.after(() => link[Symbol.asyncDispose]());
  return `127.0.0.1:${link.port}`;
}

test("S13 S27 a certificate that says all the right things and is of another CA gets nothing", { timeout }, async (t) => {
  let asked = 0;
  const address = await hub(t, async () => {
    asked += 1;
    return new Uint8Array(9);
  });
  const forged = dialGrpc(address, await credentials(strangers));
  t.after(() => forged.close());
  await assert.rejects(forged.fetchRelease(release, null, never), fails("unavailable"));
  assert.equal(asked, 0);
  const own = dialGrpc(address, await credentials(keys));
  t.after(() => own.close());
  assert.equal((await own.fetchRelease(release, null, never)).length, 9);
});

test("S13 S33 who shows no certificate, or one that is known to be nobody's, gets nothing from any call", { timeout }, async (t) => {
  const revoked = new Set<string>();
  const address = await hub(t, () => assert.fail("a Release was asked for"), revoked);
  const own = await credentials(keys);
  revoked.add(new X509Certificate(own.certificate).serialNumber.toLowerCase());
  const links = [dialGrpc(address, own), dialAnonymous(t, address)];
  for (const link of links) {
    t.after(() => link.close());
    await assert.rejects(link.fetchRelease(release, null, never), fails("unauthenticated"));
    await assert.rejects(link.renew((await makeRequest()).csr), fails("unauthenticated"));
    const drain = async (): Promise<void> => {
      for await (const _ of link.session(never).messages) assert.fail("was answered");
    };
    await assert.rejects(drain(), fails("unauthenticated"));
  }
});

test(
  "S19 F24 a server that shows the right CA above a certificate which that CA never signed is not given the token",
  { timeout },
  async (t) => {
    const forger = await openAuthority({ key: (await makeRoot(keys.fleet, Date.now())).key, certificate: keys.authority.certificate });
    const evil = await forger.issueServer(["127.0.0.1"], Date.now());
    let asked = 0;
    const server = new grpc.Server();
    const service: EnrollmentServiceServer = {
      enroll: (_call, callback) => {
        asked += 1;
        callback(null, { certificates: [], cluster: "berlin", fleet: "f", keyManifests: [] });
      },
      renew: (_call, callback) => callback(null, { certificates: [] }),
    };
    server.addService(EnrollmentServiceService, service);
    const port = await bind(t, server, evil.key, `${evil.certificate}\n${keys.authority.certificate}`);
    const { csr } = await makeRequest();
    const token = mintJoinToken(keys.authority.certificate).text;
    const options = { address: `127.0.0.1:${port}`, token, csr, clusterUid: "u1", proposedName: "berlin", agentVersion: "0" };
    await assert.rejects(enroll(options), OperationError);
    assert.equal(asked, 0);
  },
);

test("I8 one agent has only so many transfers at once, and each that ends makes room", { timeout }, async (t) => {
  let waiting: (() => void)[] = [];
  let full = (): void => undefined;
  const address = await hub(t, async () => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === linkLimits.fetchesPerAgent) full();
    });
    return new Uint8Array(9);
  });
  const link = dialGrpc(address, await credentials(keys));
  t.after(() => link.close());
  for (let round = 1; round <= 2; round += 1) {
    const all = new Promise<void>((resolve) => (full = resolve));
    const running = Array.from({ length: linkLimits.fetchesPerAgent }, () => link.fetchRelease(release, null, never));
    await Promise.race([all, Promise.all(running)]);
    await assert.rejects(link.fetchRelease(release, null, never), fails("limit", /too many fetches/));
    for (const resolve of waiting) resolve();
    waiting = [];
    await Promise.all(running);
  }
});

async function bind(t: TestContext, server: grpc.Server, key: string, certificates: string): Promise<number> {
  t.after(() => server.forceShutdown());
  return new Promise<number>((resolve, reject) => {
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificates) };
    const tls = grpc.ServerCredentials.createSsl(Buffer.from(keys.authority.certificate), [pair]);
    server.bindAsync("127.0.0.1:0", tls, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
}

/** A caller that knows the hub's CA and has no certificate. */
function dialAnonymous(t: TestContext, address: string): Pick<ReturnType<typeof dialGrpc>, "fetchRelease" | "renew" | "session" | "close"> {
  const options = { "grpc.ssl_target_name_override": "muster-hub" };
  const tls = grpc.credentials.createSsl(Buffer.from(keys.authority.certificate));
  const [link, enrollment] = [new LinkServiceClient(address, tls, options), new EnrollmentServiceClient(address, tls, options)];
  t.after(() => enrollment.close());
  const failure = (error: { readonly code?: number }): OperationError =>
    new OperationError(error.code === grpc.status.UNAUTHENTICATED ? "unauthenticated" : "invalid", address, "refused", error);
  const all = async (stream: AsyncIterable<unknown>): Promise<never> => {
    try {
      for await (const _ of stream) assert.fail("was answered");
    } catch (error) {
      throw failure(error as grpc.ServiceError);
    }
    return assert.fail("ended without a word");
  };
  return {
    fetchRelease: (wanted) => all(link.fetchRelease({ release: Buffer.from(wanted, "hex"), base: Buffer.alloc(0), offset: 0n })),
    renew: (csr) =>
      new Promise((resolve, reject) => {
        const done = (error: grpc.ServiceError | null): void => (error === null ? resolve([]) : reject(failure(error)));
        enrollment.renew({ csr: Buffer.from(csr) }, done);
      }),
    session: () => ({
      send: () => undefined,
      close: () => undefined,
      messages: { [Symbol.asyncIterator]: () => once(all(link.session())) },
    }),
    close: () => link.close(),
  };
}

const once = (answer: Promise<never>): AsyncIterator<never> => ({ next: () => answer });

type Chunk = { readonly totalBytes: bigint; readonly chunk: Buffer };

/** A hub with the right certificate that answers each fetch with these chunks. */
async function liar(t: TestContext, answers: (offset: number) => readonly Chunk[]) {
  const own = await keys.authority.issueServer(["127.0.0.1"], Date.now());
  const server = new grpc.Server();
  const service: LinkServiceServer = {
    session: (call) => call.end(),
    fetchRelease: (call) => {
      for (const chunk of answers(Number(call.request.offset))) call.write(chunk);
      call.end();
    },
    answer: (_call, callback) => callback(null, {}),
  };
  server.addService(LinkServiceService, service);
  const port = await bind(t, server, own.key, own.certificate);
  const link = dialGrpc(`127.0.0.1:${port}`, await credentials(keys));
  t.after(() => link.close());
  return link;
}

const chunk = (totalBytes: number, length: number): Chunk => ({ totalBytes: BigInt(totalBytes), chunk: Buffer.alloc(length) });
const lies: readonly [string, readonly Chunk[], string, RegExp][] = [
  ["promises more than is allowed", [chunk(64 * 1024 * 1024 + 1, 10)], "limit", /larger than/],
  ["changes its size on the way", [chunk(20, 10), chunk(30, 10)], "corrupt", /changed its size/],
  ["is longer than promised", [chunk(10, 10), chunk(10, 1)], "corrupt", /longer than promised/],
];
for (const [what, chunks, code, message] of lies) {
  test(`B55 a transfer that ${what} is refused`, { timeout }, async (t) => {
    const link = await liar(t, () => chunks);
    await assert.rejects(link.fetchRelease(release, null, never), fails(code, message));
  });
}

test("a transfer that always ends early is given up, each try at its offset", { timeout }, async (t) => {
  const offsets: number[] = [];
  const link = await liar(t, (offset) => {
    offsets.push(offset);
    return [chunk(1_000, 10)];
  });
  await assert.rejects(link.fetchRelease(release, null, never), fails("unavailable", /ended early/));
  assert.deepEqual(offsets, [0, 10, 20, 30, 40]);
});
