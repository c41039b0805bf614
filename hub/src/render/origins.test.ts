import assert from "node:assert/strict";
import { test } from "node:test";
import { originsOf } from "./origins.ts";
import { filesOf, inputOf } from "./testdata.ts";

/** Where an object of this kind and name begins, as `path:line`; "nowhere" when that is not said. */
function begin(texts: Readonly<Record<string, string>>, kind: string, name: string): string {
  const place = originsOf(inputOf("kustomize", "k", filesOf(texts)))(kind, name);
  return place === undefined ? "nowhere" : `${place.path}:${place.line}`;
}

const object = (kind: string, name: string): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata:\n  labels:\n    name: other\n  name: ${name}\n`;

test("an object begins in the file and at the line of its document, also below comments and behind another one", () => {
  const texts = {
    "k/kustomization.yaml": "resources: [../b]\nnamePrefix: p-\n",
    "b/kustomization.yaml": "resources:\n- all.yaml\n",
    "b/all.yaml": `${object("Service", "web")}---\n\n${object("ConfigMap", "web")}---\nkind: Deployment\nmetadata: {labels: {a: b}, name: "web"}\n`,
  };
  assert.equal(begin(texts, "Service", "web"), "b/all.yaml:1");
  assert.equal(begin(texts, "ConfigMap", "p-web-hash"), "b/all.yaml:9");
  assert.equal(begin(texts, "Deployment", "p-web"), "b/all.yaml:16");
  assert.equal(begin(texts, "Secret", "web"), "nowhere");
});

test("the longest name decides, and where two files fit nothing is said", () => {
  const texts = {
    "k/kustomization.yaml": "resources: [a.yaml, b.yaml, c.yaml]\n",
    "k/a.yaml": object("Service", "web"),
    "k/b.yaml": object("Service", "web-api"),
    "k/c.yaml": object("Service", "db"),
  };
  assert.equal(begin(texts, "Service", "web-api"), "k/b.yaml:1");
  assert.equal(begin(texts, "Service", "web"), "k/a.yaml:1");
  assert.equal(begin({ ...texts, "k/c.yaml": object("Service", "web") }, "Service", "web"), "nowhere");
});

test("a file that no kustomization lists, and one that is not readable, begin nothing", () => {
  const texts = {
    "k/kustomization.yaml": "resources: [a.yaml, ../../out.yaml, 7, missing.yaml]\n",
    "k/a.yaml": "{{{\0",
    "k/b.yaml": object("Service", "web"),
  };
  assert.equal(begin(texts, "Service", "web"), "nowhere");
  assert.equal(
    begin({ "k/kustomization.yaml": "resources: no list\n", "k/b.yaml": object("Service", "web") }, "Service", "web"),
    "nowhere",
  );
});
