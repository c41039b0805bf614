import assert from "node:assert/strict";
import { test } from "node:test";

import type { AgentPolicy, Tombstone } from "@muster/proto/model/bundle";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import { deletionDigest } from "@muster/proto/model/evidence";
import { appKey, identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";

import { makePlan, pendingEntry, plainTraits, type AppPlan, type Entry, type Plan, type PlanInput, type Target } from "./plan.ts";

const policy: AgentPolicy = {
  namespace: null,
  createNamespace: false,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 1,
  ignore: [],
};
const app = (name: string, tenant = "default"): AppKey => appKey(tenant, "", name);
const id = (kind: string, name: string, group = "", namespace = "shop"): ObjectIdentity => ({ group, kind, namespace, name });
const map = (name: string): ObjectIdentity => id("ConfigMap", name);

/** A Target from identities; the text after `=` is the content. */
function target(
  name: string,
  objects: readonly (ObjectIdentity | readonly [ObjectIdentity, string])[],
  more: Partial<Target> = {},
): Target {
  const manifest = objects.map((object) => {
    const [identity, content] = "group" in object ? [object, "1"] : object;
    return { identity, digest: digestOf(`${identityKey(identity)}=${content}`), size: 1 };
  });
  return { app: app(name), release: digestOf(name), manifest, policy, dependsOn: [], ...more };
}

function applied(name: string, identity: ObjectIdentity, content = "1", more: Partial<Entry> = {}): Entry {
  const entry = pendingEntry(identity, app(name), "created");
  return { ...entry, uid: `uid-${identity.name}`, state: "applied", desired: digestOf(`${identityKey(identity)}=${content}`), ...more };
}

function plan(input: Partial<Omit<PlanInput, "inventory">> & { readonly inventory?: readonly Entry[] }): Plan {
  return makePlan({
    targets: [],
    alsoDeclared: new Set(),
    complete: true,
    tombstones: [],
    approvals: new Set(),
    baseline: new Map(),
    traits: new Map(),
    healthy: new Set(),
    ownNamespace: null,
    now: Date.parse("2026-01-01T00:00:00Z"),
    ...input,
    inventory: new Map((input.inventory ?? []).map((entry) => [identityKey(entry.identity), entry])),
  });
}

const only = (made: Plan): AppPlan => made.apps[0] as AppPlan;
const written = (made: AppPlan | undefined): readonly string[] =>
  (made?.applies ?? []).map(({ identity }) => `${identity.kind}/${identity.name}`);
const pruned = (made: AppPlan | undefined): readonly string[] => (made?.prune.rounds ?? []).flat().map(({ identity }) => identity.name);

test("what is applied and equal is not written again", () => {
  const made = plan({
    targets: [target("web", [map("same"), [map("other"), "2"], map("new")])],
    inventory: [applied("web", map("same")), applied("web", map("other"), "1")],
  });
  assert.deepEqual(written(only(made)), ["ConfigMap/new", "ConfigMap/other"]);
  assert.equal(only(made).expected.length, 3);
});

test("an object that was never answered for is written again", () => {
  const made = plan({ targets: [target("web", [map("a")])], inventory: [applied("web", map("a"), "1", { state: "pending" })] });
  assert.deepEqual(written(only(made)), ["ConfigMap/a"]);
});

test("objects are written in the order of their stages: what others stand on first, what can block all of them last", () => {
  const objects = [
    id("Deployment", "web", "apps"),
    id("ValidatingWebhookConfiguration", "hook", "admissionregistration.k8s.io", ""),
    id("Widget", "w", "example.com"),
    id("ConfigMap", "settings"),
    id("ClusterRole", "role", "rbac.authorization.k8s.io", ""),
    id("GatewayClass", "gate", "gateway.networking.k8s.io", ""),
    id("Namespace", "shop", "", ""),
    id("CustomResourceDefinition", "widgets", "apiextensions.k8s.io", ""),
  ];
  const made = only(plan({ targets: [target("web", objects)] }));
  assert.deepEqual(
    made.applies.map(({ stage, identity }) => `${stage} ${identity.name}`),
    ["0 shop", "0 widgets", "1 gate", "1 role", "2 settings", "3 w", "3 web", "4 hook"],
  );
});

test("an object needs its namespace and the definition of its kind when they are in the same bundle, also of another App", () => {
  const definition = id("CustomResourceDefinition", "widgets", "apiextensions.k8s.io", "");
  const operator = target("operator", [definition]);
  const digest = operator.manifest[0]?.digest as Digest;
  const made = plan({
    targets: [target("user", [id("Namespace", "shop", "", ""), id("Widget", "w", "example.com")]), operator],
    traits: new Map([[digest, { ...plainTraits, defines: { group: "example.com", kind: "Widget" } }]]),
  });
  assert.deepEqual(only(made).applies[1]?.needs, [identityKey(definition), identityKey(id("Namespace", "shop", "", ""))]);
});

test("an App waits for those that it depends on, but only when it has something to write", () => {
  const base = target("base", []);
  const user = target("user", [map("a")], { dependsOn: [app("base")] });
  assert.deepEqual(plan({ targets: [base, user] }).apps[1]?.waitsFor, [app("base")]);
  assert.deepEqual(plan({ targets: [base, user], healthy: new Set([app("base")]) }).apps[1]?.waitsFor, []);
  assert.deepEqual(plan({ targets: [base, user], inventory: [applied("user", map("a"))] }).apps[1]?.waitsFor, []);
});

test("hooks and objects that are not to be written are skipped with a note", () => {
  const web = target("web", [map("hook"), map("never"), map("plain")]);
  const [hook, never] = web.manifest.map((line) => line.digest) as [Digest, Digest];
  const made = only(
    plan({
      targets: [web],
      traits: new Map([
        [hook, { ...plainTraits, hook: "helm pre-install" }],
        [never, { ...plainTraits, writing: "never" }],
      ]),
    }),
  );
  assert.deepEqual(written(made), ["ConfigMap/plain"]);
  assert.deepEqual(
    made.skipped.map(({ identity }) => identity.name),
    ["hook", "never"],
  );
  assert.equal(made.expected.length, 1);
});

test("a rule that changes what is written of an object is part of what is desired", () => {
  const ignore = [{ group: "", kind: "ConfigMap", name: "a", fields: ["/data/x"], managers: [], mode: "always" as const }];
  const before = only(plan({ targets: [target("web", [map("a"), map("b")])] }));
  const inventory = before.applies.map((step) => ({ ...applied("web", step.identity), desired: step.desired }));
  const after = plan({ targets: [target("web", [map("a"), map("b")], { policy: { ...policy, ignore } })], inventory });
  assert.deepEqual(written(only(after)), ["ConfigMap/a"]);
});

test("declared twice and equal, the lowest key writes; differently, the incumbent keeps it and only the newcomer's object fails", () => {
  const shared = plan({ targets: [target("b", [map("x")]), target("a", [map("x")])] });
  assert.deepEqual(
    shared.apps.map((made) => [made.app, written(made), made.expected.length]),
    [
      [app("b"), [], 1],
      [app("a"), ["ConfigMap/x"], 1],
    ],
  );
  const quarrel = plan({
    targets: [target("a", [[map("x"), "2"], map("own")]), target("b", [map("x")])],
    inventory: [applied("b", map("x"))],
  });
  assert.deepEqual(
    quarrel.apps.map((made) => [written(made), made.refused.map(({ identity }) => identity.name)]),
    [
      [["ConfigMap/own"], ["x"]],
      [[], []],
    ],
  );
});

test("equal objects of two Tenants are not shared", () => {
  const other = { ...target("a", [map("x")]), app: app("a", "other") };
  const made = plan({ targets: [target("a", [map("x")]), other] });
  assert.deepEqual(
    made.apps.map(({ refused }) => refused.length),
    [0, 1],
  );
});

test("an object that moves to another App is written by it and not deleted", () => {
  const made = plan({
    targets: [target("a", [map("stays")]), target("b", [map("moves")])],
    inventory: [applied("a", map("stays")), applied("a", map("moves"))],
  });
  assert.deepEqual([pruned(made.apps[0]), written(made.apps[1])], [[], ["ConfigMap/moves"]]);
});

const five = ["a", "b", "c", "d", "e"].map(map);

test("what the newer Release does not declare is pruned, in the reverse order of writing, namespaces last", () => {
  const inventory = [
    map("a"),
    map("b"),
    map("c"),
    map("d"),
    map("e"),
    map("f"),
    id("Deployment", "web", "apps"),
    id("ClusterRole", "role", "rbac.authorization.k8s.io", ""),
  ];
  const made = only(plan({ targets: [target("web", five)], inventory: inventory.map((identity) => applied("web", identity)) }));
  assert.deepEqual(
    made.prune.rounds.map((round) => round.map(({ identity }) => identity.name)),
    [["web"], ["f"], ["role"]],
  );
});

test("nothing is pruned by an App whose policy says so, of adopted objects, or while a manifest cannot be read", () => {
  const inventory = [...five, map("gone")].map((identity) => applied("web", identity));
  const one = target("web", five);
  assert.deepEqual(pruned(only(plan({ targets: [one], inventory }))), ["gone"]);
  assert.deepEqual(pruned(only(plan({ targets: [{ ...one, policy: { ...policy, prune: false } }], inventory }))), []);
  assert.deepEqual(pruned(only(plan({ targets: [one], inventory, complete: false }))), []);
  assert.deepEqual(pruned(only(plan({ targets: [one], inventory, alsoDeclared: new Set([identityKey(map("gone"))]) }))), []);
  const adopted = inventory.map((entry) => ({ ...entry, origin: "adopted" as const }));
  assert.deepEqual(pruned(only(plan({ targets: [one], inventory: adopted }))), []);
});

test("I1 each guard holds its deletes until exactly they are approved", () => {
  const many = Array.from({ length: 30 }, (_, i) => map(`m${i}`));
  const space = id("Namespace", "n", "", "");
  const cases: readonly (readonly [string, readonly ObjectIdentity[], readonly ObjectIdentity[]])[] = [
    ["preciousKind", [...five, space], five],
    ["clusterShare", many, many.slice(11)],
    ["appShare", five, five.slice(3)],
    ["appToZero", five.slice(0, 2), []],
  ];
  for (const [guard, before, after] of cases) {
    const inventory = before.map((identity) => applied("web", identity));
    const held = only(plan({ targets: [target("web", after)], inventory })).prune;
    assert.ok(held.held?.guards.includes(guard as never), guard);
    assert.deepEqual(held.rounds, []);
    const gone = before.filter((identity) => !after.includes(identity));
    const wrong = plan({ targets: [target("web", after)], inventory, approvals: new Set([deletionDigest(app("web"), gone.slice(1))]) });
    assert.deepEqual(only(wrong).prune.rounds, [], `${guard} with an approval for others`);
    const other = plan({ targets: [target("web", after)], inventory, approvals: new Set([deletionDigest(app("db"), gone)]) });
    assert.deepEqual(only(other).prune.rounds, [], `${guard} with an approval for another App`);
    const right = only(plan({ targets: [target("web", after)], inventory, approvals: new Set([deletionDigest(app("web"), gone)]) })).prune;
    assert.equal(right.rounds.flat().length, gone.length, guard);
    assert.equal(right.approval, deletionDigest(app("web"), gone));
  }
});

test("an approved prune that was interrupted goes on, though its set is smaller now; without its approval it does not", () => {
  const approval = digestOf("the whole set");
  const inventory = five.map((identity) => applied("web", identity, "1", { state: "pruning", approval }));
  const approvals = new Set([approval]);
  assert.equal(only(plan({ targets: [target("web", [])], inventory, approvals })).prune.rounds.flat().length, 5);
  assert.equal(only(plan({ targets: [target("web", [])], inventory })).prune.rounds.flat().length, 0);
});

test("guards measure against what the App had, not against what was written since", () => {
  const inventory = [...five, map("new1"), map("new2"), map("new3"), map("new4"), map("new5"), map("new6")].map((identity) =>
    applied("web", identity),
  );
  const targets = [target("web", ["new1", "new2", "new3", "new4", "new5", "new6"].map(map))];
  assert.equal(only(plan({ targets, inventory })).prune.held, null);
  assert.deepEqual(only(plan({ targets, inventory, baseline: new Map([[app("web"), 5]]) })).prune.held?.guards, ["appShare", "appToZero"]);
});

const tombstone = (mode: Tombstone["mode"], notBefore: string): Tombstone => ({ app: app("gone"), mode, notBefore });

test("a tombstone that is due deletes or lets go; one that is not waits; none at all keeps", () => {
  const inventory = ["x", "y"].map((name) => applied("gone", map(name)));
  const due = plan({ tombstones: [tombstone("delete", "2025-01-01T00:00:00Z")], inventory });
  assert.deepEqual([due.tombstones[0]?.prune.rounds.flat().length, due.tombstones[0]?.forget.length, due.kept], [2, 0, []]);
  const orphan = plan({ tombstones: [tombstone("orphan", "2025-01-01T00:00:00Z")], inventory });
  assert.deepEqual([orphan.tombstones[0]?.prune.rounds, orphan.tombstones[0]?.forget.length], [[], 2]);
  const later = plan({ tombstones: [tombstone("delete", "2026-01-01T00:30:00Z")], inventory });
  assert.deepEqual([later.tombstones[0]?.waitMs, later.tombstones[0]?.prune.rounds], [1_800_000, []]);
  assert.deepEqual(plan({ inventory }).kept, [app("gone")]);
});

test("I2 a tombstone does nothing while a manifest cannot be read, nor to an App that the bundle names", () => {
  const inventory = [applied("gone", map("x"))];
  const tombstones = [tombstone("delete", "2025-01-01T00:00:00Z")];
  assert.deepEqual(plan({ tombstones, inventory, complete: false }).tombstones, []);
  assert.deepEqual(plan({ tombstones, inventory, targets: [target("gone", [map("x")])] }).tombstones, []);
});

test("a tombstone spares what another App declares, and precious kinds need their approval", () => {
  const space = id("Namespace", "n", "", "");
  const inventory = [applied("gone", map("x")), applied("gone", map("y")), applied("gone", space)];
  const tombstones = [tombstone("delete", "2025-01-01T00:00:00Z")];
  const made = plan({ tombstones, inventory, targets: [target("web", [map("x")])] });
  assert.deepEqual(made.tombstones[0]?.prune.held?.guards, ["preciousKind"]);
  const approved = plan({
    tombstones,
    inventory,
    targets: [target("web", [map("x")])],
    approvals: new Set([deletionDigest(app("gone"), [map("y"), space])]),
  });
  assert.deepEqual(
    approved.tombstones[0]?.prune.rounds.map((round) => round.map(({ identity }) => identity.name)),
    [["y"], ["n"]],
  );
});

test("the agent's namespace and rights are protected", () => {
  const own = [
    id("ConfigMap", "x", "", "muster"),
    id("Namespace", "muster", "", ""),
    id("ClusterRole", "muster-agent", "rbac.authorization.k8s.io", ""),
  ];
  const inventory = [...five, ...own].map((identity) => applied("web", identity));
  const made = only(plan({ targets: [target("web", five)], inventory, ownNamespace: "muster" }));
  assert.deepEqual([made.prune.rounds, made.prune.held], [[], null]);
});
