// What Placements are told of rollouts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Digest } from "@muster/proto/model/digest";
import type { RolloutPolicy } from "../fleet/fleet.ts";
import { resolve, Resolver, rolloutWarnings, type RenderAnswer, type Resolution } from "./resolve.ts";
import { answerOf, app, cluster, everywhere, group, list, many, modelOf, resolveAll, type Files } from "./testdata/fleets.ts";

const clusters = many(...["a", "b", "c", "d"].map((name) => cluster(name, `ring: ${name}`)));
const fleet = (apps: string, more = ""): Files => ({
  "clusters.yaml": clusters,
  "apps.yaml": apps,
  ...(more !== "" && { "more.yaml": more }),
});
const source = (rollout: string, name = "team"): string =>
  `{apiVersion: muster.dev/v1alpha1, kind: Source, metadata: {name: ${name}}, spec: {git: 'https://git.example/a.git', defaultRollout: ${rollout}}}\n`;
const rollouts = (resolution: Resolution): (RolloutPolicy | null)[] => list(resolution).map(({ rollout }) => rollout);
const warned = (apps: string, more = ""): string[] => {
  const resolution = resolveAll(modelOf(fleet(apps, more)));
  return rolloutWarnings(resolution).map(({ code, message }) => `${code} ${message}`);
};

test("a Placement has the rollout of its App and targets, and what says nothing has none", () => {
  const apps = many(
    app(
      "web",
      `source: {path: web}, rollout: {supersede: finish}, targets: [{clusters: {matchAll: true}}, {cluster: d, rollout: immediate}]`,
    ),
    app("quiet", `source: {path: quiet}, rollout: {}, targets: [{cluster: a}]`),
  );
  const [quiet, a, b, , d] = rollouts(resolveAll(modelOf(fleet(apps))));
  assert.deepEqual([quiet, a?.kind, d], [null, "waves", { kind: "immediate" }]);
  assert.equal(a, b);
});

test("equal rollouts are one object, and neither Variant nor policy of the agent know of them", () => {
  const said = (rollout: string) =>
    many(...["v", "w"].map((name) => app(name, `source: {path: web}, helm: {releaseName: x}, rollout: ${rollout}, ${everywhere}`)));
  const resolver = new Resolver();
  const renders = new Map<Digest, RenderAnswer>();
  const turn = (rollout: string): Resolution => {
    const model = modelOf(fleet(said(rollout)));
    for (const need of resolver.resolve(model, renders).needs) renders.set(need.key, answerOf(need, {}));
    return resolver.resolve(model, renders);
  };
  const before = list(turn("{waves: [{percent: 100}]}"));
  assert.equal(new Set(before.map(({ rollout }) => rollout)).size, 1);
  const next = turn("{waves: [{percent: 50}]}");
  assert.deepEqual([next.needs, new Set(list(next).map(({ rollout }) => rollout)).size], [[], 1]);
  list(next).forEach((now, i) => {
    assert.notEqual(now.rollout, before[i]?.rollout);
    assert.deepEqual([now.request, now.release, now.policy], [before[i]?.request, before[i]?.release, before[i]?.policy]);
  });
});

test("a Source's default counts for its Apps that say nothing, as soon as it changes; one that another Source declares does not", () => {
  const apps = many(
    app("own", `source: {path: own}, rollout: immediate, targets: [{cluster: a}]`),
    app("quiet", `source: {path: quiet}, targets: [{cluster: a}]`),
  );
  const resolver = new Resolver();
  const renders = new Map<Digest, RenderAnswer>();
  const turn = (text: string, from = "root") => {
    const { documents, ...rest } = modelOf(fleet(apps, text));
    const placed = documents.map((each) => {
      if (each.kind === "App") return { ...each, place: { ...each.place, source: "team" } };
      return each.kind === "Source" ? { ...each, place: { ...each.place, source: from } } : each;
    });
    const model = { documents: placed, ...rest };
    for (const need of resolver.resolve(model, renders).needs) renders.set(need.key, answerOf(need, {}));
    const resolution = resolver.resolve(model, renders);
    assert.deepEqual(list(resolution), list(resolve(model, renders)));
    return rollouts(resolution).map((policy) => (policy?.kind === "waves" ? policy.supersede : (policy?.kind ?? null)));
  };
  assert.deepEqual(turn(source("null")), ["immediate", null]);
  assert.deepEqual(turn(source("{supersede: finish}")), ["immediate", "finish"]);
  assert.deepEqual(turn(source("{supersede: latest}")), ["immediate", "latest"]);
  assert.deepEqual(turn(source("{supersede: finish}", "other")), ["immediate", null]);
  assert.deepEqual(turn(source("{supersede: finish}"), "elsewhere"), ["immediate", null]);
});

test("a wave for a group that does not exist stops its App, until the group is there", () => {
  const apps = app("web", `source: {path: web}, rollout: {waves: [{percent: 1}, {group: edge}]}, ${everywhere}`);
  const resolver = new Resolver();
  const without = resolver.resolve(modelOf(fleet(apps)), new Map());
  assert.deepEqual([list(without), [...without.incomplete]], [[], ["default//web"]]);
  const [problem] = without.problems.filter(({ severity }) => severity === "error");
  assert.equal(problem?.code, "E_UNKNOWN_GROUP");
  assert.match(problem.message, /spec\.rollout\.waves\[1\] names the ClusterGroup edge, which does not exist/);
  const withGroup = resolver.resolve(modelOf(fleet(apps, group("edge", "members: [a]"))), new Map());
  assert.deepEqual([list(withGroup).length, [...withGroup.groups.keys()]], [4, ["edge"]]);
  const inherited = app("web", `source: {path: web}, ${everywhere}`);
  const { documents, ...rest } = modelOf(fleet(inherited, source("{waves: [{group: edge}]}")));
  const inTeam = documents.map((each) => (each.kind === "App" ? { ...each, place: { ...each.place, source: "team" } } : each));
  assert.ok(resolve({ documents: inTeam, ...rest }, new Map()).problems.some(({ code }) => code === "E_UNKNOWN_GROUP"));
});

test("while waves are not acted on, every one that is written is told of", () => {
  const apps = app("web", `source: {path: web}, rollout: {supersede: finish}, targets: [{cluster: a, rollout: {onFailure: hold}}]`);
  const { problems } = resolveAll(modelOf(fleet(apps, source("{supersede: finish}"))));
  assert.deepEqual(
    problems
      .filter(({ code }) => code === "W_ROLLOUT_NOT_YET")
      .map(({ message, severity }) => `${severity} ${message}`)
      .toSorted(),
    [
      "warning App default//web: spec.rollout: waves are not acted on yet: released to all at once",
      "warning App default//web: spec.targets[0].rollout: waves are not acted on yet: released to all at once",
      "warning Source team: spec.defaultRollout: waves are not acted on yet: released to all at once",
    ],
  );
  assert.deepEqual(resolveAll(modelOf(fleet(app("web", `source: {path: web}, rollout: immediate, ${everywhere}`)))).problems, []);
});

test("T07 lint tells of clusters that no wave takes, and of waves without clusters", () => {
  const said = (waves: string) =>
    warned(app("web", `source: {path: web}, rollout: {waves: ${waves}}, ${everywhere}`), group("edge", "members: [b]"));
  assert.deepEqual(said("[{clusters: {matchLabels: {ring: a}}}, {group: edge}, {percent: 10}]"), [
    "W_ROLLOUT_REST App default//web: no wave takes clusters c, d in full: what is left forms a last wave",
  ]);
  assert.deepEqual(said("[{clusters: {matchLabels: {ring: x}}}, {percent: 100}]"), [
    "W_NO_CLUSTERS App default//web: spec.rollout.waves[0] matches none of its clusters, and is skipped",
  ]);
  assert.deepEqual(said("[{count: 1}, {percent: 100}]"), []);
});

test("lint tells of many clusters at once, and of a canary that nobody chose", () => {
  const both = many(
    app("all", `source: {path: all}, rollout: immediate, ${everywhere}`),
    app("few", `source: {path: few}, rollout: immediate, targets: [{cluster: a}]`),
    app("x", `source: {path: x}, ${everywhere}`),
    app("z", `source: {path: z}, rollout: {onFailure: rollback}, ${everywhere}`),
    app("small", `source: {path: small}, targets: [{cluster: a}, {cluster: b}, {cluster: c}]`),
  );
  assert.deepEqual(warned(both), [
    "W_ROLLOUT_IMMEDIATE App default//all: releases to 4 clusters at once: no canary sees a bad change first",
    'W_ROLLOUT_CANARY the first cluster is chosen by hash for 2 Apps (default//x, default//z): none of their clusters has the label muster.dev/canary: "true"',
  ]);
  const labelled = cluster("e", 'muster.dev/canary: "true"');
  assert.deepEqual(warned(app("x", `source: {path: x}, ${everywhere}`), labelled), []);
});
