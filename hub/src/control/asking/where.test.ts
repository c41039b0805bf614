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
import { where, type Held, type WhereSight } from "./where.ts";

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
const held = (cluster: string, commit: string): Held => ({
  cluster: cluster as ClusterName,
  app: "default//shop" as AppKey,
  state: "runs",
  release,
  commit,
});
const sight = (change: Partial<WhereSight>): WhereSight => ({ held: [], imagesOf: () => [], commitOf: history({}), ...change });

test("a commit is where a later one is, through merges too, and not where only an earlier one is", async () => {
  const commitOf = history({ [id("3")]: [id("2"), id("b")], [id("2")]: [id("1")], [id("b")]: [id("1")], [id("1")]: [] });
  const all = [held("new", id("3")), held("old", id("1"))];
  const branch = await where(id("b").slice(0, 8), sight({ held: all, commitOf }));
  assert.deepEqual(
    branch.items.map(({ cluster, found }) => [cluster, found]),
    [["new", id("b")]],
  );
  assert.deepEqual(branch.history, { commits: 4, complete: true });
  assert.equal((await where(id("1"), sight({ held: all, commitOf }))).items.length, 2);
});

test("where the history ends too early it is said: a commit that is not found may still be behind it", async () => {
  const commitOf = history({ [id("3")]: [id("2")] });
  const answer = await where(id("1"), sight({ held: [held("berlin", id("3"))], commitOf }));
  assert.deepEqual([answer.items, answer.history?.complete], [[], false]);
  assert.equal((await ancestry(id("3"), commitOf)).complete, false);
});

test("a Release is found by the beginning of its digest; an image is looked for once per Release, however many clusters have it", async () => {
  const all = Array.from({ length: 100 }, (_, i) => held(`c${i}`, id("1")));
  assert.equal((await where(release.slice(0, 12), sight({ held: all }))).items.length, 100);
  let looks = 0;
  const imagesOf = (): readonly string[] => ((looks += 1), ["shop/web:1"]);
  assert.equal((await where("web:1", sight({ held: all, imagesOf }))).items.length, 100);
  assert.equal(looks, 1);
});

test("what is no name of anything is refused", async () => {
  await assert.rejects(where("a//b@", sight({})), (error) => error instanceof OperationError && error.fault?.code === "E_USAGE");
});
