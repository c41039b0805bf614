// Every row of the table of answers, on what a kube-apiserver 1.36.3 really said: testdata/answers.jsonl holds its answers unaltered.

import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import { conflictOf, readStatus, refusalOf, warningsOf, type Refusal } from "./kube-answer.ts";

type Answer = { readonly name: string; readonly code: number; readonly body: string };
type Expected = readonly [groupKind: string, reason: Refusal["reason"], retry: Refusal["retry"], more?: Partial<Refusal>];

const answers = new Map(
  readFileSync(new URL("./testdata/answers.jsonl", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Answer)
    .map((answer) => [answer.name, answer]),
);

const expected: { readonly [name: string]: Expected } = {
  "too big": ["/ConfigMap", "ApplyFailed", "never"],
  "beyond the body limit": ["/ConfigMap", "ApplyFailed", "never"],
  "managedFields in the body": ["/ConfigMap", "ApplyFailed", "never"],
  "wrong content type": ["/ConfigMap", "ApplyFailed", "never"],
  "duplicate key": ["/ConfigMap", "ApplyFailed", "never"],
  "wrong type": ["apps/Deployment", "ApplyFailed", "never"],
  "invalid deployment": ["apps/Deployment", "ApplyFailed", "never"],
  "secret bad base64": ["/Secret", "ApplyFailed", "never"],
  "secret unknown field": ["/Secret", "ApplyFailed", "never"],
  "secret type change": ["/Secret", "Immutable", "never", { fields: ["type", "data[username]", "data[password]"] }],
  "uid of an absent object": ["/ConfigMap", "ApplyFailed", "raced"],
  "uid of another object": ["/ConfigMap", "ApplyFailed", "raced"],
  "stale version": ["/ConfigMap", "ApplyFailed", "raced"],
  "POST existing": ["/ConfigMap", "ApplyFailed", "raced"],
  "GET absent": ["/ConfigMap", "ApplyFailed", "raced", { objectMissing: true }],
  "GET absent kind": ["/Nope", "KindMissing", "later"],
  "GET absent group": ["nope.io/Nope", "KindMissing", "later"],
  "PATCH absent group": ["nope.io/Nope", "KindMissing", "later"],
  "json patch absent": ["/ConfigMap", "ApplyFailed", "raced", { objectMissing: true }],
  "json patch stale version": ["/ConfigMap", "ApplyFailed", "raced"],
  "json patch test fails": ["/ConfigMap", "ApplyFailed", "raced"],
  "into a terminating namespace": ["/ConfigMap", "NamespaceTerminating", "later"],
  "into a missing namespace": ["/ConfigMap", "ApplyFailed", "later", { namespaceMissing: true }],
  "RBAC denies apply": ["/ConfigMap", "Forbidden", "later"],
  "RBAC denies secret": ["/Secret", "Forbidden", "later"],
  "quota exceeded": ["/Service", "ApplyFailed", "later", { retryAfterMs: 60_000 }],
  "denied by a policy": ["/ConfigMap", "ApplyFailed", "never"],
  "webhook down": ["/Secret", "ApplyFailed", "later", { retryAfterMs: 1_000 }],
  "other uid at a delete": ["/ConfigMap", "ApplyFailed", "raced"],
  "immutable Deployment": ["apps/Deployment", "Immutable", "never", { fields: ["spec.selector"] }],
  "immutable DaemonSet": ["apps/DaemonSet", "Immutable", "never"],
  "immutable ReplicaSet": ["apps/ReplicaSet", "Immutable", "never"],
  "immutable StatefulSet": ["apps/StatefulSet", "Immutable", "never"],
  "immutable Job": ["batch/Job", "Immutable", "never"],
  "immutable Job completions": ["batch/Job", "Immutable", "never"],
  "immutable PersistentVolumeClaim": ["/PersistentVolumeClaim", "Immutable", "never"],
  "immutable PersistentVolume": ["/PersistentVolume", "Immutable", "never"],
  "immutable Service": ["/Service", "Immutable", "never"],
  "immutable RoleBinding": ["rbac.authorization.k8s.io/RoleBinding", "Immutable", "never"],
  "immutable StorageClass provisioner": ["storage.k8s.io/StorageClass", "Immutable", "never"],
  "immutable StorageClass parameters": ["storage.k8s.io/StorageClass", "Immutable", "never"],
  "immutable StorageClass reclaimPolicy": ["storage.k8s.io/StorageClass", "Immutable", "never"],
  "immutable ConfigMap data": ["/ConfigMap", "Immutable", "never"],
  "immutable Pod": ["/Pod", "Immutable", "never"],
  "immutable CRD scope": ["apiextensions.k8s.io/CustomResourceDefinition", "Immutable", "never"],
  "immutable CRD kind": ["apiextensions.k8s.io/CustomResourceDefinition", "Immutable", "never"],
  "immutable by CEL": ["example.com/Thing", "Immutable", "never"],
  "immutable Deployment to Recreate": ["apps/Deployment", "ApplyFailed", "never", { fields: ["spec.strategy.rollingUpdate"] }],
  "custom wrong type": ["example.com/Thing", "ApplyFailed", "never"],
  "custom unknown field": ["example.com/Thing", "ApplyFailed", "never"],
};

for (const [name, [groupKind, reason, retry, more]] of Object.entries(expected)) {
  test(`the answer to "${name}" is ${reason}, ${retry}`, () => {
    const refusal = refused(name, groupKind);
    deepEqual({ reason: refusal.reason, retry: refusal.retry }, { reason, retry });
    for (const [member, value] of Object.entries(more ?? {})) deepEqual(refusal[member as keyof Refusal], value);
    ok(refusal.message.length > 0 && refusal.message.length <= 1_100);
  });
}

test("every recorded answer is judged by a test", () => {
  const elsewhere = new Set(["a field conflict", "list future"]);
  deepEqual(
    [...answers.keys()].filter((name) => !(name in expected) && !elsewhere.has(name)),
    [],
  );
});

test("F46 a conflict names each field and its manager", () => {
  deepEqual(conflictOf(statusOf("a field conflict"))?.conflicts, [{ field: ".data.a", manager: "kubectl-edit" }]);
});

test("a conflict of versions is no conflict of managers", () => {
  equal(conflictOf(statusOf("stale version")), undefined);
});

test("S22 what the server says of a Secret is never passed on", () => {
  for (const name of ["secret bad base64", "secret unknown field", "secret type change", "webhook down", "RBAC denies secret"]) {
    const { message } = refused(name, "/Secret");
    doesNotMatch(message, /illegal base64|dataa|basic-auth|kubectl|dial tcp|nobody/, name);
  }
  match(refused("secret type change", "/Secret").message, /Invalid: type, data\[username\]/);
});

test("F50 a status that says nothing of the write is an error, not an outcome", () => {
  for (const code of [502, 503, 504]) {
    throws(
      () => refusalOf(readStatus(code, "upstream error"), { subject: "ConfigMap a", group: "", kind: "ConfigMap" }),
      (error) => error instanceof OperationError && error.code === "unavailable",
    );
  }
});

test("F49 a 429 carries how long the server wants us to wait", () => {
  const status = readStatus(429, "Too many requests, please try again later.\n");
  const refusal = refusalOf(status, { subject: "ConfigMap a", group: "", kind: "ConfigMap" }, 7_000);
  deepEqual([refusal.retry, refusal.retryAfterMs], ["later", 7_000]);
});

test("an absent Namespace is the object itself, not the namespace of something", () => {
  const body = JSON.stringify({ kind: "Status", message: "x", details: { name: "x", kind: "namespaces" } });
  const refusal = refusalOf(readStatus(404, body), { subject: "Namespace x", group: "", kind: "Namespace" });
  deepEqual([refusal.namespaceMissing, refusal.objectMissing], [undefined, true]);
});

test("a long message is cut", () => {
  const refusal = refusalOf(readStatus(400, "x".repeat(100_000)), { subject: "ConfigMap a", group: "", kind: "ConfigMap" });
  equal(refusal.message.length, 1_027);
});

test("warnings of the server become notes", () => {
  const header = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice", 299 - "say \\"when\\""';
  deepEqual(warningsOf(header), ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice", 'say "when"']);
  deepEqual(warningsOf(undefined), []);
});

function refused(name: string, groupKind: string): Refusal {
  const slash = groupKind.lastIndexOf("/");
  return refusalOf(statusOf(name), { subject: name, group: groupKind.slice(0, slash), kind: groupKind.slice(slash + 1) });
}

function statusOf(name: string): ReturnType<typeof readStatus> {
  const answer = answers.get(name);
  ok(answer, `no recorded answer: ${name}`);
  return readStatus(answer.code, answer.body);
}
