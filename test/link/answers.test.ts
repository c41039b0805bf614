// Answers to commands over real TLS and gRPC: taken whole, in bounds, one at a time, and only while somebody waits.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";

import { makeRequest, toPem } from "@muster/agent/identity/identity";
import { dialGrpc, type LinkCredentials } from "@muster/agent/link/link";
import { agentUri, readAgentIdentity, type AgentIdentity } from "@muster/hub/enroll/enroll";
import { openKeys } from "@muster/hub/keys/keys";
import { linkLimits, listenGrpc, type LinkHandlers } from "@muster/hub/link/link";
import { LinkServiceClient, type AnswerRequest } from "@muster/proto/gen/muster/v1/link";
import { OperationError } from "@muster/proto/model/failure";

const dir = await mkdtemp(join(tmpdir(), "muster-answers-"));
after(() => rm(dir, { recursive: true, force: true }));
const keys = await openKeys(join(dir, "keys"), Date.now());
const never = new AbortController().signal;
const timeout = 20_000;
const content = new Uint8Array(3_000_000).map((_, i) => (i * 31) % 251);

const unused = (): never => assert.fail("not asked for");
type Take = Pick<LinkHandlers<AgentIdentity>, "awaits" | "answered">;

async function hub(t: TestContext, take: Take, limits: { readonly stalledMs?: number } = {}) {
  const own = await keys.authority.issueServer(["127.0.0.1"], Date.now());
  const failures: string[] = [];
  const link = await listenGrpc<AgentIdentity>(
    { host: "127.0.0.1", port: 0, ...own, authority: keys.authority.certificate, onError: (where) => failures.push(where), limits },
    {
      identify: ({ alternativeNames, serial }) => readAgentIdentity(keys.fleet, alternativeNames, serial),
      enroll: unused,
      renew: unused,
      session: unused,
      release: unused,
      ...take,
    },
  );
  t.after(() => link[Symbol.asyncDispose]());
  return { address: `127.0.0.1:${link.port}`, failures };
}

async function credentials(cluster = "berlin"): Promise<LinkCredentials> {
  const { key, csr } = await makeRequest();
  const { certificate } = await keys.authority.issueAgent(csr, agentUri(keys.fleet, cluster, "u1"), Date.now());
  return { key, certificate: toPem([certificate]), authorities: keys.authority.certificate };
}

/** A caller that says what it likes. */
function caller(t: TestContext, address: string, { authorities, key, certificate }: LinkCredentials) {
  const tls = grpc.credentials.createSsl(Buffer.from(authorities), Buffer.from(key), Buffer.from(certificate));
  const client = new LinkServiceClient(address, tls, { "grpc.ssl_target_name_override": "muster-hub" });
  t.after(() => client.close());
  const settled = Promise.withResolvers<grpc.status>();
  const call = client.answer((error: grpc.ServiceError | null) => settled.resolve(error?.code ?? grpc.status.OK));
  call.on("error", () => undefined);
  return { call, status: settled.promise };
}

const fails = (code: string) => (error: unknown) => error instanceof OperationError && error.code === code;
const part = (commandId: string, totalBytes: number, bytes: number): AnswerRequest => ({
  commandId,
  totalBytes: BigInt(totalBytes),
  chunk: Buffer.alloc(bytes),
});

test("an answer of many chunks arrives whole, for the cluster and the command that it is of", { timeout }, async (t) => {
  const taken: [string, string, Uint8Array][] = [];
  const { address } = await hub(t, {
    awaits: ({ cluster }, id) => cluster === "berlin" && id === "command-1",
    answered: async ({ cluster }, id, bytes) => void taken.push([cluster, id, bytes]),
  });
  const link = dialGrpc(address, await credentials());
  t.after(() => link.close());
  await link.answer("command-1", content, never);
  assert.deepEqual(
    taken.map(([cluster, id, bytes]) => [cluster, id, Buffer.compare(bytes, content)]),
    [["berlin", "command-1", 0]],
  );
});

test(
  "I4 an answer to a command that was never asked, or was asked of another cluster, is refused before it is read",
  { timeout },
  async (t) => {
    const { address } = await hub(t, { awaits: ({ cluster }, id) => cluster === "berlin" && id === "command-1", answered: unused });
    const own = dialGrpc(address, await credentials());
    const other = dialGrpc(address, await credentials("paris"));
    t.after(() => [own, other].forEach((link) => link.close()));
    await assert.rejects(own.answer("command-2", content, never), fails("notFound"));
    await assert.rejects(other.answer("command-1", content, never), fails("notFound"));
  },
);

const lies: readonly [string, readonly AnswerRequest[], grpc.status][] = [
  ["promises more than is taken", [part("command-1", linkLimits.answerBytes + 1, 10)], grpc.status.RESOURCE_EXHAUSTED],
  ["promises 2^40 bytes", [part("command-1", 2 ** 40, 10)], grpc.status.RESOURCE_EXHAUSTED],
  ["is longer than promised", [part("command-1", 10, 10), part("", 0, 1)], grpc.status.INVALID_ARGUMENT],
  ["ends early", [part("command-1", 20, 10)], grpc.status.INVALID_ARGUMENT],
  ["is nothing at all", [], grpc.status.INVALID_ARGUMENT],
];
for (const [what, parts, expected] of lies) {
  test(`B55 an answer that ${what} is refused`, { timeout }, async (t) => {
    const { address } = await hub(t, { awaits: () => true, answered: unused });
    const { call, status } = caller(t, address, await credentials());
    for (const each of parts) call.write(each);
    call.end();
    assert.equal(await status, expected);
  });
}

test("B57 an answer that stops on its way is given up", { timeout }, async (t) => {
  const { address } = await hub(t, { awaits: () => true, answered: unused }, { stalledMs: 50 });
  const { call, status } = caller(t, address, await credentials());
  call.write(part("command-1", 20, 10));
  assert.equal(await status, grpc.status.UNAVAILABLE);
});

test("I8 one answer at a time for each certificate; the next one may come when the first is done", { timeout }, async (t) => {
  const gate = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const { address } = await hub(t, {
    awaits: () => true,
    answered: () => {
      began.resolve();
      return gate.promise;
    },
  });
  const link = dialGrpc(address, await credentials());
  t.after(() => link.close());
  const first = link.answer("command-1", content, never);
  await began.promise;
  await assert.rejects(link.answer("command-2", content, never), fails("limit"));
  gate.resolve();
  await first;
  await link.answer("command-3", content, never);
});

test("S13 who shows no certificate answers nothing; a bug of ours is told", { timeout }, async (t) => {
  const { address, failures } = await hub(t, { awaits: () => true, answered: () => Promise.reject(new TypeError("a bug of answers")) });
  const anonymous = new LinkServiceClient(address, grpc.credentials.createSsl(Buffer.from(keys.authority.certificate)), {
    "grpc.ssl_target_name_override": "muster-hub",
  });
  t.after(() => anonymous.close());
  const status = await new Promise<grpc.status | undefined>((resolve) => {
    const call = anonymous.answer((error: grpc.ServiceError | null) => resolve(error?.code));
    call.on("error", () => undefined);
    call.write(part("command-1", 1, 1));
    call.end();
  });
  assert.equal(status, grpc.status.UNAUTHENTICATED);
  const link = dialGrpc(address, await credentials());
  t.after(() => link.close());
  await assert.rejects(link.answer("command-1", new Uint8Array(1), never), fails("unavailable"));
  assert.deepEqual(failures, ["answer"]);
});
