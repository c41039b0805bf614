import assert from "node:assert/strict";
import { test } from "node:test";

import type { JsonObject, JsonValue } from "@muster/proto/model/json";

import {
  attribute,
  contestBackoffMs,
  covers,
  declareAround,
  dropFields,
  fieldsOf,
  fold,
  freshBucket,
  ignoredOf,
  judge,
  leaves,
  mask,
  noContest,
  noteHeal,
  nothingIgnored,
  parsePointer,
  pointerOf,
  project,
  record,
  strippedNow,
  takeHeal,
  type FieldSet,
} from "./drift.ts";
import { coversWay, minusFields, unionFields } from "./fields.ts";

type ManagedBy = {
  readonly manager: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fields: FieldSet;
};

function object(body: JsonObject, managers: readonly ManagedBy[], metadata: JsonObject = {}): JsonObject {
  const managedFields = managers.map(({ manager, operation = "Update", subresource, time, fields }) => ({
    manager,
    operation,
    apiVersion: "v1",
    ...(subresource === undefined ? {} : { subresource }),
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: fields,
  }));
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    ...body,
    metadata: { name: "a", uid: "u", resourceVersion: "1", ...metadata, managedFields },
  };
}

const data = (...names: readonly string[]): FieldSet => ({ "f:data": Object.fromEntries(names.map((name) => [`f:${name}`, {}])) });
const ours = (fields: FieldSet): ManagedBy => ({ manager: "muster", operation: "Apply", fields });

const answer = object({ data: { a: "1", b: "1" } }, [ours(data("a", "b"))]);
const recorded = record(answer, undefined, nothingIgnored);
const seen = (body: JsonObject, managers: readonly ManagedBy[], metadata: JsonObject = {}): string =>
  judge(object(body, managers, { resourceVersion: "2", ...metadata }), recorded, undefined, nothingIgnored).kind;

test("a live object is judged over the fields that we own", () => {
  const whole = ours(data("a", "b"));
  const cases: readonly (readonly [string, string])[] = [
    ["same", seen({ data: { a: "1", b: "1" } }, [whole])],
    ["same", seen({ data: { a: "1", b: "1", c: "theirs" } }, [whole, { manager: "operator", fields: data("c") }])],
    ["values", seen({ data: { a: "2", b: "1" } }, [whole])],
    ["values", seen({ data: { a: "2", b: "1" } }, [ours(data("b")), { manager: "operator", fields: data("a") }])],
    ["values", seen({ data: { b: "1" } }, [ours(data("b"))])],
    ["entryOnly", seen({ data: { a: "1", b: "1" } }, [ours(data("b")), { manager: "operator", fields: data("a") }])],
    ["disowned", seen({ data: { a: "1", b: "1" } }, [])],
    ["additions", seen({ data: { a: "1", b: "1", c: "x" } }, [whole, { manager: "kubectl-edit", fields: data("c") }])],
    ["same", seen({ data: { a: "1", b: "1" } }, [whole, { manager: "kubectl-rollout", fields: data("c") }])],
    ["same", seen({ data: { a: "1", b: "1" } }, [whole, { manager: "kubectl", subresource: "scale", fields: data("c") }])],
    ["terminating", seen({ data: {} }, [], { deletionTimestamp: "2026-01-01T00:00:00Z" })],
    ["replaced", seen({ data: { a: "1", b: "1" } }, [whole], { uid: "other" })],
    ["same", judge(answer, recorded, undefined, nothingIgnored).kind],
  ];
  for (const [index, [wanted, found]] of cases.entries()) assert.equal(found, wanted, `case ${index}`);
});

test("scenario 20: a declared {} that somebody fills is as it was; a declared value is not", () => {
  const fields: FieldSet = { "f:spec": { "f:hollow": {}, "f:atomic": {} } };
  const declared: JsonObject = { spec: { hollow: {}, atomic: { x: 1 } } };
  const first = record(object({ spec: { hollow: {}, atomic: { x: 1 } } }, [ours(fields)]), declared, nothingIgnored);
  const judged = (spec: JsonObject): string =>
    judge(object({ spec }, [ours(fields)], { resourceVersion: "2" }), first, declared, nothingIgnored).kind;
  assert.equal(judged({ hollow: { filled: true }, atomic: { x: 1 } }), "same");
  assert.equal(judged({ hollow: {}, atomic: { x: 1, y: 2 } }), "values");
});

const pod: JsonObject = {
  spec: {
    containers: [
      { name: "a", image: "1" },
      { name: "b", image: "2", args: ["x", "y"] },
    ],
    finalizers: ["f"],
  },
};

test("a set of fields is walked by member, key, value and index", () => {
  const fields: FieldSet = {
    "f:spec": {
      "f:containers": { 'k:{"name":"b"}': { ".": {}, "f:image": {}, "f:args": { "i:1": {} } } },
      "f:finalizers": { 'v:"f"': {} },
      "f:absent": {},
    },
  };
  assert.deepEqual(project(pod, fields), {
    "f:spec": {
      "f:containers": { 'k:{"name":"b"}': { ".": true, "f:image": "2", "f:args": { "i:1": "y" } } },
      "f:finalizers": { 'v:"f"': "f" },
    },
  });
  assert.deepEqual(leaves(fields).map(pointerOf), [
    "/spec/containers/[name=b]/image",
    "/spec/containers/[name=b]/args/1",
    "/spec/finalizers/[=f]",
    "/spec/absent",
  ]);
  assert.equal(covers(fields, ["f:spec", "f:containers", 'k:{"name":"b"}', "f:image"]), true);
  assert.equal(covers(fields, ["f:spec", "f:containers", 'k:{"name":"a"}']), false);
  assert.equal(coversWay(fields, pod, ["spec", "containers", 1, "image"]), true);
  assert.equal(coversWay(fields, pod, ["spec", "containers", 0, "image"]), false);
});

test("sets of fields are added, subtracted and taken out of an object", () => {
  const [a, b] = [data("a", "b"), data("b", "c")];
  assert.deepEqual(unionFields(a, b), data("a", "b", "c"));
  assert.deepEqual(minusFields(a, b), data("a"));
  assert.deepEqual(minusFields(a, { "f:data": {} }), {});
  assert.deepEqual(
    fieldsOf([
      ["f:data", "f:a"],
      ["f:data", "f:b"],
    ]),
    a,
  );
  assert.deepEqual(dropFields(pod, { "f:spec": { "f:containers": { 'k:{"name":"b"}': { "f:image": {} } }, "f:finalizers": {} } }), {
    spec: {
      containers: [
        { name: "a", image: "1" },
        { name: "b", args: ["x", "y"] },
      ],
    },
  });
});

test("patterns are JSON pointers with `*` and `[name=x]`, and escaped slashes", () => {
  const masked = (pointer: string): JsonValue =>
    mask({ ...pod, metadata: { annotations: { "a/b": "1", c: "2" } } }, [parsePointer(pointer)]);
  const get = (value: JsonValue): JsonObject => value as JsonObject;
  assert.deepEqual(get(masked("/metadata/annotations/a~1b"))["metadata"], { annotations: { c: "2" } });
  assert.deepEqual((get(get(masked("/spec/containers/[name=b]/image"))["spec"] as JsonObject)["containers"] as JsonValue[])[1], {
    name: "b",
    args: ["x", "y"],
  });
  assert.deepEqual((get(get(masked("/spec/containers/*/image"))["spec"] as JsonObject)["containers"] as JsonValue[])[0], { name: "a" });
});

test("what is ignored is neither recorded nor judged", () => {
  const rules = [{ group: "", kind: "ConfigMap", name: "*", fields: ["/data/a"], managers: [], mode: "always" as const }];
  const ignored = ignoredOf(rules, false);
  const first = record(answer, undefined, ignored);
  const live = object({ data: { a: "other", b: "1" } }, [ours(data("b")), { manager: "x", fields: data("a") }], { resourceVersion: "2" });
  assert.equal(judge(live, first, undefined, ignored).kind, "same");
  assert.equal(judge(live, recorded, undefined, nothingIgnored).kind, "values");
});

test("a field that an ignored manager took is yielded, one that another took is drift", () => {
  const rules = [{ group: "", kind: "ConfigMap", name: "*", fields: [], managers: ["injector"], mode: "always" as const }];
  const taken = (manager: string): string =>
    judge(
      object({ data: { a: "other", b: "1" } }, [ours(data("b")), { manager, fields: data("a") }], { resourceVersion: "2" }),
      recorded,
      undefined,
      ignoredOf(rules, false),
    ).kind;
  assert.equal(taken("injector"), "yielded");
  assert.equal(taken("operator"), "values");
});

test("around ignored fields: what others hold is left out, what is still ours gets the value that it has", () => {
  const patterns = [parsePointer("/data/a")];
  const live: JsonObject = { data: { a: "live", b: "live" } };
  assert.deepEqual(declareAround({ data: { a: "1", b: "1" } }, live, data("b"), patterns), { data: { b: "1" } });
  assert.deepEqual(declareAround({ data: { a: "1", b: "1" } }, live, data("a", "b"), patterns), { data: { a: "live", b: "1" } });
  const image = [parsePointer("/spec/containers/[name=b]/image")];
  const own: FieldSet = { "f:spec": { "f:containers": { 'k:{"name":"b"}': { "f:image": {} } } } };
  const around = declareAround(pod, { spec: { containers: [{ name: "b", image: "9" }] } }, own, image) as JsonObject;
  assert.deepEqual(((around["spec"] as JsonObject)["containers"] as JsonValue[])[1], { name: "b", image: "9", args: ["x", "y"] });
});

test("folding makes people's fields ours under the version that was read, and leaves the rest alone", () => {
  const live = object({ data: { a: "1", c: "x", d: "y" } }, [
    ours(data("a")),
    { manager: "kubectl-edit", fields: data("c") },
    { manager: "operator", fields: data("d") },
  ]);
  const patch = fold(live, nothingIgnored, "v1");
  assert.deepEqual(patch?.[1], { op: "replace", path: "/metadata/resourceVersion", value: "1" });
  const entries = patch?.[0]?.["value"] as readonly JsonObject[];
  assert.deepEqual(
    entries.map((entry) => [entry["manager"], entry["operation"], entry["fieldsV1"]]),
    [
      ["muster", "Apply", data("a", "c")],
      ["operator", "Update", data("d")],
    ],
  );
  assert.equal(fold(object({}, [ours(data("a"))]), nothingIgnored, "v1"), null);
  assert.equal(fold(live, nothingIgnored, "v2"), null, "paths of another version mean something else");
});

test("scenario 30: fields that the cluster gave an object are not folded", () => {
  const claim = {
    ...object({ spec: { volumeName: "pv", x: "1" } }, [
      { manager: "before-first-apply", fields: { "f:spec": { "f:volumeName": {}, "f:x": {} } } },
    ]),
    kind: "PersistentVolumeClaim",
  };
  const patch = fold(claim, nothingIgnored, "v1", () => true);
  const entries = patch?.[0]?.["value"] as readonly JsonObject[];
  assert.deepEqual(
    entries.map((entry) => entry["fieldsV1"]),
    [{ "f:spec": { "f:x": {} } }, { "f:spec": { "f:volumeName": {} } }],
  );
});

test("a change is attributed to who held the fields; a webhook's to nobody", () => {
  const time = "2026-01-01T00:00:00Z";
  const before = object({ data: { a: "2", b: "1" } }, [
    ours(data("b")),
    { manager: "kubectl-edit", time, fields: data("a") },
    { manager: "operator", fields: data("z") },
  ]);
  const { paths: _, ...who } = attribute(before, answer);
  assert.deepEqual(who, { fields: ["/data/a"], manager: "kubectl-edit", operation: "Update", subresource: "", changedAt: time });
  const webhook = attribute(object({ data: { a: "2", b: "1" } }, [ours(data("a", "b"))]), answer);
  assert.deepEqual([webhook.manager, webhook.fields], ["unknown", ["/data/a"]]);
});

test("no more than twenty fields are named", () => {
  const names = Array.from({ length: 30 }, (_, i) => `f${i}`);
  const all = Object.fromEntries(names.map((name) => [name, "1"]));
  const after = object({ data: all }, [ours(data(...names))]);
  assert.equal(attribute(object({ data: {} }, []), after).fields.length, 20);
});

test("I8 twenty heals at once, then thirty an hour", () => {
  let bucket = freshBucket(0);
  for (let i = 0; i < 20; i += 1) {
    const taken = takeHeal(bucket, 0);
    assert.equal(taken.waitMs, 0);
    bucket = taken.bucket;
  }
  assert.equal(takeHeal(bucket, 0).waitMs, 120_000);
  assert.equal(takeHeal(bucket, 120_000).waitMs, 0);
  assert.equal(takeHeal(bucket, 119_000).waitMs, 1_000);
});

const path = ["f:data", "f:a"];
const quarrel = (
  times: number,
  options: { gapMs?: number; manager?: string; byPerson?: boolean } = {},
): { contested: number; nowMs: number; contest: ReturnType<typeof noteHeal>["contest"] } => {
  const { gapMs = 1_000, manager = "operator", byPerson = false } = options;
  let contest = noContest;
  let contested = 0;
  let nowMs = 0;
  for (let i = 0; i < times; i += 1, nowMs += gapMs) {
    const noted = noteHeal(contest, { paths: [path], manager, byPerson }, nowMs);
    contest = noted.contest;
    contested += noted.contested.length;
  }
  return { contested, nowMs: nowMs - gapMs, contest };
};

test("D17 the same manager that takes a field back within 5 s of our heal, five times in ten minutes, has it for a minute", () => {
  assert.equal(quarrel(5).contested, 0);
  const lost = quarrel(6);
  assert.equal(lost.contested, 1);
  assert.deepEqual(strippedNow(lost.contest, lost.nowMs), [{ path, manager: "operator", untilMs: lost.nowMs + contestBackoffMs.first }]);
  assert.deepEqual(strippedNow(lost.contest, lost.nowMs + contestBackoffMs.first), []);
});

test("a slow quarrel and a person are no contest", () => {
  assert.equal(quarrel(50, { gapMs: 6_000 }).contested, 0);
  assert.equal(quarrel(50, { byPerson: true, manager: "kubectl-edit" }).contested, 0);
});

test("D17 the pause doubles each time, up to half an hour", () => {
  let { contest, nowMs } = quarrel(6);
  const pauses: number[] = [];
  for (let i = 0; i < 7; i += 1) {
    nowMs = (strippedNow(contest, nowMs)[0]?.untilMs ?? 0) + 1;
    for (const at of [nowMs, nowMs + 1_000])
      contest = noteHeal(contest, { paths: [path], manager: "operator", byPerson: false }, at).contest;
    nowMs += 1_000;
    pauses.push((strippedNow(contest, nowMs)[0]?.untilMs ?? nowMs) - nowMs);
  }
  assert.deepEqual(pauses, [120_000, 240_000, 480_000, 960_000, 1_800_000, 1_800_000, 1_800_000]);
});
