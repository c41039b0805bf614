// What a Resolver has to look at again, each with the change that it would miss.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "@muster/proto/model/digest";
import type { FleetDocument } from "../fleet/fleet.ts";
import { resolve, Resolver, type RenderAnswer, type Resolution } from "./resolve.ts";
import { answerOf, app, cluster, documentsOf, everywhere, list, many, type Files, type Folders } from "./testdata/fleets.ts";

/** Files of one fleet after another, each resolved with what was kept of the one before; compared with a fresh start each time. */
function follow(
  steps: readonly Files[],
  folders: Folders = {},
  order = (needs: Resolution["needs"]) => needs,
): readonly Resolution["problems"][] {
  const [resolver, renders] = [new Resolver(), new Map<Digest, RenderAnswer>()];
  const parsed = new Map<string, readonly FleetDocument[]>();
  return steps.map((files) => {
    // A file that says the same keeps its documents.
    const documents = Object.entries(files).flatMap(([path, text]) => {
      const known = parsed.get(`${path} ${text}`) ?? documentsOf({ [path]: text });
      parsed.set(`${path} ${text}`, known);
      return known;
    });
    const model = { documents, enrolled: [], incumbents: new Map() };
    for (;;) {
      const resolution = resolver.resolve(model, renders);
      const fresh = resolve(model, renders);
      assert.deepEqual(list(resolution), list(fresh));
      assert.deepEqual([resolution.problems, resolution.apps], [fresh.problems, fresh.apps]);
      const [next] = order(resolution.needs);
      if (next === undefined) return resolution.problems;
      renders.set(next.key, answerOf(next, folders));
    }
  });
}

const web = app("web", `source: {path: web}, ${everywhere}, dependsOn: [db]`);
const db = (spec = ""): string => app("db", `source: {path: db}, targets: [{clusters: {matchLabels: {env: prod}}}]${spec}`);
const fleet = (env: string, apps: string): Files => ({
  "c.yaml": many(cluster("berlin", "env: prod, tier: x"), cluster("oslo", `env: ${env}`)),
  "a.yaml": apps,
});

test("P5 an App waits for its dependency where that comes, and no more where that leaves", () => {
  const told = follow([fleet("dev", many(web, db())), fleet("prod", many(web, db())), fleet("dev", many(web, db()))]);
  assert.deepEqual(
    told.map((problems) => problems.map(({ code }) => code)),
    [["W_DEPENDENCY_ELSEWHERE"], [], ["W_DEPENDENCY_ELSEWHERE"]],
  );
});

test("P5 an App waits for its dependency everywhere while nobody can say where that is", () => {
  const faulty = db(', helm: {values: {t: "${cluster.labels.tier}"}}');
  const third = (tier: string) => ({ "d.yaml": cluster("rome", `env: prod${tier}`) });
  const apps = many(web, faulty);
  const steps = [
    { ...fleet("dev", apps), ...third(", tier: w") },
    { ...fleet("dev", apps), ...third("") },
    { ...fleet("dev", apps), ...third(", tier: w") },
  ];
  assert.deepEqual(
    follow(steps).map((problems) => problems.map(({ code }) => code)),
    [["W_DEPENDENCY_ELSEWHERE"], ["E_VAR_UNDEFINED"], ["W_DEPENDENCY_ELSEWHERE"]],
  );
});

test("P5 what fails on all clusters is told of those that it fails on when another one comes", () => {
  const bad = app("bad", "source: {path: bad}, targets: [{clusters: {matchLabels: {env: prod}}}]");
  const more = { "d.yaml": cluster("rome", "env: dev") };
  const [all, some] = follow([fleet("prod", bad), { ...fleet("prod", bad), ...more }], { bad: "failed" });
  assert.equal(all?.[0]?.message, "cannot render App default//bad: the chart is broken");
  assert.equal(some?.[0]?.message, "cannot render App default//bad for clusters berlin, oslo: the chart is broken");
});

test("P5 children hear when their parent says something else of them", () => {
  const folders = { apps: { apps: app("child", `source: {path: child}, ${everywhere}`) } };
  follow([fleet("dev", app("apps", "source: {path: apps}")), fleet("dev", app("apps", "source: {path: apps}, children: orphan"))], folders);
});

test("D06 a child that two Variants of its parent hold lies at one place, whichever is rendered first", () => {
  const parent = app("apps", `source: {path: "apps-\${cluster.labels.env}"}, ${everywhere}`);
  const child = { apps: app("child", "source: {path: child}") };
  const folders = { "apps-prod": child, "apps-dev": child };
  for (const order of [(needs: Resolution["needs"]) => needs, (needs: Resolution["needs"]) => needs.toReversed()])
    follow([fleet("dev", parent)], folders, order);
});

test(
  "I12 a render that fails for another reason touches its clusters: what they say of it is another thing",
  { todo: "Placement says only that there is no Release, so that another failure is no change of it and nobody judges it again" },
  () => {
    const [resolver, renders] = [new Resolver(), new Map<Digest, RenderAnswer>()];
    const model = { documents: documentsOf(fleet("dev", db())), enrolled: [], incumbents: new Map() };
    const touchedBy = (code: string): Resolution["touched"] => {
      const { needs, requests } = resolver.resolve(model, renders);
      const keys = needs.length > 0 ? needs.map(({ key }) => key) : [...requests.keys()];
      for (const key of keys) renders.set(key, { kind: "failed", code, message: "m" });
      return resolver.resolve(model, renders, new Set(keys)).touched;
    };
    touchedBy("E_SOURCE_PENDING");
    assert.deepEqual(touchedBy("E_SOURCE_UNREACHABLE"), new Set(["berlin"]));
  },
);
