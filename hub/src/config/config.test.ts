import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { after, test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import { readConfig, readNetwork, readSecret, readSourceSecret } from "./config.ts";

const dir = await mkdtemp(join(tmpdir(), "muster-config-"));
after(() => rm(dir, { recursive: true, force: true }));
const file = join(dir, "hub.yaml");
const read = async (text: string, env: Record<string, string> = {}) => {
  await writeFile(file, text);
  return readConfig(file, env);
};
const least = "fleet: shops\ndataDir: data\nroot: {git: https://git.example/fleet.git}\n";

test("three lines are enough; the rest has its defaults", async () => {
  const config = await read(least);
  assert.deepEqual(
    [config.root.poll, config.removeDelay, config.leaveDelay, config.listen.agents.port, config.listen.api.host],
    [60_000, 1_800_000, 86_400_000, 7443, "127.0.0.1"],
  );
  assert.ok(config.dataDir.startsWith("/"));
});

test("the environment wins over the file", async () => {
  assert.equal((await read(least, { MUSTER_HUB_ROOT_REVISION: "release", MUSTER_HUB_FLEET: "others" })).root.revision, "release");
});

test("B64 every fault is named at once, unknown keys among them", async () => {
  const text = "fleet: ''\ndataDir: data\nprunee: true\nroot: {git: x, pol: 3s, poll: soon}\nlisten: {agents: {port: 99999}}\n";
  await assert.rejects(read(text), (error) => {
    assert.ok(error instanceof OperationError && error.code === "invalid");
    for (const part of [/prunee/, /fleet:/, /pol\b/, /root\.poll/, /listen\.agents\.port/, /has \d faults/])
      assert.match(error.message, part);
    return true;
  });
});

const strangers: readonly [string, string][] = [
  ["listen", "listen: {agent: 1}"],
  ["listen.agents", "listen: {agents: {port: 1, hosts: x}}"],
  ["listen.api", "listen: {api: {port: 1, hosts: x}}"],
  ["webhooks.0", "webhooks: [{forge: gitea, secretRef: a, secret: b}]"],
  ["render", "render: {worker: 1}"],
  ["(file)", "removeDelai: 1s"],
];
for (const [where, line] of strangers) {
  test(`B64 a key that ${where} does not have is refused with its place`, async () => {
    await assert.rejects(read(`${least}${line}\n`), (error) => error instanceof OperationError && error.message.includes(`${where}: `));
  });
}

test("a file that is not there or not YAML is an error with its name", async () => {
  await assert.rejects(readConfig(join(dir, "absent.yaml"), {}), /absent\.yaml/);
  await assert.rejects(read("a: [1"), /hub\.yaml/);
});

test("a secretRef is a file with a token, or a folder with its parts", async () => {
  await writeFile(join(dir, "token"), "CANARY-1\n");
  await mkdir(join(dir, "basic"));
  await writeFile(join(dir, "basic", "username"), "anna\n");
  await writeFile(join(dir, "basic", "password"), "CANARY-2\n");
  const [token, basic] = [await readSourceSecret(dir, "token"), await readSourceSecret(dir, "basic")];
  assert.ok(token.credentials?.kind === "token" && token.credentials.token.reveal() === "CANARY-1");
  assert.ok(
    basic.credentials?.kind === "basic" && basic.credentials.username === "anna" && basic.credentials.password.reveal() === "CANARY-2",
  );
  for (const secret of [token, basic])
    assert.ok(![JSON.stringify(secret), inspect(secret, { depth: 9 }), `${String(secret.credentials)}`].join().includes("CANARY"));
});

test("a secretRef that leaves its folder, is not there, or has no folder says what to do", async () => {
  await assert.rejects(readSecret(dir, "../config.ts"), /without a path/);
  await assert.rejects(readSecret(dir, "absent"), /no secret absent/);
  await assert.rejects(readSecret(null, "token"), /needs secretsDir/);
  await mkdir(join(dir, "empty"));
  await assert.rejects(readSourceSecret(dir, "empty"), /the secret empty: it is empty/);
});

test("a secret's file hosts says whom it is for; one without a server, or with something else, is refused", async () => {
  const folder = join(dir, "bound");
  await mkdir(folder);
  await writeFile(join(folder, "token"), "CANARY-3\n");
  const hostsOf = async (text: string) => {
    await writeFile(join(folder, "hosts"), text);
    return (await readSourceSecret(dir, "bound")).hosts;
  };
  assert.deepEqual(await hostsOf("# ours\ngit.example\n\nhttps://git.example:8443/team\n"), [
    "git.example",
    "https://git.example:8443/team",
  ]);
  for (const text of ["", "# nobody\n", "*.example", "git.example other.example", "https://git.example/?x"])
    await assert.rejects(hostsOf(text), /the file hosts of the secret bound/, text);
});

const network = async (lines: string, env: Record<string, string> = {}) =>
  readNetwork(await read(`${least}secretsDir: ${dir}\n${lines}`), env);

test("the proxy is the environment's, unless the configuration names one or none; the hub's own machine is past each", async () => {
  const env = { HTTPS_PROXY: "http://anna:CANARY-4@secure:3128", http_proxy: "plain:8080", NO_PROXY: "a.example, .b.example" };
  const found = await network("", env);
  assert.deepEqual([found.https?.url, found.https?.credentials?.password.reveal()], ["http://secure:3128", "CANARY-4"]);
  assert.equal(found.http?.url, "http://plain:8080");
  for (const rule of ["a.example", ".b.example", "localhost", "127.0.0.0/8", "::1"]) assert.ok(found.noProxy.includes(rule), rule);
  const none = await network("network: {proxy: null}\n", env);
  assert.deepEqual([none.http, none.https, none.noProxy.includes("a.example")], [null, null, false]);
  const own = await network("network: {proxy: 'http://corp:1', proxySecretRef: basic, noProxy: [c.example]}\n", env);
  assert.deepEqual([own.http?.url, own.https?.url, own.https?.credentials?.username], ["http://corp:1", "http://corp:1", "anna"]);
  assert.ok(own.noProxy.includes("c.example") && !own.noProxy.includes("a.example"));
  await assert.rejects(network("network: {proxy: 'http://corp:1', proxySecretRef: token}\n"), /no username and password/);
});

test("B64 S23 what is wrong with the network's settings is told by its place, without a password", async () => {
  await assert.rejects(network("", { HTTPS_PROXY: "socks5://u:CANARY@x:1" }), (error) => {
    return error instanceof OperationError && error.message.includes("HTTPS_PROXY") && !error.message.includes("CANARY");
  });
  const faults: readonly [RegExp, string][] = [
    [/network\.proxy: /, "proxy: 'http://u:CANARY@proxy:1'"],
    [/network\.proxy: /, "proxy: 'https://proxy:1'"],
    [/network\.proxySecretRef: /, "proxySecretRef: basic"],
    [/network\.allow\.0: must be a range/, "allow: [localhost]"],
    [/network\.allow\.0: .* never asked/, "allow: [169.254.169.254/32]"],
    [/network: .*proxie/, "proxie: x"],
  ];
  for (const [place, line] of faults)
    await assert.rejects(
      network(`network: {${line}}\n`),
      (error) => {
        return error instanceof OperationError && place.test(error.message) && !error.message.includes("CANARY");
      },
      line,
    );
});
