import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { isJsonObject, type JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { readDocument } from "./document.ts";
import { jsonSchemas } from "./schemas.ts";

const folder = new URL("../../schemas/", import.meta.url);

for (const [name, schema] of Object.entries(jsonSchemas())) {
  test(`the committed ${name} is what the tables say (node hub/schemas/write.js)`, () => {
    assert.deepEqual(JSON.parse(readFileSync(new URL(name, folder), "utf8")), schema);
  });
}

const validators: Readonly<Record<string, ValidateFunction>> = Object.fromEntries(
  Object.values(jsonSchemas()).map((schema) => {
    const kind = (schema["properties"] as { kind: { enum: string[] } }).kind.enum[0] ?? "";
    return [kind, new Ajv2020({ strict: false, allErrors: true }).compile(schema)];
  }),
);

const app = (spec: string, metadata = "{name: web}"): string =>
  `{apiVersion: muster.dev/v1alpha1, kind: App, metadata: ${metadata}, spec: ${spec}}`;
const target = (each: string): string => app(`{source: {path: x}, targets: [${each}]}`);
const cluster = (metadata: string, spec = "{}"): string =>
  `{apiVersion: muster.dev/v1alpha1, kind: Cluster, metadata: ${metadata}, spec: ${spec}}`;
const group = (spec: string): string => `{apiVersion: muster.dev/v1alpha1, kind: ClusterGroup, metadata: {name: g}, spec: ${spec}}`;

const good = [
  app("{source: {path: x}}"),
  app("{source: {path: x, revision: null}, helm: null, targets: null, rollout: {}}"),
  app("{source: {source: a, path: x, revision: '>=1 <2', git: null}}"),
  app(`{source: {source: a, path: x, revision: 'sha256:${"0a".repeat(32)}'}}`),
  app("{source: {source: a, helm: {chart: x}, path: null}}"),
  app("{source: {helm: {oci: 'oci://reg.example/charts', chart: x, version: ^1}}}"),
  app("{source: {path: x}, rollout: immediate}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 0.5}, {percent: 100}], gates: [{healthyFor: 0s}]}}"),
  app("{source: {path: x}, rollout: {waves: [{group: a, count: 1, after: []}, {clusters: {matchAll: true}, maxFailures: 0%}]}}"),
  app(
    "{source: {path: x}, rollout: {gates: [{window: {tz: cluster, days: [mon], to: '24:00', except: [{from: '12:00'}]}}, {approval: {}, errorLimit: 1}]}}",
  ),
  app("{source: {path: x}, rollout: {gates: [{webhook: {url: 'https://hook.example/a?b=c', secretRef: hook}, interval: 10s}]}}"),
  app("{source: {path: x}, rollout: {perSite: {label: a/b}, rollback: {maxUnavailable: 1}, waves: null}}"),
  app('{source: {path: "${cluster.name}"}, namespace: "${cluster.labels.a}", helm: {values: {a: [1, {b: null}]}, valuesFiles: [a.yaml]}}'),
  app(
    "{source: {path: x}, kustomize: {images: ['a=b:1', {name: a, newTag: '1'}], patches: [{patch: x, target: {kind: A}}], replicas: [{name: a, count: 0}]}}",
  ),
  app("{source: {path: x}, sync: {timeout: 1h30m, ignore: [{kind: A, fields: [/spec/replicas]}], prune: false}}"),
  app("{source: {path: x}}", "{name: web, tenant: shop, labels: {a.b/c: ''}, annotations: {note: 'free text: ü'}}"),
  target("{clusters: {matchAll: true}, deploy: false}"),
  target("{clusters: {matchLabels: {a: b}, matchExpressions: []}}"),
  target("{clusters: {matchExpressions: [{key: a, operator: NotIn, values: [b]}, {key: c, operator: DoesNotExist}]}}"),
  target("{group: a, cluster: null}"),
  cluster("{name: a, labels: {env: prod}}", "{values: {a: {b: [1]}}, paused: true, timezone: Europe/Berlin}"),
  `{apiVersion: muster.dev/v1alpha1, kind: Cluster, metadata: {name: a}}`,
  group("{}"),
  group("{clusters: {matchLabels: {}, matchExpressions: []}, members: [a]}"),
];

const bad = [
  app("{}"),
  app("{source: {}}"),
  app("{source: {path: /x}}"),
  app("{source: {path: x}, extra: 1}"),
  app("{source: {path: x}}", "{}"),
  app("{source: {path: x}}", "{name: Web}"),
  app("{source: {path: x}}", "{name: web, labels: {a: 1}}"),
  app("{source: {git: x}}"),
  app("{source: {path: x}, rollout: {waves: []}}"),
  app("{source: {path: x}, rollout: later}"),
  app("{source: {path: x}, rollout: {wave: []}}"),
  app("{source: {path: x}, rollout: {waves: [{}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 0}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 100.5}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 1, count: 1}]}}"),
  app("{source: {path: x}, rollout: {waves: [{clusters: {}, percent: 1}]}}"),
  app("{source: {path: x}, rollout: {waves: [{group: a, clusters: {matchAll: true}}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 1, maxUnavailable: 0}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 1, minPassed: 0.0%}]}}"),
  app("{source: {path: x}, rollout: {waves: [{percent: 1, maxAbsent: 101%}]}}"),
  app(`{source: {path: x}, rollout: {waves: [${"{percent: 1}, ".repeat(21)}]}}`),
  app("{source: {path: x}, rollout: {gates: [{}]}}"),
  app("{source: {path: x}, rollout: {gates: [{soak: 1m, healthyFor: 1m}]}}"),
  app("{source: {path: x}, rollout: {gates: [{cel: {}}]}}"),
  app("{source: {path: x}, rollout: {gates: [{window: {days: [mon]}}]}}"),
  app("{source: {path: x}, rollout: {gates: [{window: {tz: a, from: '24:00'}}]}}"),
  app("{source: {path: x}, rollout: {gates: [{webhook: {url: 'https://a@hook.example', secretRef: a}}]}}"),
  app("{source: {path: x}, rollout: {perSite: {}}}"),
  "{apiVersion: muster.dev/v1alpha1, kind: Source, metadata: {name: a}, spec: {git: 'https://git.example/a.git', defaultRollout: {waves: 1}}}",
  app("{source: {path: x}, sync: {timeout: 10}}"),
  app("{source: {path: x}, sync: {timeout: 10 minutes}}"),
  app("{source: {path: x}, sync: {prune: adopted}}"),
  app("{source: {path: x}, sync: {ignore: [{kind: A, fields: [spec]}]}}"),
  app("{source: {path: x}, helm: {values: []}}"),
  app("{source: {path: x}, namespace: A}"),
  app("{source: {path: x}, dependsOn: web}"),
  app("{source: {path: x}, kustomize: {replicas: [{name: a, count: 1.5}]}}"),
  app("{source: {path: x}, kustomize: {images: [{newTag: a}]}}"),
  target("{}"),
  target("{group: a, cluster: b}"),
  target("{clusters: {}}"),
  target("{clusters: {matchLabels: {}}}"),
  target("{clusters: {matchAll: false}}"),
  target("{clusters: {matchAll: true, matchLabels: {a: b}}}"),
  target("{clusters: {matchExpressions: [{key: a, operator: In, values: []}]}}"),
  target("{clusters: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"),
  target("{clusters: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}"),
  target("null"),
  cluster("{name: a.b}"),
  cluster("{name: a, labels: {a/b/c: d}}"),
  cluster("{name: a}", "{values: 1}"),
  group("{members: [A]}"),
  group("{clusters: {matchLabels: {a: ü}}}"),
  "{apiVersion: muster.dev/v1alpha1, kind: Source, metadata: {name: a}, spec: {git: 'https://git.example/a.git', oci: 'oci://reg.example/a'}}",
  app("{source: {path: x, helm: {repo: 'https://charts.example', chart: a}}}"),
  app("{source: {path: x, source: a, git: 'https://git.example/a.git'}}"),
  app("{source: {helm: {repo: 'https://charts.example', oci: 'oci://a.example/b', chart: a}}}"),
];

function verdicts(text: string): readonly [parser: boolean, schema: boolean] {
  const value = readYaml(text).documents[0]?.value as JsonValue;
  assert.ok(isJsonObject(value));
  const result = readDocument(value, { source: "root", path: "a.yaml", line: 1 });
  return ["document" in result, validators[value["kind"] as string]?.(value) === true];
}

for (const text of good) test(`parser and schema both take ${text}`, () => assert.deepEqual(verdicts(text), [true, true]));
for (const text of bad) test(`parser and schema both refuse ${text}`, () => assert.deepEqual(verdicts(text), [false, false]));

test("every field of every schema is described", () => {
  const walk = (schema: JsonValue): void => {
    if (Array.isArray(schema)) (schema as readonly JsonValue[]).forEach(walk);
    if (!isJsonObject(schema)) return;
    if (isJsonObject(schema["properties"]) && schema["additionalProperties"] === false) {
      for (const [name, field] of Object.entries(schema["properties"])) {
        assert.ok(isJsonObject(field) && typeof field["description"] === "string" && field["description"] !== "", name);
      }
    }
    Object.values(schema).forEach(walk);
  };
  walk(jsonSchemas());
});
