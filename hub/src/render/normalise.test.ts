import assert from "node:assert/strict";
import { test } from "node:test";
import { showIdentity } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { normalise, type NormaliseOptions, type RenderedDocument } from "./normalise.ts";
import { RenderFault, type Rendered } from "./rendered.ts";

function documents(text: string): readonly RenderedDocument[] {
  const { documents: read, faults } = readYaml(text);
  assert.deepEqual(faults, []);
  return read.map(({ value, index, line }) => ({ value, index, source: { path: "a.yaml", line } }));
}

function normalised(text: string, options: Partial<NormaliseOptions> = {}): Rendered {
  return normalise(documents(text), { namespace: "demo", ...options });
}

function object(text: string): JsonObject {
  const [only, ...more] = normalised(text).objects;
  assert.equal(more.length, 0);
  return only?.object ?? {};
}

function fault(text: string, options: Partial<NormaliseOptions> = {}): RenderFault {
  try {
    normalised(text, options);
  } catch (error) {
    if (error instanceof RenderFault) return error;
    throw error;
  }
  return assert.fail("it was accepted");
}

const head = (kind: string, apiVersion = "v1", name = "x"): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}}\n`;

test("B36 what only a server may write is stripped", () => {
  const text =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  uid: u\n  resourceVersion: '5'\n  generation: 3\n  selfLink: /x\n  creationTimestamp: '2020-01-01T00:00:00Z'\n" +
    "  deletionTimestamp: '2020-01-01T00:00:00Z'\n  deletionGracePeriodSeconds: 5\n  managedFields: [{manager: x}]\n  ownerReferences: [{uid: u}]\n  labels: {}\n  annotations: {}\n  finalizers: [a/b]\nstatus: {x: 1}\n";
  const { objects, warnings } = normalised(text);
  assert.deepEqual(objects[0]?.object["metadata"], { name: "x", namespace: "demo", finalizers: ["a/b"] });
  assert.ok(!("status" in (objects[0]?.object ?? {})));
  assert.match(warnings.join(), /ownerReferences of a ConfigMap/);
});

test("members that are null are dropped, empty maps that mean something are kept", () => {
  const text = `${head("Pod")}spec:\n  a: ~\n  volumes: [{name: v, emptyDir: {}}]\n  nested: {deep: {x: null, z: 1}}\n  list: [null, 1]\n  containers: []\n`;
  assert.deepEqual(object(text)["spec"], {
    volumes: [{ name: "v", emptyDir: {} }],
    nested: { deep: { z: 1 } },
    list: [null, 1],
    containers: [],
  });
  const policy = object(`${head("NetworkPolicy", "networking.k8s.io/v1")}spec: {podSelector: {}, ingress: [{}]}\n`);
  assert.deepEqual(policy["spec"], { podSelector: {}, ingress: [{}] });
});

test("stringData is laid over data, base64 is written on one line", () => {
  const secret = object(`${head("Secret")}data:\n  a: |\n    aGVs\n    bG8=\n  b: eA==\nstringData: {b: "ü", c: z}\n`);
  assert.deepEqual(secret["data"], { a: "aGVsbG8=", b: "w7w=", c: "eg==" });
  assert.ok(!("stringData" in secret));
});

test("TCP is spelled out on ports of Services and of containers in every kind that has a pod", () => {
  assert.deepEqual(object(`${head("Service")}spec: {ports: [{port: 1}, {port: 1, protocol: UDP}]}\n`)["spec"], {
    ports: [
      { port: 1, protocol: "TCP" },
      { port: 1, protocol: "UDP" },
    ],
  });
  const container = "containers: [{name: a, ports: [{containerPort: 1}]}], initContainers: [{name: b, ports: [{containerPort: 2}]}]";
  const kinds: readonly (readonly [string, string, string])[] = [
    ["Pod", "v1", `spec: {${container}}`],
    ["Deployment", "apps/v1", `spec: {template: {spec: {${container}}}}`],
    ["StatefulSet", "apps/v1", `spec: {template: {spec: {${container}}}}`],
    ["DaemonSet", "apps/v1", `spec: {template: {spec: {${container}}}}`],
    ["Job", "batch/v1", `spec: {template: {spec: {${container}}}}`],
    ["CronJob", "batch/v1", `spec: {jobTemplate: {spec: {template: {spec: {${container}}}}}}`],
  ];
  for (const [kind, version, spec] of kinds) {
    assert.equal(JSON.stringify(object(`${head(kind, version)}${spec}\n`)).match(/"protocol":"TCP"/g)?.length, 2, kind);
  }
});

test("rules under an aggregationRule and a broken caBundle of a CRD are dropped", () => {
  const role = object(`${head("ClusterRole", "rbac.authorization.k8s.io/v1")}aggregationRule: {clusterRoleSelectors: []}\nrules: []\n`);
  assert.ok(!("rules" in role));
  const crd = (bundle: string): JsonValue | undefined =>
    object(
      `${head("CustomResourceDefinition", "apiextensions.k8s.io/v1", "ts.x.io")}spec: {group: x.io, scope: Cluster, names: {kind: T}, conversion: {webhook: {clientConfig: {caBundle: ${bundle}, url: u}}}}\n`,
    )["spec"];
  assert.doesNotMatch(JSON.stringify(crd("Cg==")), /caBundle/);
  const good = Buffer.from("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n").toString("base64");
  assert.match(JSON.stringify(crd(good)), /caBundle/);
});

test("namespaces are filled, kept, and taken from cluster-scoped kinds, also those of a CRD among the objects", () => {
  const text = [
    head("ConfigMap"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: other}\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:x', namespace: other}\n",
    "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t, namespace: other}\n",
    "apiVersion: y.io/v1\nkind: Thing\nmetadata: {name: t}\n",
    `${head("CustomResourceDefinition", "apiextensions.k8s.io/v1", "things.x.io")}spec: {group: x.io, scope: Cluster, names: {kind: Thing}}\n`,
  ].join("---\n");
  const shown = (options: Partial<NormaliseOptions>): readonly string[] =>
    normalised(text, options).objects.map(({ identity }) => showIdentity(identity));
  assert.deepEqual(shown({}), [
    "ConfigMap demo/x",
    "ConfigMap other/x",
    "CustomResourceDefinition.apiextensions.k8s.io things.x.io",
    "ClusterRole.rbac.authorization.k8s.io system:x",
    "Thing.x.io t",
    "Thing.y.io demo/t",
  ]);
  assert.equal(shown({ namespace: undefined })[0], "ConfigMap default/x");
  for (const { identity, object: each } of normalised(text).objects) {
    assert.equal((each["metadata"] as JsonObject)["namespace"] ?? "", identity.namespace);
  }
});

test("B34 lists become their items, three deep and no deeper", () => {
  const nested = (depth: number): string => {
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}";
    for (let i = 0; i < depth; i += 1) text = `{apiVersion: v1, kind: List, items: [${text}]}`;
    return text;
  };
  assert.equal(normalised(nested(3)).objects.length, 1);
  assert.equal(fault(nested(4)).code, "E_DEPTH");
  assert.equal(fault(nested(40)).code, "E_DEPTH");
  const typed = normalised("apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}, {metadata: {name: b}}]\n");
  assert.deepEqual(
    typed.objects.map(({ object: each }) => each["kind"]),
    ["ConfigMap", "ConfigMap"],
  );
  const apps = normalised("apiVersion: v1\nkind: List\nitems: [{apiVersion: muster.dev/v1alpha1, kind: App, metadata: {name: a}}]\n");
  assert.equal(apps.apps.length, 1);
  assert.equal(normalised("apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\n").objects[0]?.identity.kind, "AllowList");
});

const invalidObjects: readonly (readonly [string, string, RegExp])[] = [
  ["no kind", "apiVersion: v1\nmetadata: {name: x}", /kind is missing/],
  ["no apiVersion", "kind: ConfigMap\nmetadata: {name: x}", /apiVersion is missing/],
  ["a bad apiVersion", "apiVersion: a/b/c\nkind: X\nmetadata: {name: x}", /apiVersion/],
  ["a bad kind", "apiVersion: v1\nkind: 'a b'\nmetadata: {name: x}", /kind/],
  ["no metadata", "apiVersion: v1\nkind: ConfigMap", /metadata\.name is missing/],
  ["metadata that is a text", "apiVersion: v1\nkind: ConfigMap\nmetadata: x", /metadata is not a map/],
  ["a name that is a number", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}", /metadata\.name/],
  ["a name of 254 characters", head("ConfigMap", "v1", "a".repeat(254)), /metadata\.name/],
  ["a name with capitals", head("ConfigMap", "v1", "Abc"), /metadata\.name/],
  ["a name with a dot for a Service", head("Service", "v1", "a.b"), /metadata\.name/],
  ["a name with a slash", head("Thing", "x.io/v1", "a/b"), /metadata\.name/],
  ["a bad namespace", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: A_b}", /metadata\.namespace/],
  ["generateName", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}", /generateName/],
  [
    "a label that is a number",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: 1}}",
    /metadata\.labels\.a is not a string/,
  ],
  ["a list in place of an object", "[1, 2]", /not an object/],
];

for (const [what, text, message] of invalidObjects) {
  test(`B27 an object with ${what} is E_OBJECT_INVALID with the document's number`, () => {
    const found = fault(`${head("ConfigMap", "v1", "first")}---\n${text}\n`);
    assert.equal(found.code, "E_OBJECT_INVALID");
    assert.match(found.message, message);
    assert.match(found.message, /^document 2: /);
    assert.equal(found.place?.line, 4);
  });
}

test("B27 names of 253 characters, RBAC names with colons and names of unknown kinds are accepted", () => {
  for (const text of [
    head("ConfigMap", "v1", "a".repeat(253)),
    head("Role", "rbac.authorization.k8s.io/v1", "'system:a'"),
    head("Image", "image.x.io/v1", "'sha256:ab_C'"),
  ]) {
    assert.equal(normalised(text).objects.length, 1);
  }
});

test("B28 the same object twice in one App is an error that names it, whatever the version says", () => {
  const found = fault(`${head("Deployment", "apps/v1")}---\n${head("Deployment", "apps/v1beta1")}`);
  assert.equal(found.code, "E_DUPLICATE_OBJECT");
  assert.match(found.message, /Deployment\.apps demo\/x/);
  assert.equal(normalised(`${head("Deployment", "apps/v1")}---\n${head("Deployment", "extensions/v1beta1")}`).objects.length, 2);
  const filled = `${head("ConfigMap")}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: demo}\n`;
  assert.equal(fault(filled).code, "E_DUPLICATE_OBJECT");
});

test("B37 our own labels and annotations are refused, the documented ones pass", () => {
  const annotated = (field: string, key: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, ${field}: {${key}: 'x'}}\n`;
  for (const [field, key] of [
    ["labels", "muster.dev/app"],
    ["annotations", "muster.dev/owner"],
    ["annotations", "muster.dev/release"],
    ["labels", "muster.dev/replace"],
  ] as const) {
    assert.equal(fault(annotated(field, key)).code, "E_RESERVED_KEY");
  }
  for (const key of ["muster.dev/replace", "muster.dev/health", "example.com/muster.dev"])
    assert.equal(normalised(annotated("annotations", key)).objects.length, 1);
});

test("B39 a Secret that is not base64 and data beyond 1 MiB are refused without the value", () => {
  for (const value of ["CANARY!", "CANARYx", "Ñ"]) {
    const found = fault(`${head("Secret")}data: {password: ${value}}\n`);
    assert.equal(found.code, "E_OBJECT_INVALID");
    assert.match(found.message, /data\.password is not base64/);
    assert.doesNotMatch(found.message, /CANARY/);
  }
  assert.match(fault(`${head("ConfigMap")}data: {a: 5}\n`).message, /data\.a is not a string/);
  assert.match(fault(`${head("ConfigMap")}binaryData: {a: "?"}\n`).message, /binaryData\.a is not base64/);
  assert.match(fault(`${head("ConfigMap")}data: {a: ${"x".repeat(1024 * 1024 + 1)}}\n`).message, /1 MiB/);
  assert.equal(normalised(`${head("ConfigMap")}data: {a: ${"x".repeat(1024 * 1024)}}\n`).objects.length, 1);
  assert.match(fault(`${head("Secret")}stringData: {a: ${"x".repeat(1024 * 1024 + 10)}}\n`).message, /1 MiB/);
});

const doubles: readonly (readonly [string, string])[] = [
  ["containers: [{name: a}, {name: a}]", "spec.containers: name a is given twice"],
  ["containers: [{name: a, env: [{name: E, value: CANARY}, {name: E, value: CANARY}]}]", "spec.containers.*.env: name E is given twice"],
  [
    "containers: [{name: a, ports: [{containerPort: 1}, {containerPort: 1, protocol: TCP}]}]",
    "spec.containers.*.ports: containerPort 1, protocol TCP is given twice",
  ],
  ["volumes: [{name: v}, {name: v}]", "spec.volumes: name v is given twice"],
  [
    "containers: [{name: a, volumeMounts: [{mountPath: /x}, {mountPath: /x}]}]",
    "spec.containers.*.volumeMounts: mountPath /x is given twice",
  ],
];

test("doubled keys of lists that the server treats as maps are refused by field", () => {
  for (const [spec, message] of doubles) {
    const found = fault(`${head("Pod")}spec: {${spec}}\n`);
    assert.ok(found.message.endsWith(message), found.message);
  }
  assert.match(fault(`${head("Service")}spec: {ports: [{port: 1}, {port: 1}]}\n`).message, /spec\.ports: port 1, protocol TCP/);
  assert.equal(
    normalised(`${head("Service")}spec: {ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]}\n`).objects.length,
    1,
  );
});

test("a hook's made name changes with anything in the Release, and only then", () => {
  const hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: h-, annotations: {helm.sh/hook: pre-install}}\n";
  const named = (more: string): string =>
    normalised(`${hook}---\n${more}`).objects.find(({ identity }) => identity.kind === "Job")?.identity.name ?? "";
  assert.match(named(head("ConfigMap")), /^h-[0-9a-f]{8}$/);
  assert.equal(named(head("ConfigMap")), named(head("ConfigMap")));
  assert.notEqual(named(head("ConfigMap")), named(`${head("ConfigMap")}data: {a: b}\n`));
});

test("B15 nothing at all is E_EMPTY_RENDER, too much is E_LIMIT", () => {
  assert.equal(fault("# nothing\n").code, "E_EMPTY_RENDER");
  assert.equal(fault("apiVersion: v1\nkind: List\nitems: []\n").code, "E_EMPTY_RENDER");
  assert.equal(fault(`${head("ConfigMap", "v1", "a")}---\n${head("ConfigMap", "v1", "b")}`, { objectsMax: 1 }).code, "E_LIMIT");
});

test("a key named __proto__ stays data", () => {
  const cm = object(`${head("ConfigMap")}data: {__proto__: polluted}\n`);
  assert.deepEqual(Object.entries(cm["data"] as JsonObject), [["__proto__", "polluted"]]);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});
