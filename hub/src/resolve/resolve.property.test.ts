// What must hold for every fleet, whatever its files.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byCodeUnits, canonicalJson } from "@muster/proto/model/canonical";
import type { JsonValue } from "@muster/proto/model/json";
import type { Resolution } from "./resolve.ts";
import { app, cluster, group, list, modelOf, resolveAll, type Files, type Folders } from "./testdata/fleets.ts";

const names = ["a", "b", "c", "d", "e"] as const;
const envs = ["prod", "staging", "dev"] as const;
const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);

const clusterText = fc.record({ name: oneOf("k1", "k2", "k3", "k4", "k5", "k6"), env: oneOf(...envs), tier: fc.option(oneOf("1", "2")) });

const targetText = fc.oneof(
  oneOf("{clusters: {matchAll: true}}", "{clusters: {matchLabels: {env: prod}}}", "{group: g}", "{cluster: k1, deploy: false}"),
  fc
    .tuple(oneOf(...envs), fc.nat(3))
    .map(([env, n]) => `{clusters: {matchLabels: {env: ${env}}}, helm: {values: {n: ${n}, env: "\${cluster.labels.env}"}}}`),
  oneOf('{clusters: {matchLabels: {env: dev}}, helm: {values: {tier: "${cluster.labels.tier}"}}}', "{group: missing}"),
);

const appText = fc.record({
  name: oneOf(...names),
  path: oneOf("one", "two", "parent", "targetedParent", "broken", "empty"),
  targets: fc.array(targetText, { maxLength: 3 }),
  dependsOn: fc.subarray([...names], { maxLength: 2 }),
});

const folders: Folders = {
  broken: "failed",
  empty: "empty",
  parent: { apps: app("child", "source: {path: one}, targets: [{clusters: {matchAll: true}}]") },
  targetedParent: { apps: app("ward", "source: {path: two}"), objects: 1 },
};

type Entry = readonly [path: string, text: string];

const entries: fc.Arbitrary<readonly Entry[]> = fc
  .tuple(fc.array(clusterText, { maxLength: 6 }), fc.array(appText, { maxLength: 6 }))
  .map(([clusters, apps]) => [
    ["group.yaml", group("g", "clusters: {matchLabels: {env: staging}}, members: [k1]")] as const,
    ...clusters.map(({ name, env, tier }, i): Entry => [
      `c${i}.yaml`,
      cluster(name, `env: ${env}${tier === null ? "" : `, tier: "${tier}"`}`),
    ]),
    ...apps.map(({ name, path, targets, dependsOn }, i): Entry => {
      const list = targets.length === 0 ? "" : `, targets: [${targets.join(", ")}]`;
      return [`a${i}.yaml`, app(name, `source: {path: ${path}}${list}, dependsOn: [${dependsOn.join(", ")}]`)];
    }),
  ]);

const run = (files: readonly Entry[], incumbents = new Map<string, string>()): Resolution =>
  resolveAll(modelOf(Object.fromEntries(files) as Files, { incumbents }), folders);

function text(resolution: Resolution): string {
  const plain = JSON.parse(
    JSON.stringify({ ...resolution, placements: list(resolution) }, (_, value: unknown) =>
      value instanceof Map
        ? [...(value as Map<string, unknown>)].toSorted(([a], [b]) => byCodeUnits(a, b))
        : value instanceof Set
          ? [...(value as Set<string>)].toSorted()
          : value,
    ),
  ) as JsonValue;
  return canonicalJson(plain);
}

test("D06 any order of files gives the same resolution", () => {
  fc.assert(
    fc.property(
      entries.chain((files) => fc.tuple(fc.constant(files), fc.shuffledSubarray([...files], { minLength: files.length }))),
      ([files, shuffled]) => assert.equal(text(run(shuffled)), text(run(files))),
    ),
  );
});

test("D06 resolving twice is identical, also when what was accepted is remembered", () => {
  fc.assert(
    fc.property(entries, (files) => {
      const first = run(files);
      assert.equal(text(run(files)), text(first));
      const second = run(files, new Map(first.incumbents));
      assert.deepEqual(list(second), list(first));
      assert.deepEqual(run(files, new Map(second.incumbents)).incumbents, second.incumbents);
    }),
  );
});

test("an unrelated App changes no other Placement and no other request", () => {
  fc.assert(
    fc.property(entries, oneOf("one", "broken", "empty"), (files, path) => {
      const stranger: Entry = ["stranger.yaml", app("stranger", `source: {path: ${path}}, targets: [{clusters: {matchAll: true}}]`)];
      const [before, after] = [run(files), run([...files, stranger])];
      assert.deepEqual(
        list(after).filter(({ app: key }) => key !== "default//stranger"),
        list(before),
      );
      for (const key of before.requests.keys()) assert.ok(after.requests.has(key));
    }),
  );
});

test("I2 a document that fails never touches its neighbours", () => {
  const bad = [
    "source: {path: broken}, targets: [{clusters: {matchAll: true}}]",
    "source: {path: one}, targets: [{group: missing}]",
    "source: {path: one}, targets: [{clusters: {matchAll: true}}], helm: {values: {x: '${cluster.values.gone}'}}",
  ];
  fc.assert(
    fc.property(entries, oneOf(...bad), (files, spec) => {
      const known: readonly Entry[] = [...files, ["c.yaml", cluster("k9", "env: prod")]];
      const [before, after] = [run(known), run([...known, ["bad.yaml", app("bad", spec)]])];
      const others = (resolution: Resolution) => list(resolution).filter(({ app: key }) => key !== "default//bad");
      assert.deepEqual(others(after), others(before));
      assert.ok([...after.incomplete].includes("default//bad" as never));
      assert.deepEqual(
        [...after.incomplete].filter((key) => key !== ("default//bad" as never)).toSorted(),
        [...before.incomplete].toSorted(),
      );
    }),
  );
});

test("a second App of a name that is taken changes nothing but the files of problems", () => {
  fc.assert(
    fc.property(entries, oneOf(...names), (files, name) => {
      const before = run(files);
      const twin: Entry = ["0-twin.yaml", app(name, "source: {path: two}, targets: [{clusters: {matchAll: true}}]")];
      const incumbents = new Map(before.incumbents);
      if (!incumbents.has(`App default//${name}`)) return;
      const after = run([...files, twin], incumbents);
      assert.deepEqual(list(after), list(before));
      assert.ok(after.problems.some(({ code, place }) => code === "E_DUPLICATE_APP" && place?.path === "0-twin.yaml"));
    }),
  );
});

test("what is needed is what is placed: every Placement has a request, and nothing is left unanswered", () => {
  fc.assert(
    fc.property(entries, (files) => {
      const resolution = run(files);
      const { requests, needs } = resolution;
      const placements = list(resolution);
      assert.equal(needs.length, 0);
      for (const { request } of placements) assert.ok(requests.has(request));
      const pairs = placements.map(({ app: key, cluster: where }) => `${key} ${where}`);
      assert.equal(new Set(pairs).size, pairs.length);
    }),
  );
});
