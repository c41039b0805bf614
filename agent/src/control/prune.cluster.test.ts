// Deleting, on a real API server: only with evidence, only what is meant, and never forgotten before it is gone.

import assert from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { deletionDigest } from "@muster/proto/model/evidence";
import { appLabel, appLabelValue, ownerAnnotation, identityKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { configMap, identityIn, isSynced, keyFor, Rig } from "./rig.ts";

let plane: ControlPlane;
before(async () => (plane = await startControlPlane({ name: "prune" })));
after(async () => await plane.stop());

const start = (): Promise<Rig> => Rig.start({ kubeconfig: plane.kubeconfig });
const uidOf = (object: JsonObject | null): string => String((object?.["metadata"] as JsonObject | undefined)?.["uid"]);
const removed = (rig: Rig): readonly string[] => rig.writes.filter(({ verb }) => verb === "remove").map(({ object }) => object);
const maps = (namespace: string, count: number, from = 0): JsonObject[] =>
  Array.from({ length: count }, (_, i) => configMap(namespace, `m${from + i}`, { i: String(from + i) }));
const past = "2020-01-01T00:00:00Z";

test("an object that the newer Release does not declare is deleted; what others made with our label is not (D14)", async () => {
  await using rig = await start();
  const policy = { namespace: "d14" };
  const [one, two, three] = [configMap("d14", "one", {}), configMap("d14", "two", {}), configMap("d14", "three", {})];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy } } });
  const copy: JsonObject = {
    ...configMap("d14", "copy", {}),
    metadata: {
      name: "copy",
      namespace: "d14",
      labels: { [appLabel]: appLabelValue(keyFor("web")) },
      annotations: { [ownerAnnotation]: `${rig.fleet}/default//web` },
    },
  };
  await plane.kubectl(["create", "-f", "-"], JSON.stringify(copy));
  await rig.accept({ apps: { web: { objects: [one, two], policy } } });
  await rig.until(async () => ((await rig.live(three)) === null ? true : null));
  assert.deepEqual(removed(rig), ["ConfigMap d14/three"]);
  assert.notEqual(await rig.live(copy), null, "a copied label is not ownership");
});

test("nothing is deleted while an object of the newer Release cannot be applied", async () => {
  await using rig = await start();
  const policy = { namespace: "partial" };
  const [one, two, three] = maps("partial", 3) as [JsonObject, JsonObject, JsonObject];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy } } });
  const bad: JsonObject = { ...configMap("partial", "bad", {}), nonsense: 1 };
  await rig.accept(
    { apps: { web: { objects: [one, two, bad], policy } } },
    (status) => status.reason === "ApplyFailed" && status.counts.applied === 2,
  );
  await rig.quiet();
  assert.deepEqual(removed(rig), []);
  await rig.accept({ apps: { web: { objects: [one, two], policy } } });
  await rig.until(() => (removed(rig).length > 0 ? true : null));
  assert.deepEqual(removed(rig), ["ConfigMap partial/m2"]);
});

test("scenario 27: another object of the same name is not deleted", async () => {
  await using rig = await start();
  const [one, two, three] = maps("uid", 3) as [JsonObject, JsonObject, JsonObject];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy: { namespace: "uid", heal: false } } } });
  await plane.kubectl(["delete", "configmap", "m2", "-n", "uid"]);
  await plane.kubectl(["create", "-f", "-"], JSON.stringify(three));
  const uid = uidOf(await rig.live(three));
  await rig.accept({ apps: { web: { objects: [one, two], policy: { namespace: "uid", heal: false } } } });
  assert.equal(uidOf(await rig.live(three)), uid);
  assert.equal(rig.cache.inventory.get(identityKey(identityIn(three))), undefined, "and it is not ours any more");
});

const refusingDeletes = (namespace: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicy",
        metadata: { name: `keep-${namespace}` },
        spec: {
          failurePolicy: "Fail",
          matchConstraints: {
            resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["DELETE"], resources: ["configmaps"] }],
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          },
          validations: [{ expression: "false", message: "deletes are not allowed here" }],
        },
      },
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicyBinding",
        metadata: { name: `keep-${namespace}` },
        spec: { policyName: `keep-${namespace}`, validationActions: ["Deny"] },
      },
    ],
  });

test("D15, scenario 26: a delete that is refused keeps its entry, and happens when it is allowed again", async () => {
  await using rig = await start();
  const policy = { namespace: "d15" };
  const [one, two, three] = maps("d15", 3) as [JsonObject, JsonObject, JsonObject];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy } } });
  await plane.kubectl(["apply", "-f", "-"], refusingDeletes("d15"));
  await rig.until(async () => {
    const answer = await plane
      .kubectl(["delete", "configmap", "m0", "-n", "d15", "--dry-run=server"])
      .catch((error: unknown) => String(error));
    return answer.includes("not allowed here") ? true : null;
  });
  await rig.accept({ apps: { web: { objects: [one, two], policy } } }, (status) => status.reason === "PruneFailed");
  assert.match((await rig.status("web", () => true)).message, /not allowed here/);
  await rig.end();
  await rig.begin();
  assert.notEqual(rig.cache.inventory.get(identityKey(identityIn(three))), undefined, "the entry survived a restart");
  await plane.kubectl(["delete", "validatingadmissionpolicybinding", "keep-d15"]);
  await rig.accept({ apps: { web: { objects: [one, two], policy } } });
  assert.equal(await rig.live(three), null);
});

test("scenario 36: eleven of a hundred deletes are held, named by their digest, and go with an approval for exactly them", async () => {
  await using rig = await start();
  const policy = { namespace: "held" };
  const all = maps("held", 100);
  await rig.accept({ apps: { web: { objects: all, policy } } });
  const rest = all.slice(11);
  await rig.accept({ apps: { web: { objects: rest, policy } } }, (status) => status.reason === "GuardHeld");
  const digest = deletionDigest(keyFor("web"), all.slice(0, 11).map(identityIn));
  const held = await rig.status("web", () => true);
  assert.equal(held.held, digest, "the approval has to name exactly these");
  assert.match(held.message, /11 deletes need an approval \(clusterShare\)/);
  const other = deletionDigest(keyFor("web"), all.slice(0, 12).map(identityIn));
  await rig.accept({ apps: { web: { objects: rest, policy } }, approvals: [other] }, (status) => status.reason === "GuardHeld");
  assert.deepEqual(removed(rig), []);
  await rig.accept({ apps: { web: { objects: rest, policy } }, approvals: [digest] });
  assert.equal(removed(rig).length, 11);
});

test("an App is not emptied without an approval, also when all of its objects were exchanged and the agent restarted", async () => {
  await using rig = await start();
  const policy = { namespace: "empty" };
  await rig.accept({ apps: { web: { objects: maps("empty", 3), policy } } });
  const spec = { apps: { web: { objects: maps("empty", 3, 10), policy } } };
  await rig.accept(spec, (status) => status.reason === "GuardHeld");
  await rig.end();
  await rig.begin();
  await rig.accept(spec, (status) => status.reason === "GuardHeld");
  assert.deepEqual(removed(rig), []);
});

test("a namespace goes only with an approval, after what is in it", async () => {
  await using rig = await start();
  const space: JsonObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "precious" } };
  const inside = configMap("precious", "one", {});
  const outside = maps("default", 4, 500);
  await rig.accept({ apps: { web: { objects: [space, inside, ...outside] } } });
  await rig.accept({ apps: { web: { objects: outside } } }, (status) => status.reason === "GuardHeld");
  assert.deepEqual(removed(rig), []);
  rig.body.accept(
    await rig.bundle({ apps: { web: { objects: outside } }, approvals: [deletionDigest(keyFor("web"), [space, inside].map(identityIn))] }),
  );
  await rig.until(() => (removed(rig).length >= 2 ? true : null));
  assert.deepEqual(removed(rig).slice(0, 2), ["ConfigMap precious/one", "Namespace /precious"]);
});

test("scenario 37: a definition with instances is kept", async () => {
  await using rig = await start();
  const definition: JsonObject = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "gears.keep.example" },
    spec: {
      group: "keep.example",
      scope: "Namespaced",
      names: { plural: "gears", singular: "gear", kind: "Gear", listKind: "GearList" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  };
  const others = maps("default", 3, 600);
  await rig.accept({ apps: { web: { objects: [definition, ...others] } } });
  await plane.kubectl(
    ["create", "-f", "-"],
    JSON.stringify({ apiVersion: "keep.example/v1", kind: "Gear", metadata: { name: "g", namespace: "default" } }),
  );
  const spec = { apps: { web: { objects: others } }, approvals: [deletionDigest(keyFor("web"), [identityIn(definition)])] };
  await rig.accept(spec, (status) => status.reason === "PruneFailed");
  assert.match((await rig.status("web", () => true)).message, /1 instances/);
  assert.deepEqual(removed(rig), []);
  await plane.kubectl(["delete", "gear", "g", "-n", "default"]);
  await rig.status("web", isSynced);
  assert.deepEqual(removed(rig), ["CustomResourceDefinition /gears.keep.example"]);
});

test("an App that is absent without a tombstone is kept and reported; with one it goes, is orphaned, or waits for its time", async () => {
  await using rig = await start();
  const policy = { namespace: "tomb" };
  const app = (i: number): { objects: JsonObject[]; policy: { namespace: string } } => ({
    objects: [configMap("tomb", `t${i}`, {})],
    policy,
  });
  await rig.accept({ apps: { stay: app(0), drop: app(1), orphan: app(2), later: app(3), absent: app(4) } });
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  await rig.accept({
    apps: { stay: app(0) },
    tombstones: [
      { app: keyFor("drop"), mode: "delete", notBefore: past },
      { app: keyFor("orphan"), mode: "orphan", notBefore: past },
      { app: keyFor("later"), mode: "delete", notBefore },
    ],
  });
  await rig.status("drop", (status) => status.inventoryEmpty);
  await rig.status("orphan", (status) => status.inventoryEmpty);
  await rig.status("later", (status) => status.reason === "TombstonePending" && !status.inventoryEmpty);
  await rig.status("absent", (status) => status.reason === "Kept");
  assert.deepEqual(removed(rig), ["ConfigMap tomb/t1"]);
  for (const i of [0, 2, 3, 4]) assert.notEqual(await rig.live(configMap("tomb", `t${i}`, {})), null);
  await rig.accept({ apps: { stay: app(0) } });
  await rig.until(
    () => (rig.body.statuses().has(keyFor("drop")) ? null : true),
    () => "the status of an App that is gone stays",
  );
});

test("while its cluster is paused a removal waits, whatever its time; with the end of the pause it goes", async () => {
  await using rig = await start();
  const [one] = maps("calm", 1) as [JsonObject];
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "calm" } } } });
  const tombstones = [{ app: keyFor("web"), mode: "delete", notBefore: past }] as const;
  rig.body.accept(await rig.bundle({ apps: {}, tombstones, paused: true }));
  await rig.status("web", ({ reason }) => reason === "Paused");
  await rig.quiet();
  assert.deepEqual(removed(rig), []);
  rig.body.accept(await rig.bundle({ apps: {}, tombstones }));
  await rig.until(async () => ((await rig.live(one)) === null ? true : null));
});

test("annotations that ask to be kept are honoured, on the live object too", async () => {
  await using rig = await start();
  const policy = { namespace: "keep" };
  const kept: JsonObject = {
    ...configMap("keep", "kept", {}),
    metadata: { name: "kept", namespace: "keep", annotations: { "helm.sh/resource-policy": "keep" } },
  };
  const rest = maps("keep", 4);
  await rig.accept({ apps: { web: { objects: [kept, ...rest], policy } } });
  await rig.accept({ apps: { web: { objects: rest, policy } } });
  assert.notEqual(await rig.live(kept), null);
  assert.equal(rig.cache.inventory.get(identityKey(identityIn(kept))), undefined);
});

test("I1 the agent's own namespace is never touched by a prune", async () => {
  await using rig = await Rig.start({ kubeconfig: plane.kubeconfig, body: { namespace: "muster-system" } });
  const own = configMap("muster-system", "agent", {});
  const rest = maps("default", 4, 700);
  await rig.accept({ apps: { self: { objects: [own, ...rest], policy: { namespace: "muster-system" } } } });
  await rig.accept({ apps: { self: { objects: rest, policy: {} } } });
  assert.deepEqual(removed(rig), []);
});

test("F60 with a lost inventory objects are taken back by their mark, and nothing is deleted", async () => {
  const key = new Uint8Array(32).fill(7);
  await using rig = await Rig.start({ kubeconfig: plane.kubeconfig, key });
  const policy = { namespace: "lost" };
  const [one, two, three] = maps("lost", 3) as [JsonObject, JsonObject, JsonObject];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy } } });
  await using fresh = await Rig.start({ kubeconfig: plane.kubeconfig, key });
  await rig.end();
  await fresh.accept({ apps: { web: { objects: [one, two], policy } } });
  assert.notEqual(await fresh.live(three), null);
  assert.deepEqual(removed(fresh), []);
});

test("F60 with damaged records in the inventory the first round prunes nothing; the next one does", async () => {
  await using rig = await start();
  const policy = { namespace: "damage" };
  const [one, two, three] = maps("damage", 3) as [JsonObject, JsonObject, JsonObject];
  await rig.accept({ apps: { web: { objects: [one, two, three], policy } } });
  await rig.end();
  const log = join(rig.dir, "inventory.log");
  const text = await readFile(log, "utf8");
  await writeFile(log, text.replace("pending", "pendinG"));
  await appendFile(log, "");
  await rig.begin();
  assert.notEqual(rig.cache.inventory.damage, null);
  const spec = { apps: { web: { objects: [one, two], policy } } };
  const bundle = await rig.bundle(spec);
  rig.body.accept(bundle);
  await rig.status("web", (status) => status.generation === bundle.generation && isSynced(status));
  assert.deepEqual(removed(rig), []);
  await rig.accept(spec);
  await rig.until(() => (removed(rig).length === 1 ? true : null));
});

test("S25 a damaged object in the cache is not applied: it is absent, asked for again, and applied when it is back", async () => {
  await using rig = await start();
  const policy = { namespace: "s25" };
  const one = configMap("s25", "one", { a: "1" });
  const spec = { apps: { web: { objects: [one], policy } } };
  const bundle = await rig.bundle(spec);
  const [line] = (await rig.cache.readManifest(bundle.apps[0]?.release as never)) ?? [];
  const path = join(rig.dir, "objects", String(line?.digest).slice(0, 1), String(line?.digest));
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
  rig.body.accept(bundle);
  await rig.status("web", (status) => status.reason === "Fetching");
  assert.equal(await rig.live(one), null);
  assert.deepEqual(rig.lost.slice(0, 1), [line?.digest]);
  await rig.bundle(spec);
  rig.body.recheck();
  await rig.status("web", isSynced);
});
