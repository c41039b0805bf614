import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, type Scope } from "./evaluate.ts";
import { ExpressionError, parseTemplate } from "./expression.ts";

const scope: Scope = {
  app: "web",
  cluster: {
    name: "berlin",
    labels: { region: "eu", "topology.kubernetes.io/zone": "eu-1a", constructor: "c" },
    annotations: { "a.b/c": "note" },
    values: { replicas: 3, on: false, deep: { list: [1, 2], "dotted.key": "x" }, nothing: null, zero: 0, empty: "" },
    kubeVersion: "v1.36.1",
  },
};

const run = (text: string, at: Scope = scope) => {
  const template = parseTemplate(text);
  return template === null ? text : evaluate(template, at);
};

const good: readonly (readonly [text: string, value: unknown])[] = [
  ["plain", "plain"],
  ["a $ b $$ c", "a $ b $$ c"],
  ["${cluster.name}", "berlin"],
  ["${ cluster.name }", "berlin"],
  ["a-${cluster.name}-${app.name}", "a-berlin-web"],
  ["${cluster.labels.region}", "eu"],
  ["${cluster.labels.topology.kubernetes.io/zone}", "eu-1a"],
  ['${cluster.labels["topology.kubernetes.io/zone"]}', "eu-1a"],
  ["${cluster.annotations.a.b/c}", "note"],
  ["${facts.kubeVersion}", "v1.36.1"],
  ["${cluster.values.replicas}", 3],
  ["${cluster.values.on}", false],
  ["${cluster.values.deep.list}", [1, 2]],
  ['${cluster.values.deep["dotted.key"]}', "x"],
  ["x${cluster.values.replicas}", "x3"],
  ["x${cluster.values.on}", "xfalse"],
  ["${cluster.values.zero ?? 7}", 0],
  ['${cluster.values.empty ?? "d"}', ""],
  ['${cluster.labels.tier ?? "web"}', "web"],
  ["${cluster.labels.tier ?? cluster.labels.region}", "eu"],
  ["${cluster.labels.tier ?? 5}", 5],
  ["${cluster.labels.tier ?? true}", true],
  ["${cluster.labels.tier ?? null}", null],
  ["${cluster.values.nothing ?? 'x'}", "x"],
  ['${cluster.labels.tier ?? "}"}', "}"],
  ["${cluster.name | upper}", "BERLIN"],
  ['${cluster.labels.tier ?? "Edge" | lower}', "edge"],
  ['${cluster.name | replace "er" "ä" | truncate 3}', "bäl"],
  ["${' a ' | trim}", "a"],
  ["${cluster.values.replicas | upper}", "3"],
  ["${cluster.name | hash}", "fb38a93f"],
  ["${cluster.name | hash 4}", "fb38"],
  ["$${cluster.name}", "${cluster.name}"],
  ["a $${HOME} ${cluster.name}", "a ${HOME} berlin"],
  ["${cluster.labels.constructor}", "c"],
];

for (const [text, value] of good) test(`${text} is ${JSON.stringify(value)}`, () => assert.deepEqual(run(text), value));

const unreadable: readonly (readonly [text: string, why: RegExp])[] = [
  ["${cluster.name", /not closed/],
  ["${}", /empty/],
  ["${HOME}", /'HOME' is not known; there are cluster\.name/],
  ["${cluster}", /not known/],
  ["${cluster.labels}", /not known/],
  ["${cluster.server}", /not known/],
  ["${facts.provider}", /not known/],
  ["${cluster.name ?? }", /ends too early/],
  ["${cluster.name cluster.name}", /only '\?\?', '\|' or the end/],
  ["${cluster.name | shell}", /'shell' is no function; there are lower, upper, trim, replace, truncate, hash/],
  ["${cluster.name | constructor}", /no function/],
  ["${cluster.name | truncate}", /truncate takes number/],
  ["${cluster.name | truncate -1}", /truncate takes/],
  ['${cluster.name | replace "a"}', /replace takes string and string/],
  ["${cluster.name | lower 1}", /lower takes no arguments/],
  ["${cluster.name; x}", /';' has no meaning/],
  ["${${cluster.name}}", /inside an expression/],
  ["${cluster.labels[region]}", /a quoted key/],
];

for (const [text, why] of unreadable) {
  test(`B48 ${text} cannot be read`, () =>
    assert.throws(
      () => parseTemplate(text),
      (error) => error instanceof ExpressionError && why.test(error.message),
    ));
}

const missing: readonly (readonly [text: string, why: RegExp])[] = [
  ["${cluster.labels.tier}", /cluster\.labels\.tier is not there; give it a default/],
  ["${cluster.labels.tier ?? cluster.values.x}", /cluster\.labels\.tier, cluster\.values\.x/],
  ["${cluster.values.deep.list.x}", /is not there/],
  ["${cluster.values.nothing}", /is not there/],
  ["${cluster.values.__proto__}", /is not there/],
  ["${cluster.labels.hasOwnProperty}", /is not there/],
  ["a${cluster.values.deep}", /a list or map inside text/],
  ["${cluster.values.deep | upper}", /a list or map inside text/],
];

for (const [text, why] of missing) {
  test(`${text} is an error where there is nothing, never an empty string`, () =>
    assert.throws(
      () => run(text),
      (error) => error instanceof ExpressionError && why.test(error.message),
    ));
}

test("an App that is rendered for no cluster cannot read one", () => {
  assert.throws(() => run("${cluster.name}", { app: "web", cluster: null }), /no targets/);
  assert.equal(run("${app.name}", { app: "web", cluster: null }), "web");
});

test("B48 a value with line breaks stays one value", () => {
  const at = { ...scope, cluster: { ...scope.cluster, values: { x: "a\nkind: Secret" } } } as Scope;
  assert.equal(run("${cluster.values.x}", at), "a\nkind: Secret");
  assert.equal(run("x ${cluster.values.x}", at), "x a\nkind: Secret");
});
