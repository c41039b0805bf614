import assert from "node:assert/strict";
import { test } from "node:test";
import { deletionDigest } from "@muster/proto/model/evidence";
import { digestOf } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { admit, admitSource, type HeldCluster } from "./admit.ts";
import type { Resolution } from "../resolve/resolve.ts";
import { bookOf } from "../resolve/testdata/books.ts";
import { holds, id, judge, key, manifestOf, now, placement, release, said, some, type World } from "./testdata/worlds.ts";

const minutes = 60_000;
const time = (ms: number): string => new Date(ms).toISOString();
const all = (objects: string) => objects.split(" ").map(id);

type Row = readonly [what: string, world: World, expected: readonly string[]];

const changes: readonly Row[] = [
  ["a new App is admitted", { wanted: { web: "a b" } }, ["admit web"]],
  ["an unchanged App is admitted", { held: { web: "a b" }, wanted: { web: "a b" } }, ["admit web"]],
  ["a changed object deletes nothing", { held: { web: "a b" }, wanted: { web: "a=2 b" } }, ["admit web"]],
  ["one of three may go", { held: { web: "a b c" }, wanted: { web: "a b" } }, ["admit web -1"]],
  ["half of four may go", { held: { web: some(4) }, wanted: { web: some(2) } }, ["admit web -2"]],
  ["D05 more than half of four waits", { held: { web: some(4) }, wanted: { web: some(1) } }, ["hold web appShare"]],
  ["D05 an App to zero waits", { held: { web: "a" }, wanted: { web: "b" } }, ["hold web appToZero"]],
  ["a Namespace waits", { held: { web: "a b Namespace/x" }, wanted: { web: "a b" } }, ["hold web preciousKind"]],
  ["a CRD waits", { held: { web: "a b CustomResourceDefinition/x" }, wanted: { web: "a b" } }, ["hold web preciousKind"]],
  ["ten of fifty may go", { held: { web: some(50) }, wanted: { web: some(40) } }, ["admit web -10"]],
  ["eleven of fifty wait", { held: { web: some(50) }, wanted: { web: some(39) } }, ["hold web clusterShare"]],
  ["eleven of two hundred may go", { held: { web: some(200) }, wanted: { web: some(189) } }, ["admit web -11"]],
  [
    "the deletes of all Apps count together",
    { held: { web: some(30), db: some(30, "d") }, wanted: { web: some(24), db: some(24, "d") } },
    ["hold db clusterShare", "hold web clusterShare"],
  ],
  [
    "what is held back holds nobody back who deletes nothing",
    { held: { web: some(50), db: "d" }, wanted: { web: some(20), db: "d=2" } },
    ["admit db", "hold web clusterShare appShare"],
  ],
  [
    "an App that does not prune deletes nothing",
    { held: { web: some(9) }, wanted: { web: "a0" }, policies: { web: { prune: false } } },
    ["admit web"],
  ],
  [
    "an object that moves to another App is not deleted",
    { held: { web: "a b", db: "d" }, wanted: { web: "b", db: "d a" } },
    ["admit db", "admit web"],
  ],
  [
    "an App that changes its name takes its objects along",
    { held: { web: some(20) }, wanted: { shop: some(20) } },
    ["admit shop", "delete web in 30m"],
  ],
  [
    "an object that moves to an App that is held back stays where it is until then",
    { held: { web: "a b c", db: some(9, "d") }, wanted: { web: "a b", db: "d0 c" } },
    ["hold db appShare", "hold web"],
  ],
  [
    "an object that moves to an App that waits for a hand stays where it is until then",
    { held: { web: "a b c", db: "d" }, wanted: { web: "a b", db: "d c" }, byHand: ["db"] },
    ["admit db", "hold web"],
  ],
  [
    "a change that waits for a hand is judged all the same",
    { held: { web: "a b c", db: some(9, "d") }, wanted: { web: "a b", db: "d0" }, byHand: ["db"] },
    ["hold db appShare", "admit web -1"],
  ],
  [
    "a shared object goes when nobody declares it",
    { held: { web: "a s", db: "d s" }, wanted: { web: "a s", db: "d" } },
    ["admit db", "admit web"],
  ],
  ["the last one to drop it deletes it", { held: { web: "a s", db: "d s" }, wanted: { web: "a", db: "d" } }, ["admit db -1", "admit web"]],
  ["I2 an App that could not be rendered stays as it is", { held: { web: "a" }, wanted: { web: null } }, ["keep web RenderFailed"]],
  [
    "I2 an App whose objects are not known stays as it is",
    {
      held: { web: "a" },
      wanted: { web: "a" },
      resolution: { placements: bookOf([{ ...placement("web", ""), release: digestOf("lost") }]) },
    },
    ["keep web RenderFailed"],
  ],
  [
    "I2 an App whose released objects are not known stays as it is",
    { held: { web: "a" }, holding: { web: { release: digestOf("lost") } }, wanted: { web: "a" } },
    ["keep web ResolveFailed"],
  ],
  [
    "I2 a cluster that is undecided stays as it is",
    { held: { web: "a", db: "d" }, wanted: { web: "a=2" }, resolution: { undecided: new Set(["berlin" as ClusterName]) } },
    ["keep db ResolveFailed", "keep web ResolveFailed"],
  ],
];
for (const [what, world, expected] of changes) test(what, () => assert.deepEqual(said(judge(world)), expected));

const monitored = { held: { web: "a b c" }, wanted: { web: "a b" }, holding: { web: { apis: ["m/v1/Rule", "m/v1"] } } };
const child = { parent: key("root"), apis: ["m/v1"] };
const vanished: readonly Row[] = [
  [
    "what a chart loses with an API that the cluster reports no more waits",
    { ...monitored, told: { web: "m/v1/Rule m/v1: m/v1" } },
    ["hold web CapabilityShrunk m/v1/Rule"],
  ],
  ["one that is gone altogether", { ...monitored, told: { web: "m/v1/Rule m/v1:" } }, ["hold web CapabilityShrunk m/v1/Rule,m/v1"]],
  ["one kind of it", { ...monitored, told: { web: "m/v1/Rule:" } }, ["hold web CapabilityShrunk m/v1/Rule,m/v1"]],
  ["an API that is there", { ...monitored, told: { web: "m/v1/Rule m/v1: m/v1 m/v1/Rule" } }, ["admit web -1"]],
  ["an API that the chart asks for no more", { ...monitored, told: { web: "n/v1:" } }, ["admit web -1"]],
  ["a chart that does not ask any more", monitored, ["admit web -1"]],
  ["a chart that was told of nothing", { ...monitored, holding: {}, told: { web: "m/v1:" } }, ["admit web -1"]],
  ["a chart that looks at all groups", { ...monitored, told: { web: "all: n" } }, ["hold web CapabilityShrunk m/v1/Rule,m/v1"]],
  ["a change that loses nothing", { ...monitored, wanted: { web: "a b c=2" }, told: { web: "m/v1:" } }, ["admit web"]],
  [
    "a child that its parent renders no more",
    { held: { web: "a" }, holding: { web: child }, wanted: { root: "r" }, apis: "apps/v1" },
    ["admit root", "hold web CapabilityShrunk m/v1"],
  ],
  [
    "a child whose parent is gone as well, with what rendered that",
    {
      held: { web: "a" },
      holding: { web: { parent: key("middle"), ancestors: [key("root"), key("middle")], apis: ["m/v1"] } },
      wanted: { root: "r" },
      apis: "apps/v1",
    },
    ["admit root", "hold web CapabilityShrunk m/v1"],
  ],
  [
    "a child on a cluster that has reported nothing",
    { held: { web: "a" }, holding: { web: child }, wanted: { root: "r" }, apis: null },
    ["admit root", "hold web CapabilityShrunk m/v1"],
  ],
  [
    "a child whose API is there",
    { held: { web: "a" }, holding: { web: child }, wanted: { root: "r" }, apis: "m/v1" },
    ["admit root", "delete web in 30m"],
  ],
  ["a child whose parent is gone", { held: { web: "a" }, holding: { web: child }, apis: "apps/v1" }, ["delete web in 30m"]],
  ["an App that was taken out of Git", { held: { web: "a" }, holding: { web: { apis: ["m/v1"] } }, apis: "" }, ["delete web in 30m"]],
];
for (const [what, world, expected] of vanished)
  test(`CapabilityShrunk: ${what}: ${expected.join(", ")}`, () => assert.deepEqual(said(judge(world)), expected));

test("what an API took along may go when somebody approves exactly that", () => {
  const world = { ...monitored, told: { web: "m/v1:" } };
  const held = judge(world).clusters[0]?.apps[0];
  assert.ok(held?.kind === "hold" && held.reason === "CapabilityShrunk" && held.guards.length === 0);
  assert.deepEqual(said(judge({ ...world, approvals: [held.digest] })), ["admit web -1"]);
});

test("an approval of exactly these deletes lets them pass, and goes into the bundle", () => {
  const world = { held: { web: some(4) }, wanted: { web: "a0" } };
  const digest = deletionDigest(key("web"), all("a1 a2 a3"));
  const held = judge(world).clusters[0]?.apps[0];
  assert.ok(held?.kind === "hold" && held.digest === digest && held.deletes.length === 3 && !held.removal);
  const passed = judge({ ...world, approvals: [digest] });
  assert.deepEqual([said(passed), passed.clusters[0]?.approvals], [["admit web -3"], [digest]]);
  const other = judge({ ...world, approvals: [deletionDigest(key("web"), all("a1 a2"))] });
  assert.deepEqual(said(other), ["hold web appShare"]);
  const another = judge({ ...world, approvals: [deletionDigest(key("db"), all("a1 a2 a3"))] });
  assert.deepEqual(said(another), ["hold web appShare"]);
});

test("an approval stays in the bundle until the agent has done what it allows", () => {
  const digest = deletionDigest(key("web"), all("a1"));
  const world = { held: { web: "a" }, wanted: { web: "a" }, bundleApprovals: [digest] };
  assert.deepEqual(judge({ ...world, settled: false }).clusters[0]?.approvals, [digest]);
  assert.deepEqual(judge({ ...world, settled: true }).clusters[0]?.approvals, []);
});

const grave = (mode: "delete" | "orphan", inMinutes: number, app = "web") => ({
  app: key(app),
  mode,
  notBefore: time(now + inMinutes * minutes),
});
const unread = { incomplete: new Set<AppKey>(["default//web" as AppKey]) };

const removals: readonly Row[] = [
  ["an App removed from Git is deleted after 30 minutes", { held: { web: "a b" } }, ["delete web in 30m"]],
  [
    "F71 an App that a cluster's labels lead away is orphaned after 24 hours",
    { held: { web: "a b" }, elsewhere: { web: "orphan" } },
    ["orphan web in 1440m"],
  ],
  ["onLeave: delete", { held: { web: "a b" }, elsewhere: { web: "delete" } }, ["delete web in 30m"]],
  [
    "an App that never prunes is orphaned when it goes",
    { held: { web: "a b" }, holding: { web: { policy: { ...placement("web", "").policy, prune: false } } } },
    ["orphan web in 1440m"],
  ],
  [
    "children of a parent that orphans them",
    { held: { web: "a b" }, holding: { web: { parent: key("apps"), withParent: "orphan" } } },
    ["orphan web in 1440m"],
  ],
  [
    "a child that goes alone is deleted all the same",
    { held: { web: "a b", apps: "p" }, holding: { web: { parent: key("apps"), withParent: "orphan" } }, wanted: { apps: "p" } },
    ["admit apps", "delete web in 30m"],
  ],
  ["a tombstone keeps its time", { held: { web: "a b" }, tombstones: [grave("delete", 12)] }, ["delete web in 12m"]],
  ["a tombstone without its App keeps its time", { tombstones: [grave("delete", 12)] }, ["delete web in 12m"]],
  ["another mode is another decision", { held: { web: "a b" }, tombstones: [grave("orphan", 100)] }, ["delete web in 30m"]],
  ["F72 an App that is back in time has no tombstone", { wanted: { web: "a b" }, tombstones: [grave("delete", 12)] }, ["admit web"]],
  [
    "F72 an App that is back and cannot be rendered has no tombstone",
    { wanted: { web: null }, tombstones: [grave("delete", 12)] },
    ["keep web RenderFailed"],
  ],
  ["D09 an App of an incomplete parent gets no tombstone", { held: { web: "a b" }, resolution: unread }, ["keep web ResolveFailed"]],
  [
    "D09 nor does one whose parent alone is known to be incomplete",
    { held: { web: "a b" }, holding: { web: { parent: key("apps") } }, resolution: { incomplete: new Set([key("apps")]) } },
    ["keep web ResolveFailed"],
  ],
  [
    "D09 a tombstone waits while it is not sure that the App is gone",
    { tombstones: [grave("delete", 12)], resolution: unread },
    ["delete web in 30m"],
  ],
  ["a tombstone that waits changes in steps only", { tombstones: [grave("delete", 20)], resolution: unread }, ["delete web in 20m"]],
  ["a tombstone that is due stays so", { tombstones: [grave("delete", -1)], resolution: unread }, ["delete web in -1m"]],
  [
    "an App of a Source that cannot be read in full, and of which nothing is known, stays",
    { held: { web: "a b" }, resolution: { unreadable: new Set(["root"]), incumbents: new Map() } },
    ["keep web ResolveFailed"],
  ],
  ["a removal with a Namespace waits", { held: { web: "a Namespace/x" } }, ["hold web preciousKind"]],
  [
    "a removal of eleven of fifty waits",
    { held: { web: some(11), db: some(39, "d") }, wanted: { db: some(39, "d") } },
    ["admit db", "hold web clusterShare"],
  ],
  ["removals count together", { held: { web: some(6), shop: some(6, "s") } }, ["hold shop clusterShare", "hold web clusterShare"]],
  [
    "removals and changes do not",
    { held: { web: some(8), db: some(40, "d") }, wanted: { db: some(35, "d") } },
    ["admit db -5", "delete web in 30m"],
  ],
  ["orphans delete nothing", { held: { web: `${some(30)} Namespace/x` }, elsewhere: { web: "orphan" } }, ["orphan web in 1440m"]],
  [
    "D20 B41 an App with onLeave: delete whose targets match nobody any more waits",
    { held: { web: "a" }, elsewhere: { web: "delete" }, on: [] },
    ["hold web E_SELECTOR_EMPTIED"],
  ],
];
for (const [what, world, expected] of removals) test(what, () => assert.deepEqual(said(judge(world)), expected));

test("a removal that waits passes with the approval of its deletes", () => {
  const world = { held: { web: "a Namespace/x" } };
  const passed = judge({ ...world, approvals: [deletionDigest(key("web"), all("a Namespace/x"))] });
  assert.deepEqual([said(passed), passed.clusters[0]?.approvals.length], [["delete web in 30m"], 1]);
  const held = judge(world).clusters[0]?.apps[0];
  assert.ok(held?.kind === "hold" && held.removal);
});

test("a removal that was approved is not asked for again", () => {
  assert.deepEqual(said(judge({ held: { web: "a Namespace/x" }, tombstones: [grave("delete", 12)] })), ["delete web in 12m"]);
});

const fleetOf = (count: number): HeldCluster[] =>
  Array.from({ length: count }, (_, i) => ({
    cluster: `c${i}` as ClusterName,
    apps: [holds("web", "a b"), holds("db", "d")],
    tombstones: [],
    approvals: [],
    settled: true,
  }));

const inFleet = (count: number, gone: readonly string[], approvals: World["approvals"] = []): string[] => {
  const clusters = fleetOf(count);
  const placements = clusters.flatMap(({ cluster }) =>
    ["web", "db"].filter((app) => !gone.includes(app)).map((app) => placement(app, app === "web" ? "a b" : "d", cluster)),
  );
  const apps = [...new Set(placements.map(({ app }) => app))].map((app) => ({
    key: app,
    place: { source: "root", path: "a", line: 1 },
    parent: null,
    ancestors: [],
    children: [],
    source: "root",
    targeted: true,
    onLeave: "orphan" as const,
  }));
  const resolution: Resolution = {
    touched: "all",
    touchedApps: "all",
    placements: bookOf(placements),
    apps,
    needs: [],
    requests: new Map(),
    clusters: [],
    groups: new Map(),
    problems: [],
    incomplete: new Set<AppKey>(),
    undecided: new Set<ClusterName>(),
    unreadable: new Set<string>(),
    incumbents: new Map(),
  };
  return said(admit({ resolution, clusters, manifestOf, approvals: new Set(approvals), now }), "c0");
};

test("D01 D07 a removal from more than ten clusters and a tenth of the origin waits, however small it is on each", () => {
  assert.deepEqual(inFleet(10, ["web"]), ["admit db", "delete web in 30m"]);
  assert.deepEqual(inFleet(11, ["web"]), ["admit db", "hold web E_SHRINK"]);
  assert.deepEqual(inFleet(11, ["web"], [deletionDigest(key("web"), all("a b"))]), ["admit db", "delete web in 30m"]);
});

test("D20 a selector that used to match and matches nobody now is told", () => {
  const admission = judge({ held: { web: "a" }, elsewhere: { web: "orphan" }, on: [] });
  assert.deepEqual(said(admission), ["orphan web in 1440m"]);
  assert.deepEqual(
    admission.problems.map(({ code, subject }) => [code, subject]),
    [["W_SELECTOR_EMPTIED", "App default//web"]],
  );
});

const owners: readonly (readonly [what: string, world: World, conflicts: readonly string[]])[] = [
  ["equal and of one Tenant: shared", { wanted: { web: "a s", db: "d s" } }, []],
  ["B29 unequal and both new: the lowest key has it", { wanted: { web: "a s=1", db: "d s=2" } }, ["default//web"]],
  ["D08 B29 unequal: who has it keeps it", { held: { web: "a s=1" }, wanted: { web: "a s=1", db: "d s=2" } }, ["default//db"]],
  ["D08 who has it may change it", { held: { web: "a s=1" }, wanted: { web: "a s=3", db: "d s=2" } }, ["default//db"]],
  ["who has it gives it up: the newcomer has it", { held: { web: "a s=1" }, wanted: { web: "a", db: "d s=2" } }, []],
  ["who has it cannot be rendered: it keeps it", { held: { web: "a s=1" }, wanted: { web: null, db: "d s=2" } }, ["default//db"]],
  ["equal and of two Tenants: not shared", { wanted: { "bank//web": "s", "shop//web": "s" } }, ["shop//web"]],
];
for (const [what, world, conflicts] of owners) {
  test(`an object that two Apps declare: ${what}`, () => {
    const { problems, clusters } = judge(world);
    assert.deepEqual(
      problems.filter(({ code }) => code === "E_OWNERSHIP_CONFLICT").map(({ subject }) => subject?.slice(4)),
      conflicts,
    );
    // Only that object fails: the App is admitted with its whole Release, and nothing of anybody is deleted.
    assert.ok(clusters[0]?.apps.every((verdict) => verdict.kind !== "hold" && (verdict.kind === "keep" || verdict.deletes.length === 0)));
  });
}

test("a conflict names the object and both Apps", () => {
  const [problem] = judge({ wanted: { web: "a s=1", db: "d s=2" } }).problems;
  assert.equal(
    problem?.message,
    "App default//web on cluster berlin declares ConfigMap shop/s, which App default//db declares differently and keeps",
  );
});

for (const object of ["a@muster-system", "Deployment/agent@muster-system", "Namespace/muster-system"]) {
  test(`B38 D08 an App may not declare ${object}`, () => {
    const admission = judge({ held: { web: "a" }, wanted: { web: `a ${object}`, db: "d" } });
    assert.deepEqual(said(admission), ["admit db", "keep web OwnershipConflict"]);
    assert.deepEqual(
      admission.problems.map(({ code }) => code),
      ["E_PROTECTED"],
    );
  });
}

test("a resolution with needs is never admitted: its Apps would look as if they were gone", () => {
  assert.throws(() => judge({ held: { web: "a" }, resolution: { needs: [{} as never] } }), TypeError);
});

const documents = ["App default//web", "Cluster berlin"].map((each) => ({ key: each }));
const reading = {
  source: "root",
  commit: "0123456789abcdef",
  before: documents,
  after: documents,
  pathFound: true,
  approvals: new Set<never>(),
};

test("F38 D04 D05 a Source that holds nothing any more is not taken, unless a person says so", () => {
  assert.equal(admitSource(reading).kind, "take");
  const verdict = admitSource({ ...reading, after: [] });
  assert.ok(verdict.kind === "hold" && verdict.problem.code === "E_SOURCE_EMPTIED");
  assert.match(verdict.problem.message, /commit 0123456789ab of Source root: it holds none of its 2 documents any more/);
  const approvals = new Set([verdict.digest]);
  assert.equal(admitSource({ ...reading, after: [], approvals }).kind, "take");
  for (const other of [{ commit: "fedcba9876543210" }, { source: "team" }, { before: documents.slice(1) }])
    assert.equal(admitSource({ ...reading, after: [], approvals, ...other }).kind, "hold", JSON.stringify(other));
});

test("F40 a path that does not exist any more is never taken", () => {
  const verdict = admitSource({ ...reading, after: [], pathFound: false });
  assert.ok(verdict.kind === "hold" && verdict.problem.code === "E_PATH_MISSING");
  assert.equal(admitSource({ ...reading, after: [], pathFound: false, approvals: new Set([verdict.digest]) }).kind, "hold");
});

test("a Source that never held anything may stay empty", () => {
  assert.equal(admitSource({ ...reading, before: [], after: [], pathFound: false }).kind, "take");
});

test("deciding twice, with what was decided, changes nothing", () => {
  const world = { held: { web: some(4), db: "d", old: "o" }, wanted: { web: "a0", db: "d=2" } };
  const first = judge(world);
  const again = judge({ ...world, tombstones: first.clusters[0]?.tombstones ?? [], now: now + 5 * minutes });
  assert.deepEqual(said(again), said(first));
  assert.ok(release("a") !== release("b"));
});
