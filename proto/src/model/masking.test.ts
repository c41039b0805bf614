// What of an object may leave its cluster.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { JsonObject } from "./json.ts";
import { maskObject } from "./mask.ts";
import { spelledWith } from "./masking.ts";

const spell = spelledWith(new Uint8Array(32).fill(7));
const last = "kubectl.kubernetes.io/last-applied-configuration";
const secret: JsonObject = {
  apiVersion: "v1",
  kind: "Secret",
  type: "Opaque",
  metadata: {
    name: "s",
    annotations: { [last]: '{"data":{"a":"canary"}}', team: "blue" },
    managedFields: [{ manager: "m", fieldsV1: { 'v:"canary"': {} } }],
  },
  data: { a: "canary", b: "canary", c: "other" },
  stringData: { a: "canary" },
  future: "canary",
};

test("S21 I9 nothing of a Secret's values is left: data, stringData, kubectl's copy, managedFields, and members that nobody knows yet", () => {
  const masked = maskObject(secret, spell);
  assert.ok(!JSON.stringify(masked).includes("canary"));
  const { data, metadata, type } = masked as unknown as { data: Record<string, string>; metadata: JsonObject; type: string };
  assert.deepEqual([Object.keys(data), type, metadata["managedFields"]], [["a", "b", "c"], "Opaque", undefined]);
  assert.equal((metadata["annotations"] as JsonObject)["team"], "blue");
});

test("equal values look equal in one answer, and in another one they look different", () => {
  const { data } = maskObject(secret, spell) as unknown as { data: Record<string, string> };
  assert.equal(data["a"], data["b"]);
  assert.notEqual(data["a"], data["c"]);
  assert.notEqual(spell("canary"), spelledWith(new Uint8Array(32))("canary"));
});

test("S21 values of secret environment variables are masked wherever a pod is described, also in kubectl's copy", () => {
  const env = [
    { name: "DB_PASSWORD", value: "canary" },
    { name: "REGION", value: "eu" },
    { name: "API_TOKEN", valueFrom: { secretKeyRef: { name: "s", key: "a" } } },
  ];
  const copy = JSON.stringify({ spec: { template: { spec: { containers: [{ env }] } } } });
  const object = {
    apiVersion: "db.example/v1",
    kind: "Database",
    metadata: { annotations: { [last]: copy } },
    spec: { pod: { containers: [{ env }] } },
  };
  const masked = maskObject(object, spell);
  const text = JSON.stringify(masked);
  assert.ok(!text.includes("canary"));
  assert.ok(text.includes('"value":"eu"') && text.includes("secretKeyRef"));
  assert.ok(!JSON.stringify(maskObject({ ...object, metadata: { annotations: { [last]: "canary, no JSON" } } }, spell)).includes("canary"));
});

test("S21 a Secret inside of a list or of another object is found; a ConfigMap is left as it is", () => {
  const list = { apiVersion: "v1", kind: "List", items: [secret, { kind: "Wrapper", spec: { template: secret } }] };
  assert.ok(!JSON.stringify(maskObject(list, spell)).includes("canary"));
  const map: JsonObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, data: { a: "shown" } };
  assert.deepEqual(maskObject(map, spell), map);
});
