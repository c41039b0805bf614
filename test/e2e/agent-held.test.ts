// The agent counts for itself: what the hub let pass in pieces can be too much at once on the cluster. Then it is held there, shown, and
// approved like any other held change.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Rig } from "../rig/rig.ts";

const objects = (prefix: string): string =>
  Array.from({ length: 8 }, (_, i) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${prefix}-${i}\ndata: {n: "${i}"}\n`).join(
    "---\n",
  );
const app = (name: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: ${name}\nspec:\n  source: {path: ${name}}\n  namespace: ${name}\n  targets:\n    - clusters: {matchAll: true}\n`;

let rig: Rig;
before(async () => {
  const files = {
    "clusters/one.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: one\n",
    ...Object.fromEntries(
      ["a", "b", "c"].flatMap((name) => [
        [`${name}.yaml`, app(name)],
        [`${name}/objects.yaml`, objects(name)],
      ]),
    ),
  };
  rig = await Rig.start({ clusters: ["one"], files, hub: { removeDelay: "5s" } });
  await rig.join("one");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const count = async (): Promise<number> =>
  (await rig.plane("one").kubectl(["get", "configmap", "-A", "-l", "muster.dev/app", "-o", "name"]))
    .split("\n")
    .filter((line) => line !== "").length;

test("I1 two removals that fall due together are more than a cluster may lose: the agent holds them until a person approves", async () => {
  for (const name of ["a", "b"]) {
    await rig.commit({ [`${name}.yaml`]: null }, `remove ${name}`);
    await rig.until(`${name} has its tombstone`, async () =>
      (await rig.apps(`?app=${name}`)).some(({ reason }) => reason === "TombstonePending"),
    );
  }
  await rig.agent("one").kill();
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  assert.equal(await count(), 24);
  await rig.agent("one").start();
  const held = await rig.until("both are held", async () => {
    const rows = await rig.held();
    return rows.length === 2 && rows;
  });
  assert.deepEqual(
    held.map(({ app: key, clusters }) => [key, clusters]),
    [
      ["default//a", ["one"]],
      ["default//b", ["one"]],
    ],
  );
  assert.match(held[0]?.message ?? "", /8 deletes need an approval \(clusterShare\)/);
  assert.equal(await count(), 24);
  await rig.call("POST", `/api/v1/held/${held[0]?.id}/approve`, { reason: "a is done" });
  // With a gone, what is left for b is no more than a cluster may lose.
  await rig.until("they are gone", async () => (await count()) === 8);
  await rig.settled();
  assert.deepEqual(await rig.held(), []);
});
