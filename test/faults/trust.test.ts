// Who may be what: wrong tokens, second clusters under one name, copied agents, damaged disks.

import assert from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { ClusterName } from "@muster/proto/model/identity";
import { Rig } from "../rig/rig.ts";

const cluster = (name: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: ${name}\n  labels: {env: prod}\n`;
const settings = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  value: "${value}"\n`;
const files = {
  "clusters/one.yaml": cluster("one"),
  "clusters/two.yaml": cluster("two"),
  "app.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: app\nspec:\n  source: {path: app}\n  namespace: app\n  targets:\n    - clusters: {matchAll: true}\n",
  "app/settings.yaml": settings("first"),
};

let rig: Rig;
before(async () => {
  rig = await Rig.start({ clusters: ["one", "two"], files });
  await rig.join("one");
  await rig.join("two");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const value = (name: string): Promise<string> =>
  rig.plane(name).kubectl(["get", "configmap", "-n", "app", "settings", "-o", "jsonpath={.data.value}"]);

test("B44 an agent with a wrong, used or foreign token does not get in, and says what to do", async () => {
  const token = await rig.createToken({ kind: "join", labels: {} });
  const wrong = join(rig.dir, "wrong.token");
  for (const text of ["muster1.nonsense", token.token.replace(/\.[^.]+$/, ".00000000")]) {
    await writeFile(wrong, text);
    const agent = rig.newAgent("stranger", ["--token-file", wrong], "two", join(rig.dir, `agent-${Math.random()}`));
    await agent.start();
    assert.equal(await agent.exited(), 1);
    assert.match(agent.tail(5), /join token/);
  }
  const used = rig.newAgent("stranger", ["--token-file", join(rig.dir, "one.token")], "two", join(rig.dir, "agent-used"));
  await used.start();
  assert.equal(await used.exited(), 1);
  assert.match(used.tail(5), /used up or expired; make a new one: muster token create/);
  assert.deepEqual(
    (await rig.status()).clusters.map(({ name }) => name),
    ["one", "two"],
  );
});

test("F63 a second cluster under a name that is taken is refused, with the way out", async () => {
  const { token } = await rig.createToken({ kind: "join", labels: { env: "prod" } });
  const file = join(rig.dir, "second.token");
  await writeFile(file, token);
  const agent = rig.newAgent("one-again", ["--token-file", file, "--cluster-name", "one"], "two", join(rig.dir, "agent-again"));
  await agent.start();
  assert.equal(await agent.exited(), 1);
  assert.match(agent.tail(5), /muster token create --replace one/);
});

test("F63 I11 an agent's folder that is copied to another cluster changes nothing there, and the copy is shown", async () => {
  await rig.agent("one").stop();
  await cp(join(rig.dir, "agent-one"), join(rig.dir, "agent-copy"), { recursive: true });
  // The agent that belongs there is away: what happens now, the copy did.
  await rig.agent("two").stop();
  await rig.plane("two").kubectl(["patch", "configmap", "-n", "app", "settings", "--type=merge", "-p", '{"data":{"value":"mine"}}']);
  const before = await rig
    .plane("two")
    .kubectl(["get", "configmap", "-n", "app", "settings", "-o", "jsonpath={.metadata.resourceVersion}"]);
  const copy = rig.newAgent("copy", [], "two", join(rig.dir, "agent-copy"));
  await copy.start();
  await rig.until(
    "the copy is shown",
    async () => (await rig.status()).clusters.find(({ name }) => name === "one")?.reason === "Quarantined",
  );
  await rig.said(copy, /enrolled in another cluster/);
  assert.equal(
    await rig.plane("two").kubectl(["get", "configmap", "-n", "app", "settings", "-o", "jsonpath={.metadata.resourceVersion}"]),
    before,
  );
  await copy.stop();
  await rig.agent("two").start();
  await rig.until("its own agent heals", async () => (await value("two")) === "first");
});

/** The folder of an agent's cache: one for the cluster it belongs to. */
async function cacheOf(name: string): Promise<string> {
  const folder = join(rig.dir, `agent-${name}`, "cache");
  return join(folder, (await readdir(folder))[0] ?? "");
}

/** Everything in a folder of an agent's cache, changed in the middle. */
async function damage(folder: string, change: (bytes: Buffer) => Buffer): Promise<number> {
  let count = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await writeFile(path, change(await readFile(path)));
    count += 1;
  }
  return count;
}
const flip = (bytes: Buffer): Buffer => {
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0x20;
  return bytes;
};

test("S25 F60 I5 a damaged cache is never applied: it is set aside and fetched again", async () => {
  await rig.agent("two").stop();
  const cache = await cacheOf("two");
  for (const folder of ["objects", "releases"]) assert.ok((await damage(join(cache, folder), flip)) > 0, folder);
  await writeFile(join(cache, "accepted"), flip(await readFile(join(cache, "accepted"))));
  await rig.plane("two").kubectl(["delete", "configmap", "-n", "app", "settings"]);
  await rig.agent("two").start();
  await rig.until("the object is back as Git says", async () => (await value("two")) === "first");
  await rig.said(rig.agent("two"), /E_BAD_SIG|cannot be read/);
});

test("S25 another cluster's bundle on the disk is not acted on", async () => {
  const other = join(await cacheOf("two"), "accepted");
  const bytes = await readFile(join(await cacheOf("one"), "accepted"));
  await rig.agent("two").stop();
  await writeFile(other, bytes);
  await rig.hub.stop();
  await rig.agent("two").start();
  await rig.until("it is refused", async () => /E_AUDIENCE/.test(rig.agent("two").lines.slice(-40).join("\n")));
  // Without a bundle that it may believe the agent writes nothing, whatever else lies in its folder.
  await rig.plane("two").kubectl(["patch", "configmap", "-n", "app", "settings", "--type=merge", "-p", '{"data":{"value":"edited"}}']);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(await value("two"), "edited");
  await rig.hub.start();
  await rig.until("it heals again", async () => (await value("two")) === "first");
  await rig.until(
    "the right one is accepted again",
    async () => (await rig.status()).clusters.find(({ name }) => name === "two")?.state === "synced",
  );
});

test("--replace: a rebuilt cluster takes its name again, and the old certificate is worth nothing", async () => {
  const before = (await rig.status()).clusters.find(({ name }) => name === "one")?.generation.signed ?? 0;
  const { token } = await rig.createToken({ kind: "join", replace: "one" as ClusterName });
  const file = join(rig.dir, "replace.token");
  await writeFile(file, token);
  // Cluster `two` stands in for the rebuilt one: it has another kube-system UID.
  await rig.agent("two").stop();
  await rig
    .plane("two")
    .kubectl(["delete", "namespace", "app", "--wait=false"])
    .catch(() => "");
  const rebuilt = rig.newAgent("rebuilt", ["--token-file", file], "two", join(rig.dir, "agent-rebuilt"));
  await rebuilt.start();
  await rig.until("it is there", async () => (await rig.status()).clusters.find(({ name }) => name === "one")?.connected);
  const row = await rig.until("it was sent a bundle", async () =>
    (await rig.status()).clusters.find(({ name, generation }) => name === "one" && generation.signed > before),
  );
  assert.deepEqual(row.labels, { env: "prod" });
  await rig.agent("one").start();
  await rig.until("the old identity is refused", async () => /no valid certificate/.test(rig.agent("one").tail(20)));
});
