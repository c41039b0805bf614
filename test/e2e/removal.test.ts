// What may be deleted, when, and on whose word.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Rig } from "../rig/rig.ts";

const configMaps = (prefix: string, count: number): string =>
  Array.from({ length: count }, (_, i) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${prefix}-${i}\ndata:\n  n: "${i}"\n`).join(
    "---\n",
  );
const app = (name: string, spec = ""): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: ${name}\nspec:\n  source: {path: ${name}}\n  namespace: ${name}\n  targets:\n    - clusters: {matchLabels: {env: prod}}\n${spec}`;
const cluster = (name: string, env: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: ${name}\n  labels: {env: ${env}}\n`;

let rig: Rig;
before(async () => {
  const files = {
    "clusters/one.yaml": cluster("one", "prod"),
    "many.yaml": app("many"),
    "many/objects.yaml": configMaps("many", 15),
    "few.yaml": app("few"),
    "few/objects.yaml": configMaps("few", 3),
    "left.yaml": app("left", "  sync: {onLeave: orphan}\n"),
    "left/objects.yaml": configMaps("left", 2),
  };
  rig = await Rig.start({ clusters: ["one"], files, hub: { removeDelay: "2s", leaveDelay: "1s" } });
  await rig.join("one");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const names = async (namespace: string): Promise<string[]> => {
  const found = await rig
    .plane("one")
    .kubectl(["get", "configmap", "-n", namespace, "-l", "muster.dev/app", "-o", "jsonpath={.items[*].metadata.name}"]);
  return found.split(" ").filter((name) => name !== "");
};

test("an object that is no longer declared is deleted", async () => {
  const sha = await rig.commit({ "few/objects.yaml": configMaps("few", 2) }, "one less");
  await rig.settled(sha);
  assert.deepEqual(await names("few"), ["few-0", "few-1"]);
});

test("D01 D07 a change that deletes most of an App is held until an approval that names exactly these objects", async () => {
  const generation = (await rig.status()).clusters[0]?.generation.signed;
  await rig.commit({ "many/objects.yaml": configMaps("many", 3) }, "twelve less");
  const [held] = await rig.until("it is held", async () => (await rig.held()).length > 0 && rig.held());
  assert.ok(held);
  assert.deepEqual([held.app, held.deletes.length, held.guards], ["default//many", 12, ["clusterShare", "appShare"]]);
  assert.equal((await names("many")).length, 15);
  assert.equal((await rig.status()).clusters[0]?.generation.signed, generation);
  assert.equal((await rig.apps("?app=many"))[0]?.reason, "GuardHeld");
  await rig.call("POST", `/api/v1/held/${held.id}/approve`, { reason: "twelve shops closed" });
  await rig.until("they are gone", async () => (await names("many")).length === 3);
  await rig.settled();
});

test("F72 an App that is removed by mistake and put back in time loses nothing", async () => {
  const uids = async (): Promise<string> =>
    rig.plane("one").kubectl(["get", "configmap", "-n", "few", "-l", "muster.dev/app", "-o", "jsonpath={.items[*].metadata.uid}"]);
  const before = await uids();
  await rig.commit({ "few.yaml": null }, "oops");
  await rig.until("a tombstone waits", async () => (await rig.apps("?app=few")).some(({ reason }) => reason === "TombstonePending"));
  const sha = await rig.commit({ "few.yaml": app("few") }, "back");
  await rig.settled(sha);
  assert.equal(await uids(), before);
});

test("an App that is removed from Git is deleted after its grace time, and then forgotten", async () => {
  await rig.commit({ "few.yaml": null }, "really");
  await rig.until("its objects are gone", async () => (await names("few")).length === 0);
  await rig.until("nobody speaks of it any more", async () => (await rig.apps("?app=few")).length === 0);
});

test("F71 a cluster that leaves the selector keeps the objects, without our marks", async () => {
  await rig.commit({ "left.yaml": app("left", "  sync: {onLeave: orphan}\n").replace("env: prod", "env: none") }, "not here");
  await rig.until("it is let go", async () => (await rig.apps("?app=left")).length === 0, 90_000);
  const found = await rig.plane("one").kubectl(["get", "configmap", "-n", "left", "-o", "name"]);
  assert.match(found, /left-0[\s\S]*left-1/);
});

test("I2 F40 a typo in an App's path deletes nothing", async () => {
  await rig.commit({ "many.yaml": app("many").replace("path: many", "path: manny") }, "typo");
  const row = await rig.until("it is told", async () => (await rig.apps("?app=many")).find(({ reason }) => reason === "RenderFailed"));
  assert.match(row.message, /E_PATH_MISSING/);
  assert.equal((await names("many")).length, 3);
  await rig.settled(await rig.commit({ "many.yaml": app("many") }, "fixed"));
});
