import assert from "node:assert/strict";
import { test } from "node:test";

import { crossedGuards, deletionDigest } from "./evidence.ts";
import { appKey, type ObjectIdentity } from "./identity.ts";

const object = (name: string, kind = "ConfigMap", group = ""): ObjectIdentity => ({ group, kind, namespace: "shop", name });
const objects = (count: number): ObjectIdentity[] => Array.from({ length: count }, (_, i) => object(`c${i}`));

const table: readonly [string, Parameters<typeof crossedGuards>, readonly string[]][] = [
  ["nothing is deleted", [{ deletes: [], before: 10, tombstone: false }, 0, 100], []],
  ["one of ten", [{ deletes: objects(1), before: 10, tombstone: false }, 1, 100], []],
  ["half of an App of four", [{ deletes: objects(2), before: 4, tombstone: false }, 2, 100], []],
  ["more than half of an App of four", [{ deletes: objects(3), before: 4, tombstone: false }, 3, 100], ["appShare"]],
  ["two of three: too small an App for shares", [{ deletes: objects(2), before: 3, tombstone: false }, 2, 100], []],
  ["an App to zero", [{ deletes: objects(1), before: 1, tombstone: false }, 1, 100], ["appToZero"]],
  ["an App to zero by its tombstone", [{ deletes: objects(8), before: 8, tombstone: true }, 8, 100], []],
  ["ten on a cluster", [{ deletes: objects(10), before: 40, tombstone: false }, 10, 50], []],
  ["eleven on a cluster of fifty", [{ deletes: objects(11), before: 40, tombstone: false }, 11, 50], ["clusterShare"]],
  ["eleven on a cluster of two hundred", [{ deletes: objects(11), before: 40, tombstone: false }, 11, 200], []],
  ["eleven by a tombstone on a cluster of fifty", [{ deletes: objects(11), before: 11, tombstone: true }, 11, 50], ["clusterShare"]],
  ["a Namespace, by a tombstone too", [{ deletes: [object("shop", "Namespace")], before: 9, tombstone: true }, 1, 100], ["preciousKind"]],
  [
    "a PersistentVolumeClaim",
    [{ deletes: [object("data", "PersistentVolumeClaim")], before: 9, tombstone: false }, 1, 100],
    ["preciousKind"],
  ],
  ["a PersistentVolume", [{ deletes: [object("data", "PersistentVolume")], before: 9, tombstone: false }, 1, 100], ["preciousKind"]],
  [
    "a StorageClass",
    [{ deletes: [object("fast", "StorageClass", "storage.k8s.io")], before: 9, tombstone: false }, 1, 100],
    ["preciousKind"],
  ],
  [
    "a CRD",
    [{ deletes: [object("x", "CustomResourceDefinition", "apiextensions.k8s.io")], before: 9, tombstone: false }, 1, 100],
    ["preciousKind"],
  ],
  [
    "a custom kind that is called Namespace",
    [{ deletes: [object("x", "Namespace", "example.org")], before: 9, tombstone: false }, 1, 100],
    [],
  ],
];

for (const [name, args, expected] of table)
  test(`guards: ${name} crosses ${expected.join(", ") || "none"}`, () => assert.deepEqual(crossedGuards(...args), expected));

test("an approval names the App and the set of its objects, whatever their order", () => {
  const [a, b] = [object("a"), object("b")];
  const [web, db] = [appKey("default", "", "web"), appKey("default", "", "db")];
  assert.equal(deletionDigest(web, [a, b]), deletionDigest(web, [b, a]));
  assert.notEqual(deletionDigest(web, [a, b]), deletionDigest(web, [a]));
  assert.notEqual(deletionDigest(web, [a, b]), deletionDigest(db, [a, b]));
});
