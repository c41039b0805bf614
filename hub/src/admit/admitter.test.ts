import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Placement, Resolution } from "../resolve/resolve.ts";
import { bookOf } from "../resolve/testdata/books.ts";
import { Admitter, type HeldCluster } from "./admit.ts";
import { holds, key, manifestOf, now, placement, said } from "./testdata/worlds.ts";

const name = (i: number) => `c${String(i).padStart(2, "0")}` as ClusterName;
const nameOf = ({ cluster }: { readonly cluster: ClusterName }) => cluster;

/** Clusters that hold web and db; web is gone from the first few. */
function fleet(size: number, gone: number, before?: readonly Placement[]) {
  const known = new Map(before?.map((each) => [`${each.app} ${each.cluster}`, each]));
  const placements = Array.from({ length: size }, (_, i) => [...(i < gone ? [] : ["web"]), "db"].map((app) => [app, name(i)] as const))
    .flat()
    .map(([app, cluster]) => known.get(`${key(app)} ${cluster}`) ?? placement(app, `${app}1 ${app}2`, cluster));
  const place = { source: "root", path: "a.yaml", line: 1 };
  const rest = { place, parent: null, ancestors: [], children: [], source: "root", targeted: true, onLeave: "delete" as const };
  const resolution: Resolution = {
    placements: bookOf(placements),
    needs: [],
    requests: new Map(),
    clusters: [],
    groups: new Map(),
    apps: ["db", "web"].map((app) => ({ key: key(app), ...rest })),
    problems: [],
    incomplete: new Set(),
    undecided: new Set(),
    unreadable: new Set(),
    incumbents: new Map(),
    touched: new Set(Array.from({ length: gone }, (_, i) => name(i))),
    touchedApps: new Set<AppKey>([key("web")]),
  };
  return { placements, resolution };
}

const held = (size: number): HeldCluster[] =>
  Array.from({ length: size }, (_, i) => ({
    cluster: name(i),
    apps: [holds("db", "db1 db2"), holds("web", "web1 web2")],
    tombstones: [],
    approvals: [],
    settled: true,
  }));

const common = { manifestOf, approvals: new Set<never>(), now };

test("P13 one cluster that changed is judged alone", () => {
  const admitter = new Admitter();
  const first = fleet(40, 0);
  const clusters = held(40);
  assert.equal(admitter.admit({ ...common, resolution: first.resolution, clusters }).clusters.length, 40);
  const changed = { ...(clusters[7] as HeldCluster), settled: false };
  const only = new Set([name(7)]);
  const admission = admitter.admit({ ...common, resolution: first.resolution, clusters: [changed], only, apps: new Set() });
  assert.deepEqual(admission.clusters.map(nameOf), [name(7)]);
});

test("D01 D07 a departure that crosses the bound of its origin holds back what departed before, which is judged again for it", () => {
  const admitter = new Admitter();
  const clusters = held(40);
  const start = fleet(40, 0);
  admitter.admit({ ...common, resolution: start.resolution, clusters });
  const few = fleet(40, 10, start.placements);
  const ten = admitter.admit({
    ...common,
    resolution: few.resolution,
    clusters: clusters.slice(0, 10),
    only: new Set(clusters.slice(0, 10).map(nameOf)),
  });
  assert.deepEqual(said(ten, name(0)), ["admit db", "delete web in 30m"]);
  const more = fleet(40, 11, few.placements);
  const eleven = admitter.admit({
    ...common,
    resolution: more.resolution,
    clusters: clusters.slice(10, 11),
    only: new Set([name(10)]),
    apps: new Set(),
  });
  assert.deepEqual(eleven.clusters.map(nameOf), clusters.slice(0, 11).map(nameOf));
  assert.deepEqual(said(eleven, name(0)), ["admit db", "hold web E_SHRINK"]);
});

test("D01 what departs is counted once, however often its cluster is judged", () => {
  const admitter = new Admitter();
  const clusters = held(40);
  const start = fleet(40, 0);
  admitter.admit({ ...common, resolution: start.resolution, clusters });
  const few = fleet(40, 10, start.placements);
  for (const settled of [true, false, true]) {
    const changed = clusters.slice(0, 10).map((each) => ({ ...each, settled }));
    const admission = admitter.admit({ ...common, resolution: few.resolution, clusters: changed, only: new Set(changed.map(nameOf)) });
    assert.deepEqual(said(admission, name(0)), ["admit db", "delete web in 30m"]);
  }
});

test("an approval is heard by the clusters that wait for it, and by no other", () => {
  const admitter = new Admitter();
  const { resolution } = fleet(12, 11);
  const clusters = held(12);
  const first = admitter.admit({ ...common, resolution, clusters });
  const verdict = first.clusters[0]?.apps.find(({ kind }) => kind === "hold");
  assert.ok(verdict?.kind === "hold");
  const quiet = { ...common, resolution, clusters: [], only: new Set<never>(), apps: new Set<never>() };
  assert.deepEqual(admitter.admit(quiet).clusters, []);
  const heard = admitter.admit({ ...quiet, approvals: new Set([verdict.digest]) });
  assert.deepEqual(heard.clusters.map(nameOf), clusters.slice(0, 11).map(nameOf));
  assert.deepEqual(said(heard, name(0)), ["admit db", "delete web in 30m"]);
});
