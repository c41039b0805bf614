// What needs an agent or a person's hand, on a real cluster, through the command that people run: tree, events, diff --live, sync, pause.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";

import { run } from "@muster/hub/cli/program";
import type { ActsAnswer, LiveAnswer, SyncAnswer } from "@muster/hub/view/live";
import { Rig } from "../rig/rig.ts";

let rig: Rig;
before(async () => {
  rig = await Rig.start({ clusters: ["berlin"], controllers: true, files: { ...apps(), ...values("1", "1") }, hub: { removeDelay: "1s" } });
  await rig.join("berlin");
  await rig.until("web is there", async () => (await row("web")).state === "synced");
});
after(async () => rig?.[Symbol.asyncDispose]());

/** Two Apps: `web` goes by itself, `base` waits for a hand. */
function apps(): Record<string, string> {
  const app = (name: string, sync: string): string =>
    `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: ${name}}\nspec:\n  source: {path: ${name}}\n  namespace: shop\n  sync: ${sync}\n  targets: [{clusters: {matchAll: true}}]\n`;
  return {
    "berlin.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: berlin}\n",
    "web.app.yaml": app("web", "{heal: false}"),
    "base.app.yaml": app("base", "{auto: false}"),
  };
}
function values(web: string, base: string): Record<string, string> {
  const map = (name: string, value: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;
  const pods =
    "spec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: nginx:1}]}\n";
  return {
    "web/web.yaml": `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n${pods}---\n${map("web", web)}`,
    "base/base.yaml": map("base", base),
  };
}

async function muster(...args: string[]): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  let [out, err] = ["", ""];
  const io = {
    stdout: { write: (text: string) => void (out += text), isTTY: false, columns: 0 },
    stderr: { write: (text: string) => void (err += text), isTTY: false, columns: 0 },
    env: { MUSTER_CONFIG: join(rig.dir, "muster.json") },
    cwd: rig.dir,
    home: rig.dir,
    signal: new AbortController().signal,
    sleep: async () => undefined,
  };
  const exit = await run(io, { args, version: "0" });
  return { exit, out, err };
}
const value = (name: string): Promise<string> =>
  rig.plane("berlin").kubectl(["get", "configmap", name, "-n", "shop", "--ignore-not-found", "-o", "jsonpath={.data.value}"]);
const row = async (name: string) => (await rig.apps(`?app=${name}`))[0] ?? assert.fail(`no App ${name}`);

test("an App with sync.auto false waits; muster sync lets just that change go", async () => {
  await rig.until("base waits", async () => (await row("base")).reason === "WaitingForHand");
  assert.equal(await value("base"), "");
  const synced = await muster("sync", "base", "--reason", "first install");
  assert.deepEqual([synced.exit, synced.err], [0, ""]);
  assert.match(synced.out, /base\s+berlin\s+released\s+[0-9a-f]{12}/);
  await rig.until("base is there", async () => (await value("base")) === "1");
  await rig.settled();
  const { syncs } = await rig.call<ActsAnswer>("GET", "/api/v1/acts");
  assert.deepEqual(
    syncs.map(({ app, by, reason }) => [app, by, reason]),
    [["default//base", "admin", "first install"]],
  );
  await rig.commit(values("1", "2"), "base 2");
  await rig.until("the next change waits again", async () => (await row("base")).reason === "WaitingForHand");
  assert.equal(await value("base"), "1");
});

test("muster sync of what does not wait says so", async () => {
  const { exit, out } = await muster("sync", "web");
  assert.equal(exit, 0);
  assert.match(out, /nothing to do.*nothing waits for a hand/);
});

test("muster tree shows objects and what they own, muster events what the cluster says", async () => {
  const { out } = await rig.until("the pods are in the tree", async () => {
    const seen = await muster("tree", "web", "--cluster", "berlin");
    return /Pod shop\/web-/.test(seen.out) ? seen : undefined;
  });
  assert.match(out, /^Deployment\.apps shop\/web .*\n└─ReplicaSet\.apps shop\/web-\w+ .*\n {2}└─Pod shop\/web-/m);
  const { objects } = JSON.parse((await muster("tree", "web", "--cluster", "berlin", "-o", "json")).out) as LiveAnswer;
  assert.ok(objects.some(({ identity }) => identity.kind === "ConfigMap"));
  const events = await rig.until("events", async () => {
    const seen = await muster("events", "web", "--cluster", "berlin");
    return /ScalingReplicaSet/.test(seen.out) ? seen : undefined;
  });
  assert.equal(events.exit, 0);
});

test("muster diff --live exits 0 while live is as released, and 3 with field and manager when it is not; sync --redeliver puts it back", async () => {
  assert.equal((await muster("diff", "web", "--cluster", "berlin", "--live")).exit, 0);
  await rig.plane("berlin").kubectl(["scale", "deployment", "web", "-n", "shop", "--replicas=3"]);
  const seen = await muster("diff", "web", "--cluster", "berlin", "--live");
  assert.equal(seen.exit, 3);
  assert.match(seen.out, /Deployment\.apps shop\/web\s+differs\s+\/spec\/replicas\s+1\s+3\s+kubectl/);
  const again = await muster("sync", "web", "--redeliver", "--reason", "put it back");
  assert.match(again.out, /web\s+berlin\s+delivered again/);
  await rig.until("it is put back", async () => (await muster("diff", "web", "--cluster", "berlin", "--live")).exit === 0);
  await rig.until("the agent has said so", async () => {
    const { redeliveries } = await rig.call<ActsAnswer>("GET", "/api/v1/acts");
    return redeliveries.some(({ state, message }) => state === "done" && /2 objects/.test(message));
  });
});

test("what is not there is exit 5, with what to do", async () => {
  for (const args of [
    ["tree", "nope", "--cluster", "berlin"],
    ["tree", "web", "--cluster", "nowhere"],
    ["tree", "web", "--cluster", "berlin", "--object", "ConfigMap/shop/nope"],
  ]) {
    const { exit, err } = await muster(...args);
    assert.deepEqual([exit, /^error E_\w+: .*\n {2}fix {5}\S/m.test(err)], [5, true], err);
  }
});

test("while an App is paused no change and no removal of it reaches the cluster, and healing goes on; resume lets it go", async () => {
  const paused = await muster("pause", "web", "--reason", "release freeze", "--for", "1h");
  assert.match(paused.out, /^paused App default\/\/web until /);
  await rig.commit(values("2", "2"), "web 2");
  const shown = await rig.until("it is shown as paused", async () => ((await row("web")).state === "paused" ? row("web") : undefined));
  assert.match(shown.message, /paused by admin until .*: release freeze/);
  await rig.until(
    "the commit was decided on",
    async () => (await rig.status()).sources[0]?.commit !== null && (await row("base")).reason === "WaitingForHand",
  );
  assert.equal(await value("web"), "1");
  assert.match((await muster("pause")).out, /App default\/\/web\s+admin .*release freeze/);
  await rig.commit({ "web.app.yaml": null }, "web goes");
  const going = await rig.until("its removal waits", async () => {
    const seen = await row("web");
    return /its removal waits/.test(seen.message) ? seen : undefined;
  });
  assert.deepEqual([going.state, await value("web")], ["paused", "1"]);
  assert.match((await muster("resume", "--fleet")).err, /error E_NOT_PAUSED: the fleet is not paused as a whole/);
  assert.equal((await muster("resume", "web")).out, "resumed App default//web\n");
  await rig.until("it is deleted", async () => (await value("web")) === "");
});

test("a pause of the fleet ends by itself", async () => {
  assert.equal((await muster("pause", "--fleet", "--reason", "night", "--for", "2s")).exit, 0);
  assert.equal((await rig.call<SyncAnswer>("POST", "/api/v1/sync", { app: "base" })).items[0]?.state, "paused");
  await rig.until("nothing is paused", async () => (await rig.call<ActsAnswer>("GET", "/api/v1/acts")).pauses.length === 0);
  await rig.until("base waits for a hand again", async () => (await row("base")).reason === "WaitingForHand");
});

test("an agent that is not connected is a clear error with when it was seen; an order to deliver again waits for it", async () => {
  await rig.agent("berlin").stop();
  await rig.until("it is gone", async () => (await rig.status()).clusters[0]?.connected === false);
  const { exit, err } = await muster("tree", "base", "--cluster", "berlin");
  assert.deepEqual(
    [exit, /error E_AGENT_OFFLINE: the agent of cluster berlin is not connected: it was last seen at 20/.test(err)],
    [1, true],
    err,
  );
  const ordered = await rig.call<SyncAnswer>("POST", "/api/v1/sync", { app: "base", redeliver: true });
  assert.deepEqual(
    ordered.items.map(({ state }) => state),
    ["waitsForAgent"],
  );
  await rig.hub.kill();
  await rig.hub.start();
  await rig.agent("berlin").start();
  await rig.until("it was carried out", async () => {
    const { redeliveries } = await rig.call<ActsAnswer>("GET", "/api/v1/acts");
    return redeliveries.some(({ app, state }) => app === "default//base" && state === "done");
  });
});
