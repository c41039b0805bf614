// Processes that end at the worst moment: whatever was killed when, the end is the same.

import assert from "node:assert/strict";
import { cp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Rig } from "../rig/rig.ts";

const count = 60;
const objects = (value: string): string =>
  Array.from({ length: count }, (_, i) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c-${i}\ndata:\n  value: "${value}"\n`).join(
    "---\n",
  );
const files = {
  "clusters/one.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: one\n  labels: {env: prod}\n",
  "app.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: app\nspec:\n  source: {path: app}\n  namespace: app\n  targets:\n    - clusters: {matchAll: true}\n",
  "app/objects.yaml": objects("start"),
};

let rig: Rig;
before(async () => {
  rig = await Rig.start({ clusters: ["one"], files });
  await rig.join("one");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const values = async (): Promise<string[]> => {
  const found = JSON.parse(await rig.plane("one").kubectl(["get", "configmap", "-n", "app", "-l", "muster.dev/app", "-o", "json"])) as {
    items: { data: { value: string } }[];
  };
  return found.items.map(({ data }) => data.value);
};

test(
  "I10 F01 the hub is killed again and again while commits come: every commit arrives, no generation goes back",
  { timeout: 240_000 },
  async () => {
    let highest = 0;
    for (let round = 1; round <= 6; round += 1) {
      const pushed = rig.commit({ "app/objects.yaml": objects(`round-${round}`) }, `round ${round}`);
      await new Promise((resolve) => setTimeout(resolve, round * 35));
      await rig.hub.kill();
      await pushed;
      await rig.hub.start();
      const status = await rig.settled(await rig.git.head("fleet"));
      const signed = status.clusters[0]?.generation.signed ?? 0;
      assert.ok(signed > highest, `generation ${signed} after ${highest}`);
      highest = signed;
      assert.deepEqual(new Set(await values()), new Set([`round-${round}`]));
    }
  },
);

test(
  "I10 F59 the agent is killed in the middle of applying: it goes on where it was, nothing is left over",
  { timeout: 240_000 },
  async () => {
    for (let round = 1; round <= 6; round += 1) {
      const sha = await rig.commit({ "app/objects.yaml": objects(`kill-${round}`) }, `kill ${round}`);
      const value = `kill-${round}`;
      await rig.until("the first object is written", async () => (await values()).includes(value));
      await rig.agent("one").kill();
      await rig.agent("one").start();
      await rig.settled(sha);
      assert.deepEqual(
        await values(),
        Array.from({ length: count }, () => value),
      );
    }
  },
);

test("F44 F45 the API server is killed in the middle of applying", { timeout: 240_000 }, async () => {
  const sha = await rig.commit({ "app/objects.yaml": objects("api") }, "api");
  await rig.plane("one").kill("kube-apiserver");
  await rig.plane("one").restart("kube-apiserver");
  await rig.settled(sha, 120_000);
  assert.deepEqual(
    await values(),
    Array.from({ length: count }, () => "api"),
  );
});

test(
  "F10 the hub's database is deleted: rebuilt from Git and the agents, nothing is deleted on a cluster and no generation goes back",
  { timeout: 240_000 },
  async () => {
    const before = (await rig.status()).clusters[0]?.generation.signed ?? 0;
    const uids = (): Promise<string> =>
      rig.plane("one").kubectl(["get", "configmap", "-n", "app", "-l", "muster.dev/app", "-o", "jsonpath={.items[*].metadata.uid}"]);
    const held = await uids();
    await rig.hub.stop();
    for (const suffix of ["", "-wal", "-shm"]) await rm(join(rig.dir, "hub", `hub.db${suffix}`), { force: true });
    await rig.hub.start();
    const status = await rig.settled(undefined, 120_000);
    assert.ok((status.clusters[0]?.generation.signed ?? 0) > before, `generation ${status.clusters[0]?.generation.signed} after ${before}`);
    await rig.plane("one").kubectl(["patch", "configmap", "-n", "app", "c-1", "--type=merge", "-p", '{"data":{"value":"drift"}}']);
    await rig.until("drift is healed", async () => !(await values()).includes("drift"));
    assert.equal(await uids(), held);
  },
);

test(
  "F09 I3 a hub restored from an older copy moves past what the agent has seen before it signs, and converges",
  { timeout: 240_000 },
  async () => {
    await rig.settled(await rig.commit({ "app/objects.yaml": objects("copied") }, "copied"));
    await rig.hub.stop();
    await cp(join(rig.dir, "hub"), join(rig.dir, "copy"), { recursive: true });
    await rig.hub.start();
    for (const value of ["later-1", "later-2"]) await rig.settled(await rig.commit({ "app/objects.yaml": objects(value) }, value));
    const before = (await rig.status()).clusters[0]?.generation.signed ?? 0;
    await rig.hub.stop();
    await rm(join(rig.dir, "hub"), { recursive: true });
    await rename(join(rig.dir, "copy"), join(rig.dir, "hub"));
    await rig.hub.start();
    const status = await rig.settled(await rig.git.head("fleet"), 120_000);
    assert.ok((status.clusters[0]?.generation.signed ?? 0) > before, `generation ${status.clusters[0]?.generation.signed} after ${before}`);
    await rig.said(rig.hub, /has seen more than this hub remembers/);
    await rig.settled(await rig.commit({ "app/objects.yaml": objects("after") }, "after"));
    assert.deepEqual(new Set(await values()), new Set(["after"]));
    assert.doesNotMatch(rig.agent("one").tail(400), /E_ROLLBACK|E_EQUIVOCATION/);
  },
);
