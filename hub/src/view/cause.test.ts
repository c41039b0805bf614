import assert from "node:assert/strict";
import { test } from "node:test";

import { causesOf, type CauseFacts } from "./cause.ts";

const nothing: NonNullable<CauseFacts["seen"]> = { files: [], documents: [], settings: [], cluster: [], layers: [] };
const facts = (change: Partial<CauseFacts> = {}): CauseFacts => ({
  first: false,
  approved: false,
  move: "changed",
  seen: nothing,
  ...change,
});

const cases: readonly [string, CauseFacts, readonly string[]][] = [
  ["a file of the chart", facts({ seen: { ...nothing, files: ["shop/values.yaml"] } }), ["files"]],
  ["a value in the document", facts({ seen: { ...nothing, settings: [{ path: "helm.values.a", from: 1, to: 2 }] } }), ["document"]],
  [
    "a label of the cluster",
    facts({ seen: { ...nothing, cluster: [{ path: "labels.env", from: "dev", to: "prod" }] } }),
    ["clusterLabels"],
  ],
  ["another target matches", facts({ seen: { ...nothing, layers: ["targets[1]"] } }), ["layers"]],
  ["the first bundle", facts({ first: true, move: "appeared", seen: null }), ["newCluster"]],
  ["a new App", facts({ move: "appeared" }), ["newApp"]],
  ["an App that is gone", facts({ move: "left" }), ["removed"]],
  ["an approval", facts({ approved: true }), ["approval"]],
  ["a commit that is not at hand", facts({ seen: null }), ["unknown"]],
  ["nothing that Git says", facts(), ["unknown"]],
];

for (const [what, given, kinds] of cases) {
  test(`${what} is said as the cause`, () =>
    assert.deepEqual(
      causesOf(given).map(({ kind }) => kind),
      kinds,
    ));
}

test("several causes are told together, and long lists are cut", () => {
  const files = Array.from({ length: 50 }, (_, i) => `f${i}`);
  const settings = Array.from({ length: 9 }, (_, i) => ({ path: `p${i}`, to: i }));
  const [first, second] = causesOf(facts({ seen: { ...nothing, files, settings } }));
  assert.equal(first?.paths.length, 20);
  assert.match(first?.detail ?? "", /^50 of the files/);
  assert.match(second?.detail ?? "", /p0 nothing -> 0;.*and 4 more$/);
});
