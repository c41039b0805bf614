// The live verbs as a person runs them, against a hub of canned answers.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { ClusterEvent, InspectedObject } from "@muster/proto/model/inspection";
import type { LiveAnswer, PauseRow, SyncAnswer } from "../../view/live.ts";
import { hub, muster, on, type Answers } from "../testdata/terminal.ts";
import { identityText } from "./look.ts";
import { treeLines } from "./tree.ts";

const takenAt = "2026-11-21T14:05:09Z";
const app = "default//web" as AppKey;
const berlin = "berlin" as ClusterName;
const ago = (seconds: number): string => new Date(Date.parse(takenAt) - seconds * 1_000).toISOString();

function thing(kind: string, name: string, change: Partial<InspectedObject> = {}): InspectedObject {
  const identity = { group: kind === "Pod" || kind === "ConfigMap" ? "" : "apps", kind, namespace: "shop", name };
  return {
    identity,
    uid: name,
    owner: null,
    declared: true,
    health: "healthy",
    message: "",
    since: ago(120),
    body: null,
    diff: null,
    ...change,
  };
}
const live = (change: Partial<LiveAnswer>): LiveAnswer => ({
  app,
  cluster: berlin,
  takenAt,
  release: null,
  pin: null,
  objects: [],
  events: [],
  notes: [],
  ...change,
});
const path = (part: string, more = ""): string => `GET /api/v1/live/${part}?app=web&cluster=berlin${more}`;
const asked = async (t: TestContext, answers: Answers, ...args: string[]) => {
  const { url, seen } = await hub(t, answers);
  return { ...(await muster(args, on(url))), seen };
};

const pods = Array.from({ length: 9 }, (_, at) => thing("Pod", `web-${at}`, { owner: "rs", declared: false }));
const ill = thing("Pod", "web-ill", { owner: "rs", declared: false, health: "degraded", message: "CrashLoopBackOff \u001b[31m" });
const grown = [thing("Deployment", "web"), thing("ReplicaSet", "rs", { owner: "web", declared: false }), ...pods, ill];

test("tree folds what is well, never what is ill, B63 and escapes what others wrote", async (t) => {
  const { exit, out, err } = await asked(
    t,
    { [path("tree")]: { body: live({ objects: grown, notes: ["pods of namespace x could not be listed"] }) } },
    "tree",
    "web",
    "--cluster",
    "berlin",
  );
  assert.deepEqual([exit, err], [0, "note: pods of namespace x could not be listed\n"]);
  assert.deepEqual(
    out.split("\n").map((line) => line.trimEnd()),
    [
      "OBJECT                     HEALTH    AGE  WHY",
      "Deployment.apps shop/web   healthy   2m",
      "└─ReplicaSet.apps shop/rs  healthy   2m",
      "  ├─Pod shop/web-ill       degraded  2m   CrashLoopBackOff \\u{1b}[31m",
      "  ├─Pod shop/web-0         healthy   2m",
      "  ├─Pod shop/web-1         healthy   2m",
      "  ├─Pod shop/web-2         healthy   2m",
      "  ├─Pod shop/web-3         healthy   2m",
      "  ├─Pod shop/web-4         healthy   2m",
      "  └─4 more, all well",
      "",
    ],
  );
});

test("a tree shows each object once, also where objects say to own each other, and one whose owner is not there", () => {
  const [a, b] = [thing("Pod", "a", { owner: "b" }), thing("Pod", "b", { owner: "a" })];
  assert.equal(treeLines([a, b], true).length, 2);
  const self = thing("Pod", "self", { owner: "self" });
  assert.equal(treeLines([self, thing("Pod", "c", { owner: "gone" })], true).length, 2);
  assert.equal(treeLines([thing("Pod", "r"), { ...a, owner: "r" }, b], true).length, 3);
});

const event = (change: Partial<ClusterEvent>): ClusterEvent => ({
  object: thing("Pod", "web-0").identity,
  type: "Warning",
  reason: "BackOff",
  message: "restarting",
  by: "kubelet",
  count: 1,
  firstSeen: null,
  lastSeen: ago(60),
  ...change,
});

test("events come oldest first; with --watch only what is new is said again, until it is interrupted", async (t) => {
  const first = [event({ reason: "Newer", lastSeen: ago(30) }), event({ reason: "Older" })];
  const { out } = await asked(t, { [path("events")]: { body: live({ events: first }) } }, "events", "web", "--cluster", "berlin");
  assert.match(out, /1m ago\s+Warning\s+Older[^]*30s ago\s+Warning\s+Newer/);
  const answers: { [path: string]: { body: unknown } } = { [path("events")]: { body: live({ events: first }) } };
  const { url } = await hub(t, answers);
  const abort = new AbortController();
  let sleeps = 0;
  const sleep = async (): Promise<void> => {
    sleeps += 1;
    answers[path("events")] = { body: live({ events: [event({ reason: "Newest", lastSeen: ago(1) }), ...first] }) };
    if (sleeps === 2) abort.abort();
  };
  const ran = await muster(["events", "web", "--cluster", "berlin", "--watch", "-o", "json"], { ...on(url), sleep, signal: abort.signal });
  const reasons = ran.out
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as ClusterEvent).reason);
  assert.deepEqual([ran.exit, reasons], [130, ["Older", "Newer", "Newest"]]);
});

const differing = thing("Deployment", "web", {
  diff: {
    state: "differs",
    message: "",
    ours: [
      { path: "/spec/replicas", released: 3, live: 5, manager: "kubectl-edit" },
      { path: "/spec/paused", live: true, manager: "unknown" },
    ],
    others: [{ manager: "hpa", operation: "Update", time: null, fields: ["/metadata/annotations/x"] }],
  },
});
const same = thing("ConfigMap", "a", { diff: { state: "same", message: "", ours: [], others: [] } });
const missing = thing("ConfigMap", "b", { diff: { state: "missing", message: "", ours: [], others: [] } });
const diffs: readonly [string, readonly InspectedObject[], number, RegExp][] = [
  ["0 when nothing differs", [same], 0, /^$/],
  [
    "3 with field, values and manager",
    [differing, same],
    3,
    /Deployment\.apps shop\/web\s+differs\s+\/spec\/replicas\s+3\s+5\s+kubectl-edit\n\s+\/spec\/paused\s+-\s+true\s+unknown/,
  ],
  ["3 for what is missing", [missing], 3, /ConfigMap shop\/b\s+missing/],
  ["3 for what could not be read", [thing("ConfigMap", "c", { message: "forbidden" })], 3, /ConfigMap shop\/c\s+unknown\s+forbidden/],
];
for (const [what, objects, exit, shows] of diffs) {
  test(`diff --live exits ${what}`, async (t) => {
    const ran = await asked(t, { [path("diff")]: { body: live({ objects }) } }, "diff", "web", "--cluster", "berlin", "--live");
    assert.equal(ran.exit, exit, ran.err);
    assert.match(ran.out, shows);
  });
}

test("diff --live without a cluster, pauses without scope or reason, times that are none: wrong usage, and nothing is asked", async (t) => {
  for (const args of [
    ["diff", "web", "--live"],
    ["tree", "web"],
    ["tree", "web", "--cluster", "berlin", "--object", "web"],
    ["pause", "web"],
    ["pause", "web", "--reason", " "],
    ["pause", "--reason", "x"],
    ["pause", "web", "--fleet", "--reason", "x"],
    ["pause", "web", "--reason", "x", "--for", "soon"],
    ["resume"],
    ["resume", "--fleet", "--cluster", "berlin"],
  ]) {
    const { exit, seen } = await asked(t, {}, ...args);
    assert.deepEqual([exit, seen], [2, []], args.join(" "));
  }
});

test("an agent that is not there is an error of its own, with what to do; a look that takes too long is exit 7", async (t) => {
  const problem = (status: number, code: string) => ({
    status,
    body: { status, code, title: code, detail: "what happened", remedy: "what to do", type: "about:blank" },
  });
  for (const [status, code, exit] of [
    [503, "E_AGENT_OFFLINE", 1],
    [503, "E_TIMEOUT", 7],
    [404, "E_NO_APP", 5],
    [409, "E_AGENT_TOO_OLD", 1],
  ] as const) {
    const ran = await asked(t, { [path("tree")]: problem(status, code) }, "tree", "web", "--cluster", "berlin");
    assert.deepEqual([ran.exit, ran.err], [exit, `error ${code}: what happened\n  fix     what to do\n`]);
  }
});

test("an object is named as people write it", () => {
  assert.equal(identityText("Deployment.apps/shop/web"), "apps/Deployment/shop/web");
  assert.equal(identityText("Namespace/shop"), "/Namespace//shop");
  assert.equal(identityText("Certificate.cert-manager.io/shop/web"), "cert-manager.io/Certificate/shop/web");
});

test("sync says what became of each cluster: exit 8 when it went well on some only, 1 on none", async (t) => {
  const row = (state: SyncAnswer["items"][number]["state"], message = "") => ({ app, cluster: berlin, state, pin: null, message });
  const ran = (...items: SyncAnswer["items"]) =>
    asked(t, { "POST /api/v1/sync": { body: { items } } }, "sync", "web", "--reason", "checked", "--cluster", "berlin");
  const good = await ran(row("asked"));
  assert.deepEqual([good.exit, good.seen[0]?.body], [0, JSON.stringify({ app: "web", cluster: "berlin", reason: "checked" })]);
  assert.equal((await ran(row("asked"), row("paused", "paused by anna: night"))).exit, 8);
  const none = await ran(row("paused", "paused by anna: night"));
  assert.equal(none.exit, 1);
  assert.match(none.out, /web\s+berlin\s+paused\s+-\s+paused by anna: night/);
});

test("pause, its list, and resume say what they did and to what", async (t) => {
  const pause: PauseRow = { app, cluster: null, by: "anna", reason: "night", at: ago(60), until: null };
  const answers = {
    "POST /api/v1/pauses": { body: pause },
    "POST /api/v1/resume": { body: { ended: { ...pause, app: null } } },
    "GET /api/v1/acts": { body: { pauses: [pause], syncs: [], redeliveries: [] } },
  };
  const paused = await asked(t, answers, "pause", "web", "--reason", "night", "--for", "1h30m");
  assert.deepEqual(
    [paused.out, paused.seen[0]?.body],
    [
      "paused App default//web until somebody resumes; healing goes on\n",
      JSON.stringify({ app: "web", reason: "night", forSeconds: 5_400 }),
    ],
  );
  assert.match((await asked(t, answers, "pause")).out, /App default\/\/web\s+anna\s+\S+\s+-\s+night/);
  assert.equal((await asked(t, answers, "resume", "--fleet")).out, "resumed the fleet\n");
});
