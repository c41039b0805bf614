// What lint may mend by itself: the file means what was meant afterwards, comments and layout stay, and what is not sure stays as it is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { applyFixes, fixesOf, parseFleetFile } from "./fleet.ts";

const head = (kind: string, labels = "") => `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\nmetadata:\n  name: berlin${labels}\n`;
const fixed = (text: string) => applyFixes(text, fixesOf(text));
const codes = (text: string) => parseFleetFile({ source: "root", path: "a.yaml", text }).problems.map(({ code }) => code);

/** Mended, it is without faults, and is exactly this text. */
function mends(before: string, after: string): void {
  assert.notDeepEqual(codes(before), []);
  assert.equal(fixed(before), after);
  assert.deepEqual(codes(after), []);
  assert.deepEqual(fixesOf(after), []);
}

test("a misspelt key gets the name of the one that it can be, and its comment stays", () => {
  const app = (key: string) =>
    `# The shop\n${head("App")}spec:\n  ${key}: # where it lies\n    path: shop # a chart\n  targets:\n    - clusters: {matchAll: true}\n`;
  mends(app("sorce"), app("source"));
});

test("a key inside of a misspelt key is mended in the same run", () => {
  const app = (outer: string, inner: string) =>
    `${head("App")}spec:\n  source: {path: shop}\n  ${outer}:\n    ${inner}: false # by hand\n  targets:\n    - cluster: oslo\n`;
  mends(app("snyc", "prunne"), app("sync", "prune"));
});

test("a key that two known ones could be, that stands beside its right form, or two that would become one are left alone", () => {
  for (const spec of [
    "  source: {path: a}\n  sorce: {path: b}\n",
    "  sorce: {path: a}\n  sourc: {path: b}\n",
    "  whatever: 1\n",
    "  targets:\n    - cluser: oslo\n",
  ])
    assert.deepEqual(fixesOf(`${head("App")}spec:\n${spec}`), [], spec);
});

test("B27 labels that YAML takes for booleans and numbers get quotes, as they were written", () => {
  const labels = (no: string, version: string) => `\n  labels:\n    country: ${no} # Norway\n    release: ${version}\n    env: prod`;
  mends(head("Cluster", labels("no", "1.10")), head("Cluster", labels('"no"', '"1.10"')));
});

test("free values stay what they are", () => {
  assert.deepEqual(fixesOf(`${head("Cluster")}spec:\n  values:\n    on: yes\n    nmae: 1\n`), []);
});

test("an apiVersion of Muster's group that is none becomes the one that there is", () => {
  const before = head("Cluster").replace("v1alpha1", "v1");
  mends(before, head("Cluster"));
});

test("a name that is listed twice is listed once; its neighbours and their comments stay", () => {
  const group = (lines: string) => `${head("ClusterGroup")}spec:\n  members:\n${lines}`;
  assert.equal(
    fixed(group("    - oslo # first\n    - paris\n    - oslo\n    - rome\n")),
    group("    - oslo # first\n    - paris\n    - rome\n"),
  );
  for (const lines of ["    - oslo\n    - oslo # again\n", "    [oslo, oslo]\n"]) assert.deepEqual(fixesOf(group(lines)), []);
});

test("an empty selector is never made to mean every cluster", () => {
  assert.deepEqual(fixesOf(`${head("App")}spec:\n  source: {path: a}\n  targets:\n    - clusters: {}\n`), []);
});

test("what is not Muster's, and what is no YAML, is left alone; a document beside it is mended", () => {
  const other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {nmae: a}\ndata: {a: no}\n";
  assert.deepEqual(fixesOf(other), []);
  const both = `${other}---\n${head("Cluster", "\n  lables: {env: prod}")}`;
  assert.equal(fixed(both), both.replace("lables", "labels"));
  assert.deepEqual(fixesOf(`${head("App")}spec: {`), []);
});

test("each fix says its place and what it does", () => {
  const [fix] = fixesOf(`${head("Cluster", "\n  labels: {a: on}")}`);
  assert.deepEqual([fix?.line, fix?.column, fix?.says], [5, 15, "on is text here, and needs quotes"]);
});
