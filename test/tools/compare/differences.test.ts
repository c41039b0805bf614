// What counts as a difference between two renders, and what does not.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { JsonObject } from "@muster/proto/model/json";
import { differencesOf } from "./differences.ts";

const configMap = (name: string, text: string, more: JsonObject = {}): JsonObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...more },
  data: { text },
});
const compare = (ours: readonly JsonObject[], native: readonly JsonObject[], again = native) => differencesOf(ours, native, again);

test("equal objects in another order do not differ", () => {
  const [a, b] = [configMap("a", "1"), configMap("b", "2")];
  assert.deepEqual(compare([a, b], [b, a]), []);
});

test("a value, a missing object and one too many are each told", () => {
  assert.deepEqual(compare([configMap("a", "1"), configMap("c", "3")], [configMap("a", "2"), configMap("b", "2")]), [
    'ConfigMap a: /data/text: "1" in ours, "2" in the native',
    "ConfigMap b: missing in ours",
    "ConfigMap c: only in ours",
  ]);
});

test("a namespace that the App filled in is none, another one is", () => {
  assert.deepEqual(compare([configMap("a", "1", { namespace: "demo" })], [configMap("a", "1")]), []);
  assert.equal(compare([configMap("a", "1", { namespace: "other" })], [configMap("a", "1")]).length, 2);
});

test("what Muster changes on purpose is none: nulls, status, empty labels, stringData, the protocol of a port", () => {
  const secret = (block: JsonObject): JsonObject => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, ...block });
  const service = (port: JsonObject): JsonObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { ports: [port] },
  });
  assert.deepEqual(compare([secret({ data: { a: "Yg==" } })], [secret({ stringData: { a: "b" }, status: {}, type: null })]), []);
  assert.deepEqual(compare([configMap("a", "1")], [configMap("a", "1", { labels: {}, annotations: {} })]), []);
  assert.equal(compare([configMap("a", "1")], [configMap("a", "1", { labels: { a: "b" } })]).length, 1);
  assert.deepEqual(compare([service({ port: 80, protocol: "TCP" })], [service({ port: 80 })]), []);
  assert.equal(compare([service({ port: 80, protocol: "UDP" })], [service({ port: 80 })]).length, 1);
});

test("a hook that only helm test or helm rollback runs is none, another hook is", () => {
  const hook = (events: string): JsonObject => configMap("t", "1", { annotations: { "helm.sh/hook": events } });
  assert.deepEqual(compare([], [hook("test"), hook("pre-rollback,post-rollback")]), []);
  assert.deepEqual(compare([], [hook("test,pre-install")]), ["ConfigMap t: missing in ours"]);
});

test("what differs between two runs of the native program is random, and the rest is not", () => {
  const [first, second] = [configMap("a", "x7"), configMap("a", "q2")];
  assert.deepEqual(compare([configMap("a", "k5")], [first], [second]), []);
  assert.deepEqual(compare([configMap("test-aaa", "1")], [configMap("test-bbb", "1")], [configMap("test-ccc", "1")]), []);
  assert.equal(compare([configMap("test-aaa", "2")], [configMap("test-bbb", "1")], [configMap("test-ccc", "1")]).length, 1);
  assert.equal(compare([configMap("a", "k5")], [first], [first]).length, 1);
});
