// Who runs what: images by their names, commits by their histories.

import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { Snapshot } from "../../git/git.ts";
import { ancestry } from "./history.ts";
import { imagesIn, isImage, readImage } from "./images.ts";
import { where, whereLimits, type Held, type WhereSight } from "./where.ts";

const names: readonly [image: string, query: string, is: boolean][] = [
  ["registry.example/shop/web:1.4", "shop/web", true],
  ["registry.example/shop/web:1.4", "web", true],
  ["registry.example/shop/web:1.4", "registry.example/shop", true],
  ["registry.example/webshop:1.4", "web", false],
  ["registry.example/shop/web:1.4", "shop/web:1.4", true],
  ["registry.example/shop/web:1.45", "shop/web:1.4", false],
  ["registry.example:5000/shop/web", "shop/web:1.4", false],
  ["registry.example:5000/shop/web", "registry.example:5000/shop", true],
  ["web@sha256:abcd12", "web@sha256:abcd", true],
  ["web:1@sha256:abcd12", "web@sha256:ab99", false],
  ["web:1@sha256:abcd12", "sha256:abcd12", true],
  ["web:1@sha256:abcd12", "sha256:abcd13", false],
];

for (const [image, query, is] of names) {
  test(`${query} ${is ? "means" : "does not mean"} ${image}`, () => {
    const read = readImage(query);
    assert.ok(read !== null);
    assert.equal(isImage(image, read), is);
  });
}

test("images are found in pods, templates and custom resources, and not in data", () => {
  const declared = (kind: string, object: JsonObject) => ({ identity: { group: "", kind, namespace: "", name: "x" }, object });
  const images = imagesIn([
    declared("Pod", { spec: { initContainers: [{ image: "a:1" }], containers: [{ image: "b:1" }] } }),
    declared("Farm", { spec: { pods: { template: { spec: { containers: [{ image: "c:1" }, { image: "a:1" }] } } } } }),
    declared("ConfigMap", { data: { image: "d:1" } }),
  ]);
  assert.deepEqual(images, ["a:1", "b:1", "c:1"]);
});

/** Commits with their parents; what is not named is not at hand. */
const history = (parents: Readonly<Record<string, readonly string[]>>) => async (commit: string) =>
  parents[commit] === undefined ? undefined : ({ commit, parents: parents[commit] } as unknown as Snapshot);
const id = (digit: string): string => digit.repeat(40);
const release = digestOf("r");
const held = (cluster: string, commit: string, source: string | null = "root"): Held => ({
  cluster: cluster as ClusterName,
  app: "default//shop" as AppKey,
  state: "runs",
  release,
  made: [{ source, commit }],
});
type Change = Partial<Omit<WhereSight, "held" | "commitOf">> & {
  readonly held?: readonly Held[];
  readonly commitOf?: ReturnType<typeof history>;
};
const sight = ({ held: all = [], commitOf = history({}), ...rest }: Change): WhereSight => ({
  held: () => structuredClone(all), // made anew at each walk
  imagesOf: () => [],
  commitOf: (_source, commit) => commitOf(commit),
  signal: new AbortController().signal,
  ...rest,
});

test("a commit is where a later one is, through merges too, and not where only an earlier one is", async () => {
  const commitOf = history({ [id("3")]: [id("2"), id("b")], [id("2")]: [id("1")], [id("b")]: [id("1")], [id("1")]: [] });
  const all = [held("new", id("3")), held("old", id("1"))];
  const branch = await where(id("b").slice(0, 8), undefined, sight({ held: all, commitOf }));
  assert.deepEqual(
    branch.items.map(({ clusters, found }) => [clusters, found]),
    [[["new"], id("b")]],
  );
  assert.deepEqual(branch.history, { commits: 4, complete: true });
  assert.deepEqual((await where(id("1"), undefined, sight({ held: all, commitOf }))).states, { runs: 2, released: 0, waits: 0 });
});

test("each commit is looked for in its own Source, or in all where nobody knows whose it is; a version of a chart has no history", async () => {
  const asked: (string | null)[] = [];
  const all = [held("a", id("3"), "team"), held("b", id("4"), null), held("c", "1.2.3@sha256:ab", "root chart x")];
  const looks = { ...sight({ held: all }), commitOf: async (source: string | null) => void asked.push(source) };
  const answer = await where(id("1"), undefined, looks as WhereSight);
  assert.deepEqual([answer.items, asked, answer.history?.complete], [[], ["team", null], false]);
});

test("where the history ends too early it is said: a commit that is not found may still be behind it", async () => {
  const commitOf = history({ [id("3")]: [id("2")] });
  const answer = await where(id("1"), undefined, sight({ held: [held("berlin", id("3"))], commitOf }));
  assert.deepEqual([answer.items, answer.history?.complete], [[], false]);
  assert.equal((await ancestry(id("3"), commitOf)).complete, false);
});

test("I8 equal clusters are one row with the first hundred names; an image is looked for once per Release", async () => {
  const all = Array.from({ length: 1_000 }, (_, i) => held(`c${String(i).padStart(4, "0")}`, id("1")));
  const found = await where(release.slice(0, 12), undefined, sight({ held: all }));
  assert.deepEqual(
    found.items.map(({ clusters, clusterCount }) => [clusters.length, clusters[99], clusterCount]),
    [[100, "c0099", 1_000]],
  );
  let looks = 0;
  const imagesOf = (): readonly string[] => ((looks += 1), ["shop/web:1@sha256:abcdef12"]);
  assert.equal((await where("web:1", undefined, sight({ held: all, imagesOf }))).states.runs, 1_000);
  assert.equal((await where("sha256:abcdef", undefined, sight({ held: all, imagesOf }))).states.runs, 1_000);
  assert.equal(looks, 2);
});

test("I8 rows come in pages, each once, and what is no end of a page is refused", async () => {
  const count = whereLimits.rows * 2 + 1;
  const all = Array.from({ length: count }, (_, i) => ({ ...held("berlin", id("1")), app: `default//app-${i}` as AppKey }));
  const seen = new Set<string>();
  const sizes: number[] = [];
  let after: string | undefined;
  do {
    const page = await where(release, after, sight({ held: all }));
    assert.equal(page.total, count);
    for (const { app } of page.items) seen.add(app);
    sizes.push(page.items.length);
    after = page.next ?? undefined;
  } while (after !== undefined);
  assert.deepEqual([seen.size, sizes], [count, [whereLimits.rows, whereLimits.rows, 1]]);
  await assert.rejects(
    where(release, "not a cursor", sight({ held: all })),
    (error) => error instanceof OperationError && error.fault?.code === "E_USAGE",
  );
});

test("a question that is given up stops its walk", async () => {
  const stop = new AbortController();
  let walked = 0;
  const all = (function* () {
    for (;;) {
      walked += 1;
      if (walked === 5_000) stop.abort(new Error("nobody waits"));
      yield held("berlin", id("1"));
    }
  })();
  await assert.rejects(where(release, undefined, { ...sight({}), held: () => all, signal: stop.signal }), /nobody waits/);
});

test("what is no name of anything is refused", async () => {
  await assert.rejects(where("a//b@", undefined, sight({})), (error) => error instanceof OperationError && error.fault?.code === "E_USAGE");
});
