// Where names lead: looked up and checked by us, and connected to as they were checked, with every carrier.

import assert from "node:assert/strict";
import dns from "node:dns";
import { after, before, test } from "node:test";

import { leadingTo } from "../../../test/gitserver/names.ts";
import { startSshServer, type SshServer } from "../../../test/gitserver/sshd.ts";
import { checkRemote } from "./address.ts";
import { pinsOf } from "./pins.ts";
import { codeOf, credentials, gitServer, onLoopback, signal, snapshotOf, text } from "./testdata/servers.ts";
import { httpWays, nativeSsh, sshCredentials } from "./testdata/ways.ts";

const nothing = { ...onLoopback, allow: [] };
let ssh: SshServer;
before(async () => {
  ssh = await startSshServer();
});
after(() => ssh[Symbol.asyncDispose]());

for (const way of httpWays) {
  test(`${way.name}: S16 a name goes where we looked it up, and to no forbidden address`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    const url = server.cloneUrl("fleet").replace("127.0.0.1", "forge.example");
    const fetched = async (network: typeof onLoopback, ...answers: readonly (readonly string[])[]) => {
      const lookup = t.mock.method(dns, "lookup", leadingTo(...answers));
      const source = await way.open(t, url, { credentials, insecure: true, network });
      const code = await codeOf(source.fetch(signal));
      if (code === "accepted") assert.equal(await text(await source.snapshot(await server.head("fleet")), "a"), "1");
      lookup.mock.restore();
      return code;
    };
    assert.equal(await fetched(nothing, ["127.0.0.1"]), "E_HOST_FORBIDDEN");
    assert.equal(await fetched(onLoopback, ["127.0.0.1", "169.254.169.254"]), "E_HOST_FORBIDDEN");
    assert.equal(server.requests().length, 0);
    assert.equal(await fetched(onLoopback, ["127.0.0.1"]), "accepted");
    // Good for the look, then somewhere else: the fetch that follows asks anew, and is refused.
    assert.equal(await fetched(onLoopback, ["127.0.0.1"], ["169.254.169.254"]), "E_HOST_FORBIDDEN");
  });

  test(`${way.name}: B11 an address of the hub's own machine, or of metadata, is not asked`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    for (const host of ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "100.100.100.200", "2130706433", "0x7f.1"]) {
      const url = server.cloneUrl("fleet").replace("127.0.0.1", host);
      assert.equal(await codeOf((await way.open(t, url, { network: nothing, insecure: true })).fetch(signal)), "E_HOST_FORBIDDEN", host);
    }
    assert.equal(server.requests().length, 0);
    await snapshotOf((await way.open(t, server.cloneUrl("fleet"))).fetch(signal));
  });
}

test("native over ssh: S16 a name goes where we looked it up, with the key that is known under the name", async (t) => {
  const { server, open } = await nativeSsh(() => ssh).serve(t);
  await server.createRepository("fleet", { a: "1" });
  const url = ssh.url(server.path("fleet")).replace("127.0.0.1", "forge.example");
  const known = sshCredentials(ssh, ssh.knownHosts.replaceAll("127.0.0.1", "forge.example"));
  const way = nativeSsh(() => ssh);
  const fetched = async (network: typeof onLoopback, keys: typeof known, ...addresses: readonly string[]) => {
    const lookup = t.mock.method(dns, "lookup", leadingTo(addresses));
    const code = await codeOf((await way.open(t, url, { credentials: keys, network })).fetch(signal));
    lookup.mock.restore();
    return code;
  };
  assert.equal(await fetched(nothing, known, "127.0.0.1"), "E_HOST_FORBIDDEN");
  assert.equal(await fetched(onLoopback, known, "fe80::1"), "E_HOST_FORBIDDEN");
  assert.equal(await fetched(onLoopback, known, "127.0.0.1"), "accepted");
  assert.equal(await fetched(onLoopback, known, "127.0.0.9", "127.0.0.1"), "accepted", "one that does not answer is passed over");
  assert.equal(await fetched(onLoopback, sshCredentials(ssh), "127.0.0.1"), "E_SSH_HOST_KEY", "known under its address only");
  assert.equal(await codeOf((await open("fleet", { network: nothing })).fetch(signal)), "E_HOST_FORBIDDEN");
});

test("a name that leads nowhere is E_SOURCE_UNREACHABLE, and who is cancelled does not wait for it", async (t) => {
  const url = checkRemote("x", { url: "https://forge.example/x" });
  t.mock.method(dns, "lookup", (_: string, __: object, done: (error: Error) => void) => done(new Error("getaddrinfo ENOTFOUND")));
  assert.equal(await codeOf(pinsOf("x", url, onLoopback, signal)), "E_SOURCE_UNREACHABLE");
  const control = new AbortController();
  t.mock.method(dns, "lookup", () => control.abort());
  assert.equal(await codeOf(pinsOf("x", url, onLoopback, control.signal)), "E_CANCELLED");
  assert.equal(await codeOf(pinsOf("x", url, onLoopback, control.signal)), "E_CANCELLED");
});
