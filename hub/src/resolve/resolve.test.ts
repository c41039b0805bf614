import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppKey } from "@muster/proto/model/identity";
import { resolve, resolveLimits, type RenderRequest, type Resolution } from "./resolve.ts";
import {
  app,
  cluster,
  codes,
  enrolled,
  everywhere,
  group,
  list,
  many,
  modelOf,
  placed,
  resolveAll,
  type Files,
  type Folders,
} from "./testdata/fleets.ts";

const clusters = many(
  cluster("berlin", "env: prod, region: eu"),
  cluster("oslo", "env: prod, region: north"),
  cluster("paris", "env: staging, region: eu"),
);
const fleet = (apps: string, more: Files = {}): Files => ({ "clusters.yaml": clusters, "apps.yaml": apps, ...more });
const run = (apps: string, folders: Folders = {}): Resolution => resolveAll(modelOf(fleet(apps)), folders);
const requestOf = (resolution: Resolution, where: string): RenderRequest => {
  const placement = list(resolution).find((each) => `${each.app.split("/").at(-1)}@${each.cluster}` === where);
  const request = placement && resolution.requests.get(placement.request);
  assert.ok(request, where);
  return request;
};
const incomplete = ({ incomplete: apps }: Resolution): string[] => [...apps].map((key) => key.slice("default//".length)).toSorted();

const targets: readonly (readonly [what: string, targets: string, expected: readonly string[]])[] = [
  ["matchLabels", "{clusters: {matchLabels: {env: prod}}}", ["web@berlin", "web@oslo"]],
  ["matchExpressions", "{clusters: {matchExpressions: [{key: region, operator: NotIn, values: [eu]}]}}", ["web@oslo"]],
  ["matchAll", "{clusters: {matchAll: true}}", ["web@berlin", "web@oslo", "web@paris"]],
  ["a cluster", "{cluster: paris}", ["web@paris"]],
  ["a group by its selector and by name", "{group: g}", ["web@berlin", "web@paris"]],
  ["two targets", "{cluster: paris}, {cluster: oslo}", ["web@oslo", "web@paris"]],
  ["deploy: false", "{clusters: {matchAll: true}}, {cluster: oslo, deploy: false}", ["web@berlin", "web@paris"]],
  ["deploy: false, and true again", "{clusters: {matchAll: true}, deploy: false}, {cluster: oslo, deploy: true}", ["web@oslo"]],
  [
    "deploy: false under a target that says nothing of it",
    "{cluster: oslo, deploy: false}, {clusters: {matchAll: true}}",
    ["web@berlin", "web@paris"],
  ],
];
for (const [what, list, expected] of targets) {
  test(`targets by ${what}`, () => {
    const files = fleet(app("web", `source: {path: web}, targets: [${list}]`), {
      "g.yaml": group("g", "clusters: {matchLabels: {env: staging}}, members: [berlin]"),
    });
    assert.deepEqual(placed(resolveAll(modelOf(files))), expected);
  });
}

test("targets merge in order over the App, and say which of them won", () => {
  const resolution = run(
    app(
      "web",
      `source: {path: web}, namespace: web, helm: {values: {replicas: 1, list: [1, 2], deep: {a: 1, b: 2}}}, targets: [
        {clusters: {matchLabels: {env: prod}}, helm: {values: {replicas: 3, list: [9], deep: {b: null}}}},
        {cluster: oslo, namespace: north, sync: {timeout: 5m, auto: false}, helm: {values: {replicas: 5}}}]`,
    ),
  );
  assert.deepEqual(requestOf(resolution, "web@berlin").helm.values, { replicas: 3, list: [9], deep: { a: 1, b: null } });
  assert.equal(requestOf(resolution, "web@oslo").helm.values["replicas"], 5);
  const [berlin, oslo] = list(resolution);
  assert.deepEqual([berlin?.policy.namespace, oslo?.policy.namespace, oslo?.policy.timeoutMs], ["web", "north", 300_000]);
  assert.deepEqual([berlin?.auto, oslo?.auto], [true, false]);
  assert.deepEqual(
    oslo?.layers.map(({ from }) => from),
    ["App", "targets[0]", "targets[1]"],
  );
});

test("clusters with equal inputs share one request, and no input of a request names a cluster", () => {
  const resolution = run(app("web", `source: {path: web}, ${everywhere}, helm: {values: {region: "\${cluster.labels.region}"}}`));
  assert.equal(resolution.requests.size, 2);
  assert.equal(requestOf(resolution, "web@berlin").key, requestOf(resolution, "web@paris").key);
  assert.doesNotMatch(JSON.stringify([...resolution.requests.values()]), /berlin|paris|oslo/);
});

test("settings of the agent alone change no request", () => {
  const resolution = run(app("web", "source: {path: web}, targets: [{clusters: {matchAll: true}}, {cluster: oslo, sync: {heal: false}}]"));
  assert.equal(resolution.requests.size, 1);
  assert.deepEqual(
    list(resolution).map(({ policy }) => policy.heal),
    [true, false, true],
  );
});

test("B47 a missing key stops that Placement only, and nothing of the App may be taken away for it", () => {
  const resolution = run(
    many(
      app("web", `source: {path: web}, ${everywhere}, helm: {values: {a: "\${cluster.values.a}"}}`),
      app("db", `source: {path: db}, ${everywhere}`),
    ),
  );
  assert.deepEqual(
    codes(resolution),
    ["berlin", "oslo", "paris"].map((name) => `E_VAR_UNDEFINED App default//web ${name}`),
  );
  assert.match(
    resolution.problems[0]?.message ?? "",
    /cannot resolve App default\/\/web for cluster berlin: spec\.helm\.values\.a .*cluster\.values\.a is not there/,
  );
  assert.deepEqual([placed(resolution), incomplete(resolution)], [["db@berlin", "db@oslo", "db@paris"], ["web"]]);
});

test("a key that only one cluster lacks leaves the others alone", () => {
  const files = {
    "c.yaml": many(cluster("a", "tier: x"), cluster("b")),
    "w.yaml": app("web", `source: {path: "web/\${cluster.labels.tier}"}, ${everywhere}`),
  };
  const resolution = resolveAll(modelOf(files));
  assert.deepEqual(placed(resolution), ["web@a"]);
  assert.equal(requestOf(resolution, "web@a").path, "web/x");
  assert.deepEqual(codes(resolution), ["E_VAR_UNDEFINED App default//web b"]);
});

test("facts are usable in values, and absent until the cluster is enrolled", () => {
  const files = fleet(app("web", `source: {path: web}, ${everywhere}, helm: {values: {v: "\${facts.kubeVersion ?? 'none'}"}}`));
  const resolution = resolveAll(modelOf(files, { enrolled: [enrolled("oslo", {}, "v1.36.1")] }));
  assert.deepEqual(
    [requestOf(resolution, "web@oslo").helm.values, requestOf(resolution, "web@berlin").helm.values],
    [{ v: "v1.36.1" }, { v: "none" }],
  );
});

test("a document replaces the labels of the token entirely; without one a cluster is provisional", () => {
  const files = {
    "c.yaml": cluster("oslo", "env: prod"),
    "w.yaml": app("web", "source: {path: web}, targets: [{clusters: {matchLabels: {tier: edge}}}]"),
  };
  const tokens = { tier: "edge", env: "dev" };
  const resolution = resolveAll(modelOf(files, { enrolled: [enrolled("oslo", tokens), enrolled("rome", tokens)] }));
  assert.deepEqual(placed(resolution), ["web@rome"]);
  assert.deepEqual(
    resolution.clusters.map(({ name, labels, provisional, uid }) => [name, labels, provisional, uid]),
    [
      ["oslo", { env: "prod" }, false, "uid-oslo"],
      ["rome", tokens, true, "uid-rome"],
    ],
  );
});

test("B41 D20 a selector that matches nobody is told", () => {
  assert.deepEqual(codes(run(app("web", "source: {path: web}, targets: [{clusters: {matchLabels: {env: prd}}}]"))), [
    "W_NO_CLUSTERS App default//web",
  ]);
  assert.deepEqual(codes(run(app("web", "source: {path: web}, targets: [{cluster: rome}]"))), ["W_UNKNOWN_CLUSTER App default//web"]);
});

test("D20 a group that does not exist leaves its App as it is, also on clusters of other targets", () => {
  const resolution = run(
    many(
      app("web", "source: {path: web}, targets: [{clusters: {matchAll: true}}, {group: gone}]"),
      app("db", `source: {path: db}, ${everywhere}`),
    ),
  );
  assert.deepEqual([codes(resolution), incomplete(resolution)], [["E_UNKNOWN_GROUP App default//web"], ["web"]]);
  assert.deepEqual(placed(resolution), ["db@berlin", "db@oslo", "db@paris"]);
});

test("D09 F40 I2 a render that fails has no Release, and nothing of its App may be taken away", () => {
  const resolution = run(many(app("web", `source: {path: web}, ${everywhere}`), app("db", `source: {path: db}, ${everywhere}`)), {
    web: "failed",
  });
  assert.deepEqual([codes(resolution), incomplete(resolution)], [["E_RENDER App default//web"], ["web"]]);
  assert.deepEqual(
    list(resolution).map(({ release }) => release === null),
    [true, true, true, false, false, false].toReversed(),
  );
});

test("B15 an empty render is no Release", () => {
  const resolution = run(app("web", `source: {path: web}, ${everywhere}`), { web: "empty" });
  assert.deepEqual([codes(resolution), incomplete(resolution)], [["E_EMPTY_RENDER App default//web"], ["web"]]);
  assert.ok(list(resolution).every(({ release }) => release === null));
});

test("two clusters with one server URL are told", () => {
  const files = { "c.yaml": many(cluster("a", "", "server: 'https://x'"), cluster("b", "", "server: 'https://x'")) };
  assert.deepEqual(codes(resolveAll(modelOf(files))), ["W_DUPLICATE_SERVER Cluster b b"]);
});

// Apps of Apps

const web = app("web", `source: {path: web}, ${everywhere}`);
const parent = (name: string, spec = ""): string => app(name, `source: {path: ${name}}${spec}`);

test("a parent without targets is rendered once, and its children go where they say", () => {
  const resolution = run(parent("apps"), { apps: { apps: many(web, app("db", "source: {path: db}, targets: [{cluster: oslo}]")) } });
  assert.deepEqual(placed(resolution), ["db@oslo", "web@berlin", "web@oslo", "web@paris"]);
  assert.deepEqual(
    resolution.apps.map(({ key, parent: of, children }) => [key, of, children]),
    [
      ["default//apps", null, ["default//db", "default//web"]],
      ["default//db", "default//apps", []],
      ["default//web", "default//apps", []],
    ],
  );
  assert.deepEqual([codes(resolution), incomplete(resolution)], [[], []]);
});

test("children are found by needs: level by level", () => {
  const renders = new Map();
  const model = modelOf(fleet(parent("apps")));
  assert.deepEqual(
    resolve(model, renders).needs.map(({ path }) => path),
    ["apps"],
  );
  assert.deepEqual([...resolve(model, renders).incomplete], ["default//apps"]);
});

test("a parent with targets is rendered per Variant, and each child is narrowed to that Variant's clusters", () => {
  const resolution = run(
    app("apps", `source: {path: "apps-\${cluster.labels.region}"}, targets: [{clusters: {matchLabels: {env: prod}}}]`),
    {
      "apps-eu": { apps: web },
      "apps-north": { apps: app("db", `source: {path: db}, ${everywhere}`) },
    },
  );
  assert.deepEqual(placed(resolution), ["db@oslo", "web@berlin"]);
});

test("a child without targets of a targeted parent inherits the Variant's clusters", () => {
  const resolution = run(app("apps", "source: {path: apps}, targets: [{clusters: {matchLabels: {env: prod}}}]"), {
    apps: { apps: app("web", "source: {path: web}"), objects: 1 },
  });
  assert.deepEqual(placed(resolution), ["apps@berlin", "apps@oslo", "web@berlin", "web@oslo"]);
  assert.deepEqual(codes(resolution), []);
});

test("unequal children of one name are layers of one App", () => {
  const resolution = run(app("apps", `source: {path: "apps-\${cluster.labels.region}"}, ${everywhere}`), {
    "apps-eu": { apps: app("web", "source: {path: web-eu}") },
    "apps-north": { apps: app("web", "source: {path: web-north}") },
  });
  assert.deepEqual(placed(resolution), ["web@berlin", "web@oslo", "web@paris"]);
  assert.deepEqual([requestOf(resolution, "web@berlin").path, requestOf(resolution, "web@oslo").path], ["web-eu", "web-north"]);
  assert.deepEqual([codes(resolution), resolution.apps.length], [[], 2]);
});

test("an App without targets whose render holds no Apps is an error", () => {
  const resolution = run(parent("apps"), { apps: { apps: "", objects: 3 } });
  assert.deepEqual([codes(resolution), placed(resolution), incomplete(resolution)], [["E_NO_TARGETS App default//apps"], [], ["apps"]]);
});

test("objects beside the Apps of a parent without targets are not lost in silence", () => {
  assert.deepEqual(codes(run(parent("apps"), { apps: { apps: web, objects: 3 } })), ["W_NOT_SENT App default//apps"]);
});

const cycles: readonly (readonly [what: string, folders: Folders, path: string])[] = [
  ["itself", { apps: { apps: parent("apps") } }, "default//apps -> default//apps"],
  ["its parent", { apps: { apps: parent("b") }, b: { apps: parent("apps") } }, "default//apps -> default//b -> default//apps"],
  [
    "a circle of three",
    { apps: { apps: parent("b") }, b: { apps: parent("c") }, c: { apps: parent("apps") } },
    "default//apps -> default//b -> default//c -> default//apps",
  ],
];
for (const [what, folders, path] of cycles) {
  test(`B31 an App that renders ${what} is an error with its path`, () => {
    const resolution = run(many(parent("apps"), web), folders);
    assert.ok(
      resolution.problems.some(({ code, message }) => code === "E_CYCLE" && message.endsWith(path)),
      codes(resolution).join("\n"),
    );
    assert.deepEqual(placed(resolution), ["web@berlin", "web@oslo", "web@paris"]);
  });
}

const nest = (depth: number): Folders =>
  Object.fromEntries(Array.from({ length: depth }, (_, i) => [`n${i + 1}`, { apps: i + 2 > depth ? web : parent(`n${i + 2}`) }]));

test("B31 eight levels are taken, nine are an error with their path", () => {
  const eight = run(parent("n1"), nest(7));
  assert.deepEqual([codes(eight), placed(eight)], [[], ["web@berlin", "web@oslo", "web@paris"]]);
  const nine = run(parent("n1"), nest(8));
  assert.deepEqual([codes(nine), placed(nine)], [["E_DEPTH App default//n8"], []]);
  assert.match(nine.problems[0]?.message ?? "", /deeper than 8: default\/\/n1 -> .* -> default\/\/web$/);
  assert.ok(nine.incomplete.has("default//n8" as AppKey));
});

test("a child that cannot be read is an error of that child alone", () => {
  const resolution = run(parent("apps"), { apps: { apps: many(web, app("db", "source: {path: db}, tragets: []")) } });
  assert.deepEqual([codes(resolution), incomplete(resolution)], [["E_UNKNOWN_KEY App default//db"], ["db"]]);
  assert.deepEqual(placed(resolution), ["web@berlin", "web@oslo", "web@paris"]);
});

// One key, one App

test("B30 two new Apps of one name are both errors, and neither runs", () => {
  const resolution = resolveAll(modelOf(fleet(web, { "b.yaml": app("web", `source: {path: other}, ${everywhere}`) })));
  assert.deepEqual(
    [codes(resolution), placed(resolution), incomplete(resolution)],
    [["E_DUPLICATE_APP App default//web", "E_DUPLICATE_APP App default//web"], [], ["web"]],
  );
  assert.match(resolution.problems[0]?.message ?? "", /it is also in b\.yaml/);
});

test("D02 B30 the App that was there first stays, the newcomer is the error", () => {
  const incumbents = resolveAll(modelOf(fleet(web))).incumbents;
  const both = fleet(web, { "a.yaml": app("web", `source: {path: other}, ${everywhere}`) });
  const resolution = resolveAll(modelOf(both, { incumbents }));
  assert.equal(requestOf(resolution, "web@oslo").path, "web");
  assert.deepEqual(
    resolution.problems.map(({ code, place }) => [code, place?.path]),
    [["E_DUPLICATE_APP", "a.yaml"]],
  );
  assert.deepEqual(resolution.incumbents, incumbents);
});

test("an App that moves to another file, or under a parent, stays itself", () => {
  const incumbents = resolveAll(modelOf(fleet(web))).incumbents;
  const moved = resolveAll(modelOf({ "clusters.yaml": clusters, "b.yaml": web }, { incumbents }));
  assert.deepEqual([codes(moved), moved.incumbents.get("App default//web")], [[], "root:b.yaml"]);
  const born = resolveAll(modelOf(fleet(parent("apps")), { incumbents }), { apps: { apps: web } });
  assert.deepEqual([codes(born), born.incumbents.get("App default//web")], [[], "in default//apps"]);
});

test("B30 a new App in a file and a new child of the same name are both errors", () => {
  const resolution = run(many(parent("apps"), web), { apps: { apps: many(web, app("db", `source: {path: db}, ${everywhere}`)) } });
  assert.deepEqual(codes(resolution), ["E_DUPLICATE_APP App default//web", "E_DUPLICATE_APP App default//web"]);
  assert.deepEqual([placed(resolution), incomplete(resolution)], [["db@berlin", "db@oslo", "db@paris"], ["web"]]);
});

test("an App that leaves its parent for a file stays itself", () => {
  const db = app("db", `source: {path: db}, ${everywhere}`);
  const incumbents = resolveAll(modelOf(fleet(parent("apps"))), { apps: { apps: many(web, db) } }).incumbents;
  const moved = resolveAll(modelOf(fleet(many(parent("apps"), web)), { incumbents }), { apps: { apps: db } });
  assert.deepEqual([codes(moved), moved.incumbents.get("App default//web")], [[], "root:apps.yaml"]);
});

test("D02 a newcomer does not take a key while the parent of its owner cannot be rendered", () => {
  const incumbents = resolveAll(modelOf(fleet(parent("apps"))), { apps: { apps: web } }).incumbents;
  const files = fleet(many(parent("apps"), app("web", `source: {path: other}, ${everywhere}`)));
  const resolution = resolveAll(modelOf(files, { incumbents }), { apps: "failed" });
  assert.deepEqual([placed(resolution), incomplete(resolution)], [[], ["apps", "web"]]);
  assert.deepEqual(resolution.incumbents, incumbents);
});

test("the children of a parent that cannot be rendered are not gone, nor are theirs", () => {
  const folders = { apps: { apps: parent("team") }, team: { apps: web } };
  const incumbents = resolveAll(modelOf(fleet(parent("apps"))), folders).incumbents;
  const resolution = resolveAll(modelOf(fleet(parent("apps")), { incumbents }), { ...folders, apps: "failed" });
  assert.deepEqual(incomplete(resolution), ["apps", "team", "web"]);
  assert.deepEqual(resolution.incumbents, incumbents);
});

test("two Clusters of one name: the first stays; two newcomers leave the cluster undecided", () => {
  const files = { "a.yaml": cluster("oslo", "env: prod"), "b.yaml": cluster("oslo", "env: dev"), "w.yaml": web };
  const fresh = resolveAll(modelOf(files, { enrolled: [enrolled("oslo")] }));
  assert.deepEqual([[...fresh.undecided], placed(fresh)], [["oslo"], []]);
  const later = resolveAll(modelOf(files, { enrolled: [enrolled("oslo")], incumbents: new Map([["Cluster oslo", "root:b.yaml"]]) }));
  assert.deepEqual([later.clusters[0]?.labels, codes(later)], [{ env: "dev" }, ["E_DUPLICATE_CLUSTER Cluster oslo"]]);
});

test("I2 a Cluster document that cannot be read, of which nothing good is known, leaves the cluster undecided", () => {
  const resolution = resolveAll(
    modelOf({ "w.yaml": web }, { enrolled: [enrolled("oslo", { env: "x" })], broken: new Set(["Cluster oslo", "App default//db"]) }),
  );
  assert.deepEqual([[...resolution.undecided], placed(resolution), incomplete(resolution)], [["oslo"], [], ["db"]]);
});

// dependsOn

test("dependsOn names Apps of the same Tenant that are on that cluster", () => {
  const resolution = run(
    many(
      web,
      app("db", "source: {path: db}, targets: [{cluster: oslo}]"),
      app("shop", `source: {path: shop}, ${everywhere}, dependsOn: [web, db]`),
    ),
  );
  const shop = list(resolution)
    .filter(({ app: key }) => key === "default//shop")
    .map(({ cluster: name, dependsOn }) => [name, ...dependsOn]);
  assert.deepEqual(shop, [
    ["berlin", "default//web"],
    ["oslo", "default//db", "default//web"],
    ["paris", "default//web"],
  ]);
  assert.deepEqual(codes(resolution), ["W_DEPENDENCY_ELSEWHERE App default//shop"]);
  assert.match(resolution.problems[0]?.message ?? "", /App default\/\/db, which is not on clusters berlin, paris;/);
});

test("a dependency that does not exist, or leads round, is a problem of those Apps only", () => {
  const on = (name: string, ...others: string[]): string =>
    app(name, `source: {path: ${name}}, ${everywhere}, dependsOn: [${others.join(", ")}]`);
  const resolution = run(many(on("a", "b"), on("b", "c"), on("c", "a"), on("d", "gone"), on("e", "a"), on("f", "f"), web));
  assert.deepEqual(codes(resolution), [
    "E_DEPENDENCY_CYCLE App default//a",
    "E_DEPENDENCY_CYCLE App default//b",
    "E_DEPENDENCY_CYCLE App default//c",
    "E_DEPENDENCY_UNKNOWN App default//d",
    "E_DEPENDENCY_CYCLE App default//f",
  ]);
  assert.match(resolution.problems[0]?.message ?? "", /default\/\/a -> default\/\/b -> default\/\/c -> default\/\/a$/);
  assert.deepEqual(incomplete(resolution), ["a", "b", "c", "d", "f"]);
  assert.deepEqual(placed(resolution), ["e@berlin", "e@oslo", "e@paris", "web@berlin", "web@oslo", "web@paris"]);
});

test("a dependency that a broken parent may hold is waited for, not refused", () => {
  const files = many(parent("apps"), app("shop", `source: {path: shop}, ${everywhere}, dependsOn: [web]`));
  const resolution = run(files, { apps: "failed" });
  assert.deepEqual(codes(resolution), ["E_RENDER App default//apps"]);
  assert.deepEqual(list(resolution)[0]?.dependsOn, ["default//web"]);
});

test("B32 a commit with more Apps than a Tenant may have takes none of the Apps away that were there", () => {
  const [first] = modelOf({ "a.yaml": web }).documents;
  assert.ok(first?.kind === "App");
  const { value, place } = first;
  const documents = Array.from({ length: resolveLimits.appsPerTenantMax + 2 }, (_, i) => {
    const key = `default//n${String(i).padStart(6, "0")}` as AppKey;
    return { ...first, key: `App ${key}`, place: { ...place, path: `${i}.yaml` }, value: { ...value, key } };
  });
  const last = documents.at(-1);
  const incumbents = new Map([[last?.key ?? "", `root:${last?.place.path}`]]);
  const resolution = resolve({ documents, enrolled: [], incumbents }, new Map());
  assert.deepEqual([resolution.apps.length, resolution.apps.at(-1)?.key], [resolveLimits.appsPerTenantMax, last?.value.key]);
  assert.deepEqual(
    codes(resolution).filter((code) => code.startsWith("E_LIMIT")),
    ["E_LIMIT App default//n019999", "E_LIMIT App default//n020000"],
  );
});
