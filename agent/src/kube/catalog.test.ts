import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { emptyCatalog, find, learn, surelyUnknown, type Catalog } from "./catalog.ts";
import type { DiscoveredVersion } from "./discovered.ts";

const second = 1_000;
const gone = 10 * second;

function version(group: string, name: string, kinds: readonly string[], known = true): DiscoveredVersion {
  return {
    group,
    version: name,
    known,
    kinds: kinds.map((kind) => ({ group, version: name, kind, plural: `${kind.toLowerCase()}s`, namespaced: true })),
  };
}

function after(...answers: readonly (readonly [at: number, ...versions: DiscoveredVersion[]])[]): Catalog {
  return answers.reduce((catalog, [at, ...versions]) => learn(catalog, versions, at, gone), emptyCatalog);
}

const core = version("", "v1", ["Pod"]);
const things = version("example.com", "v1", ["Thing"]);

test("a kind is found at its version, or at the server's preferred one", () => {
  const catalog = after([0, version("example.com", "v2", ["Thing"]), things]);
  deepEqual([find(catalog, "example.com", "Thing")?.version, find(catalog, "example.com", "Thing", "v1")?.version], ["v2", "v1"]);
  deepEqual([find(catalog, "example.com", "Thing", "v3"), find(catalog, "", "Thing")], [undefined, undefined]);
});

test("a kind that is missing once stays; missing twice, ten seconds apart, it is gone", () => {
  equal(find(after([0, core, things], [second, core]), "example.com", "Thing")?.plural, "things");
  equal(find(after([0, core, things], [second, core], [2 * second, core]), "example.com", "Thing")?.plural, "things");
  const catalog = after([0, core, things], [second, core], [11 * second, core]);
  equal(find(catalog, "example.com", "Thing"), undefined);
  equal(surelyUnknown(catalog, "example.com", "Thing", gone), true);
});

test("a kind that comes back in between has never been missing", () => {
  const catalog = after([0, core, things], [second, core], [2 * second, core, things], [11 * second, core]);
  equal(find(catalog, "example.com", "Thing")?.plural, "things");
});

test("F58 a group that the server cannot describe keeps its kinds for ever, and leaves open what else is in it", () => {
  const dead = version("example.com", "v1", [], false);
  const catalog = after([0, core, things], [second, core, dead], [100 * second, core, dead], [200 * second, core, dead]);
  equal(find(catalog, "example.com", "Thing")?.plural, "things");
  equal(surelyUnknown(catalog, "example.com", "Other", gone), false);
  equal(surelyUnknown(catalog, "other.com", "Other", gone), false); // no complete answer since the first
  deepEqual(catalog.stale, ["example.com/v1"]);
  const later = after([0, core], [10 * second, core], [11 * second, core, dead]);
  equal(surelyUnknown(later, "example.com", "Other", gone), false);
  equal(surelyUnknown(later, "other.com", "Other", gone), true);
});

test("that there is no such kind takes two complete answers, ten seconds apart", () => {
  equal(surelyUnknown(emptyCatalog, "example.com", "Thing", gone), false);
  equal(surelyUnknown(after([0, core]), "example.com", "Thing", gone), false);
  equal(surelyUnknown(after([0, core], [9 * second, core]), "example.com", "Thing", gone), false);
  equal(surelyUnknown(after([0, core], [10 * second, core]), "example.com", "Thing", gone), true);
  equal(surelyUnknown(after([0, core], [10 * second, core]), "", "Pod", gone), false);
});
