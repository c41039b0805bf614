import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppKey } from "@muster/proto/model/identity";
import {
  isFleetFile,
  mentionsMuster,
  parseFleetFile,
  readChild,
  type App,
  type Cluster,
  type ClusterGroup,
  type ParsedFile,
} from "./fleet.ts";

const parse = (text: string, path = "a.yaml"): ParsedFile => parseFleetFile({ source: "root", path, text });
const app = (spec: string, metadata = "{name: web}"): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: ${metadata}\nspec: ${spec}\n`;
const cluster = (metadata: string, spec = "{}"): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: ${metadata}\nspec: ${spec}\n`;
const group = (spec: string): string => `apiVersion: muster.dev/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g}\nspec: ${spec}\n`;
const onTarget = (target: string): string => app(`{source: {path: x}, targets: [${target}]}`);

test("a misspelt key is told as that, and not as missing too", () => {
  const { problems } = parse(app("{sorce: {path: x}}"));
  assert.deepEqual(
    problems.map(({ code, remedy }) => [code, remedy]),
    [["E_UNKNOWN_KEY", "did you mean source?"]],
  );
});

test("a Source and the Apps that come from elsewhere are read", () => {
  const { documents, problems } = parse(`apiVersion: muster.dev/v1alpha1
kind: Source
metadata: {name: team-a}
spec:
  git: git@git.example:team/a.git
  revision: ">=1.2 <2"
  path: ./fleet/
  secretRef: team-a
  poll: 30s
  submodules: true
  mirrors: [https://mirror.example/a.git]
  remotes: [{url: https://charts.example/, secretRef: charts}, {url: oci://registry.example/charts}]
---
${app("{source: {source: team-a, path: web, revision: v1.2.3}}")}
---
${app("{source: {helm: {oci: 'oci://registry.example/charts', chart: shop, version: ^1}}}", "{name: chart}")}
---
${app("{source: {source: charts, helm: {chart: shop}}}", "{name: named}")}
---
${app("{source: {git: 'https://git.example/b.git', path: deploy}}", "{name: elsewhere}")}`);
  assert.deepEqual(problems, []);
  const [source, ...apps] = documents.map(({ value }) => value);
  assert.deepEqual(source, {
    name: "team-a",
    tenant: "default",
    kind: "git",
    url: "git@git.example:team/a.git",
    revision: ">=1.2 <2",
    path: "fleet",
    secretRef: "team-a",
    pollMs: 30_000,
    submodules: true,
    mirrors: ["https://mirror.example/a.git"],
    remotes: [
      { url: "https://charts.example/", secretRef: "charts" },
      { url: "oci://registry.example/charts", secretRef: null },
    ],
  });
  assert.deepEqual(
    apps.map((each) => (each as App).origin),
    [
      { source: "team-a", remote: null },
      { source: null, remote: { kind: "chart", repo: "oci://registry.example/charts", chart: "shop", version: "^1" } },
      { source: "charts", remote: { kind: "chart", repo: null, chart: "shop", version: null } },
      { source: null, remote: { kind: "git", url: "https://git.example/b.git" } },
    ],
  );
});

test("a document with every field is read, with its defaults", () => {
  const { documents, problems } = parse(`apiVersion: muster.dev/v1alpha1
kind: App
metadata: {name: guestbook, tenant: default, labels: {}}
spec:
  source: {path: apps/guestbook}
  namespace: guestbook
  helm: {releaseName: guestbook, values: {}, valuesFiles: [], skipCrds: false}
  kustomize: {path: null, images: [], patches: [], components: [], namePrefix: "", nameSuffix: "", labels: {}, annotations: {}, replicas: []}
  objects: {include: ["*"], exclude: [], recurse: true}
  targets:
    - clusters: {matchLabels: {env: prod}}
      revision: null
      helm: {values: {replicas: 3, region: "\${cluster.labels.region}"}}
      deploy: true
  dependsOn: [cert-manager]
  sync: {auto: true, prune: true, heal: true, createNamespace: true, adopt: never, onLeave: orphan, serviceAccount: null, timeout: 10m,
         ignore: [{group: apps, kind: Deployment, name: "*", fields: [/spec/replicas], managers: [], mode: untilRelease}]}
  rollout: {}
  children: delete
---
apiVersion: muster.dev/v1alpha1
kind: Cluster
metadata: {name: shop-017, labels: {env: prod, region: eu, ring: canary}, annotations: {}}
spec:
  values: {}
  server: null
  timezone: Europe/Berlin
  paused: false
---
apiVersion: muster.dev/v1alpha1
kind: ClusterGroup
metadata: {name: edge}
spec: {clusters: {matchLabels: {}, matchExpressions: []}, members: []}
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    documents.map(({ key, place }) => [key, place.line]),
    [
      ["App default//guestbook", 1],
      ["Cluster shop-017", 20],
      ["ClusterGroup edge", 29],
    ],
  );
  const [guestbook, shop, edge] = documents.map(({ value }) => value) as unknown as [App, Cluster, ClusterGroup];
  assert.deepEqual(guestbook.dependsOn, ["default//cert-manager"]);
  assert.equal(guestbook.targets[0]?.deploy, true);
  assert.equal(shop.server, "muster://shop-017");
  assert.deepEqual(edge.selector, { matchAll: false, requirements: [] });
});

test("a Cluster needs no spec", () => {
  const { documents, problems } = parse("apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n");
  assert.deepEqual([documents.length, problems], [1, []]);
});

type Row = readonly [what: string, text: string, code: string, message: RegExp, remedy?: RegExp];

const bad: readonly Row[] = [
  [
    "an unknown key",
    app("{source: {path: x}, tragets: []}"),
    "E_UNKNOWN_KEY",
    /^cannot read App default\/\/web: spec\.tragets is not known$/,
    /did you mean targets\?/,
  ],
  ["an unknown key far from all", app("{source: {path: x}, zzz: 1}"), "E_UNKNOWN_KEY", /spec\.zzz/, /there are source, namespace/],
  ["an unknown key of a target", onTarget("{group: a, helm: {value: {}}}"), "E_UNKNOWN_KEY", /spec\.targets\[0\]\.helm\.value /, /values/],
  ["a wrong type", app("{source: {path: x}, sync: {prune: 'yes'}}"), "E_FIELD", /spec\.sync\.prune must be one of true, false, not "yes"/],
  ["a list for a map", app("{source: {path: x}, helm: []}"), "E_FIELD", /spec\.helm must be a map, not a list/],
  ["values that are text", app("{source: {path: x}, helm: {values: hunter2}}"), "E_FIELD", /spec\.helm\.values must be a map, not text$/],
  ["a wrong choice", app("{source: {path: x}, sync: {adopt: always}}"), "E_FIELD", /must be one of never, identical, yes, not "always"/],
  ["no source", app("{}"), "E_FIELD", /spec\.source is missing/],
  ["no path", app("{source: {}}"), "E_FIELD", /spec\.source needs path/],
  ["no name", app("{source: {path: x}}", "{}"), "E_FIELD", /metadata\.name is missing/],
  ["another version", "apiVersion: muster.dev/v2\nkind: App\n", "E_UNKNOWN_KIND", /apiVersion must be muster\.dev\/v1alpha1/],
  [
    "a mistyped kind",
    "apiVersion: muster.dev/v1alpha1\nkind: Clutser\n",
    "E_UNKNOWN_KIND",
    /kind is no kind of Muster/,
    /did you mean Cluster\?/,
  ],
  [
    "a mirror of another kind",
    "apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: a}\nspec: {oci: 'oci://registry.example/a', mirrors: ['https://mirror.example/a']}\n",
    "E_FIELD",
    /spec\.mirrors\[0\] is no oci:\/\/host\/path/,
  ],
  ["a kind of later", "apiVersion: muster.dev/v1alpha1\nkind: Tenant\n", "E_NOT_SUPPORTED_YET", /Tenant is not supported yet/],
  [
    "a path and a chart",
    app("{source: {path: x, helm: {repo: 'https://charts.example', chart: a}}}"),
    "E_FIELD",
    /spec\.source needs path .* or helm/,
  ],
  ["two repositories", app("{source: {path: x, source: a, git: 'https://git.example/a.git'}}"), "E_FIELD", /spec\.source needs path/],
  ["a chart from nowhere", app("{source: {helm: {chart: a}}}"), "E_FIELD", /spec\.source\.helm needs repo, oci, or a Source/],
  ["a chart from two places", app("{source: {source: b, helm: {repo: 'https://a.example', chart: a}}}"), "E_FIELD", /source names another/],
  [
    "B10 a URL with a password",
    app("{source: {path: x, git: 'https://me:hunter2@git.example/a.git'}}"),
    "E_FIELD",
    /git must be a URL .* fragment$/,
  ],
  ["B10 a URL of another kind", app("{source: {path: x, git: 'ext::sh -c id'}}"), "E_FIELD", /git must be a URL/],
  ["prune: adopted", app("{source: {path: x}, sync: {prune: adopted}}"), "E_NOT_SUPPORTED_YET", /"adopted" is not supported yet/],
  [
    "a Source of two kinds",
    "apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: a}\nspec: {git: 'https://git.example/a.git', oci: 'oci://reg.example/a'}\n",
    "E_FIELD",
    /exactly one of git, oci and helm/,
  ],
  [
    "a Source with the root's name",
    "apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: root}\nspec: {git: 'https://git.example/a.git'}\n",
    "E_NAME_INVALID",
    /must not be root/,
  ],
  [
    "a Source in another dialect",
    "apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: a}\nspec: {git: 'https://git.example/a.git', read: [argocd]}\n",
    "E_NOT_SUPPORTED_YET",
    /"argocd" is not supported yet/,
  ],
  ["B01 a path that leads out", app("{source: {path: ../x}}"), "E_PATH_ESCAPE", /spec\.source\.path leads out of the repository/],
  ["B01 a path that leads out later", app("{source: {path: a/../../x}}"), "E_PATH_ESCAPE", /spec\.source\.path/],
  ["B01 an absolute path", app("{source: {path: /etc}}"), "E_FIELD", /spec\.source\.path must be a relative path/],
  [
    "S52 a duration without sense",
    app("{source: {path: x}, sync: {timeout: 1ns}}"),
    "E_DURATION",
    /spec\.sync\.timeout must be a duration like 30s.*not "1ns"/,
  ],
  ["S52 a negative duration", app("{source: {path: x}, sync: {timeout: -1s}}"), "E_DURATION", /"-1s"/],
  ["S52 an endless duration", app("{source: {path: x}, sync: {timeout: 1e99h}}"), "E_DURATION", /from 1s to 1d/],
  [
    "S52 a duration beyond its bound",
    app("{source: {path: x}, sync: {timeout: 999999999d}}"),
    "E_DURATION",
    /from 1s to 1d, not "999999999d"/,
  ],
  ["S52 a duration below its bound", app("{source: {path: x}, sync: {timeout: 10ms}}"), "E_DURATION", /"10ms"/],
  ["S52 a number for a duration", app("{source: {path: x}, sync: {timeout: 30}}"), "E_DURATION", /"30"/],
  [
    "an expression that is not closed",
    app('{source: {path: x}, namespace: "${cluster.name"}'),
    "E_EXPRESSION",
    /spec\.namespace an expression is not closed/,
  ],
  [
    "an expression of nothing known",
    app('{source: {path: x}, helm: {values: {a: ["${HOME}"]}}}'),
    "E_EXPRESSION",
    /spec\.helm\.values\.a\[0\] 'HOME' is not known/,
  ],
  ["B40 an empty selector", onTarget("{clusters: {}}"), "E_SELECTOR", /spec\.targets\[0\]\.clusters is empty.*matchAll: true/],
  ["B40 a selector with empty terms", onTarget("{clusters: {matchLabels: {}, matchExpressions: []}}"), "E_SELECTOR", /is empty/],
  ["B40 matchAll beside terms", onTarget("{clusters: {matchAll: true, matchLabels: {a: b}}}"), "E_SELECTOR", /matchAll/],
  [
    "B40 a bad operator",
    onTarget("{clusters: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}}"),
    "E_FIELD",
    /operator must be one of In, NotIn, Exists, DoesNotExist, not "Gt"/,
  ],
  [
    "B40 In without values",
    onTarget("{clusters: {matchExpressions: [{key: a, operator: In}]}}"),
    "E_SELECTOR",
    /matchExpressions\[0\] needs values/,
  ],
  [
    "B40 Exists with values",
    onTarget("{clusters: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"),
    "E_SELECTOR",
    /none with Exists/,
  ],
  [
    "B40 a thousand terms",
    onTarget(`{clusters: {matchExpressions: [${"{key: a, operator: Exists},".repeat(1000)}]}}`),
    "E_LIMIT",
    /more than 100 entries/,
  ],
  ["B40 a pattern for a value", onTarget("{clusters: {matchLabels: {env: 'prod.*'}}}"), "E_LABEL", /matchLabels\.env must be at most 63/],
  ["a target for nobody", onTarget("{helm: {}}"), "E_SELECTOR", /spec\.targets\[0\] needs exactly one of clusters, group and cluster/],
  ["a target for two", onTarget("{group: a, cluster: b}"), "E_SELECTOR", /exactly one/],
  ["B42 a label of 64", cluster(`{name: a, labels: {env: ${"x".repeat(64)}}}`), "E_LABEL", /metadata\.labels\.env must be at most 63/],
  [
    "B42 a key with three slashes",
    cluster("{name: a, labels: {a/b/c/d: x}}"),
    "E_LABEL",
    /metadata\.labels\["a\/b\/c\/d"\] is no valid key/,
  ],
  ["B42 an empty key", cluster("{name: a, labels: {'': x}}"), "E_LABEL", /metadata\.labels\[""\]/],
  ["B42 a key beyond ASCII", cluster("{name: a, labels: {grün: x}}"), "E_LABEL", /is no valid key/],
  ["B42 a value beyond ASCII", cluster("{name: a, labels: {env: größe}}"), "E_LABEL", /labels\.env/],
  ["a number for a label", cluster("{name: a, labels: {ring: 1}}"), "E_LABEL", /must be text, not a number; write it in quotes/],
  ["a time zone of nowhere", cluster("{name: a}", "{timezone: Europe/Berln}"), "E_FIELD", /spec\.timezone is no IANA time zone/],
  ...["*", ">", "a.b", "a/b", "A", "-a", "a".repeat(64)].map((name): Row => [
    `B43 the cluster name ${name}`,
    cluster(`{name: ${JSON.stringify(name)}}`),
    "E_NAME_INVALID",
    /metadata\.name must be a DNS label/,
  ]),
  ["a group without sense", group("{members: [a, B]}"), "E_NAME_INVALID", /spec\.members\[1\]/],
];

for (const [what, text, code, message, remedy] of bad) {
  test(`${what} is refused with its place`, () => {
    const { documents, problems } = parse(`# a comment\n${text}`);
    assert.equal(documents.length, 0);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    const [problem] = problems;
    assert.equal(problem?.code, code);
    assert.match(problem?.message ?? "", message);
    if (remedy !== undefined) assert.match(problem?.remedy ?? "", remedy);
    assert.equal(problem?.place?.path, "a.yaml");
    assert.ok((problem?.place?.line ?? 0) > 1);
  });
}

test("every fault of a document is told at once, each at its line", () => {
  const { problems } = parse(
    "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: web\nspec:\n  source:\n    path: x\n  namespac: a\n  sync:\n    heal: 1\n",
  );
  assert.deepEqual(
    problems.map(({ code, place }) => [code, place?.line, place?.column]),
    [
      ["E_UNKNOWN_KEY", 8, 3],
      ["E_FIELD", 10, 5],
    ],
  );
});

test("values of the user are never quoted in a message", () => {
  const { problems } = parse(
    app("{source: {path: x}, helm: {values: s3cret, releaseName: 7}, kustomize: {images: [{name: s3cret, x: 1}]}, dependsOn: s3cret}"),
  );
  assert.ok(problems.length >= 3);
  assert.doesNotMatch(JSON.stringify(problems), /s3cret/);
});

test("I2 a broken document hides neither its neighbours nor what it may have held", () => {
  const file = parse(`${cluster("{name: a}")}---\na: [\n---\n${cluster("{name: b}")}---\n${app("{source: {}}")}`);
  assert.deepEqual(
    file.documents.map(({ key }) => key),
    ["Cluster a", "Cluster b"],
  );
  assert.equal(file.broken, true);
  assert.deepEqual(file.brokenKeys, ["App default//web"]);
});

test("B15 a file of comments, of markers, of nothing holds no documents and no faults", () => {
  for (const text of ["", "---\n", "# only a comment\n", "---\n---\n...\n"]) {
    const file = parse(text);
    assert.deepEqual([file.documents, file.problems, file.broken], [[], [], false], JSON.stringify(text));
  }
});

test("B30 one name twice in one file counts for neither", () => {
  const file = parse(`${cluster("{name: a}")}---\n${cluster("{name: a, labels: {env: prod}}")}`);
  assert.deepEqual(file.documents, []);
  assert.deepEqual(file.brokenKeys, ["Cluster a"]);
  assert.deepEqual(
    file.problems.map(({ code, place }) => [code, place?.line]),
    [
      ["E_DUPLICATE_CLUSTER", 1],
      ["E_DUPLICATE_CLUSTER", 5],
    ],
  );
});

test("B06 keys that JavaScript knows are plain data, in values and as labels", () => {
  const file = parse(
    `${cluster("{name: constructor, labels: {hasOwnProperty: a, constructor: b}}", '{values: {__proto__: {polluted: "yes"}}}')}---\n${app('{source: {path: x}, helm: {values: {__proto__: {polluted: "yes"}, constructor: 1}}}')}`,
  );
  assert.deepEqual(file.problems, []);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  const [first, second] = file.documents;
  assert.ok(first?.kind === "Cluster" && Object.hasOwn(first.value.values, "__proto__") && first.value.labels["constructor"] === "b");
  assert.ok(second?.kind === "App" && JSON.stringify(second.value.layer).includes('"__proto__":{"polluted":"yes"}'));
  assert.equal(parse(cluster("{name: a, toString: b}")).problems[0]?.code, "E_UNKNOWN_KEY");
});

test("documents of others are passed over", () => {
  const file = parse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nfoo: bar\n---\n- 1\n---\ntext\n");
  assert.deepEqual([file.documents, file.problems], [[], []]);
});

test("files are looked at before they are parsed", () => {
  assert.deepEqual(["a.yaml", "x/B.YML", "a.json", "yaml"].map(isFleetFile), [true, true, false, false]);
  for (const text of ["apiVersion: muster.dev/v1alpha1", '"apiVersion": "muster.dev/v1alpha1"', "apiVersion : 'muster.dev/v1'"])
    assert.ok(mentionsMuster(text));
  for (const text of ["apiVersion: v1 # muster.dev", 'muster.dev/replace: "true"']) assert.ok(!mentionsMuster(text));
});

const child = (metadata: string, kind = "App") => {
  const text = kind === "App" ? app("{source: {path: x}}", metadata) : cluster(metadata);
  const raw = JSON.parse(JSON.stringify(parseJson(text))) as never;
  return readChild(raw, { source: "root", path: "apps/a.yaml", line: 3 }, "shop//apps" as AppKey);
};

function parseJson(text: string): unknown {
  const [name] = /(?<=name: )[a-z]+/.exec(text) ?? [""];
  const [tenant] = /(?<=tenant: )[a-z]+/.exec(text) ?? [];
  const [namespace] = /(?<=namespace: )[a-z]+/.exec(text) ?? [];
  const metadata = { name, ...(tenant !== undefined && { tenant }), ...(namespace !== undefined && { namespace }) };
  const kind = /kind: (\w+)/.exec(text)?.[1];
  return { apiVersion: "muster.dev/v1alpha1", kind, metadata, spec: kind === "App" ? { source: { path: "x" } } : {} };
}

test("B33 a child belongs to its parent's Tenant, and may not name another", () => {
  const inherited = child("{name: web}");
  assert.ok("document" in inherited && inherited.document.key === "App shop//web");
  const other = child("{name: web, tenant: bank}");
  assert.ok("problems" in other);
  assert.deepEqual([other.problems[0]?.code, other.key], ["E_TENANT", "App bank//web"]);
});

test("a namespace that a renderer put into a child's metadata means nothing", () => {
  const read = child("{name: web, namespace: apps}");
  assert.ok("document" in read);
});

test("only Apps are born from renders", () => {
  const read = child("{name: a}", "Cluster");
  assert.ok("problems" in read);
  assert.equal(read.problems[0]?.code, "E_UNKNOWN_KIND");
});
