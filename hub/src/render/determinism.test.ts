// The same inputs give the same bytes: in a fresh instance, in a warm one, whatever was rendered in between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson } from "@muster/proto/model/canonical";
import type { JsonObject } from "@muster/proto/model/json";
import { digestOf } from "@muster/proto/model/digest";
import { Renderer, type RenderInput } from "./render.ts";
import { chartOf, configMap, filesOf, inputOf } from "./testdata.ts";
import { checkEveryDefault, isChecked } from "./twice.ts";

const drawing = [
  "alnum: {{ randAlphaNum 16 | quote }}",
  "ascii: {{ randAscii 8 | b64enc | quote }}",
  "bytes: {{ randBytes 12 | quote }}",
  "uuid: {{ uuidv4 | quote }}",
  "int: {{ randInt 0 1000000 | quote }}",
  'shuffled: {{ shuffle "abcdefghijklmnopqrstuvwxyz" | quote }}',
  "now: {{ now | quote }}",
  'date: {{ now | date "2006-01-02" | quote }}',
  'htpasswd: {{ htpasswd "user" "password" | quote }}',
  'bcrypt: {{ bcrypt "password" | quote }}',
  'aes: {{ encryptAES "key" "text" | quote }}',
].join("\n");

const certificates = [
  '{{- $ca := genCA "ca" 3650 }}',
  '{{- $cert := genSignedCert "svc" nil (list "svc.demo") 365 $ca }}',
  "apiVersion: v1",
  "kind: Secret",
  "metadata: {name: certificates}",
  "stringData:",
  "  ca: {{ $ca.Cert | quote }}",
  "  key: {{ $cert.Key | quote }}",
  "  cert: {{ $cert.Cert | quote }}",
  '  ecdsa: {{ genPrivateKey "ecdsa" | quote }}',
  '  ed25519: {{ genPrivateKey "ed25519" | quote }}',
].join("\n");

const random = inputOf("helm", "chart", chartOf({ "a.yaml": configMap("a", drawing), "b.yaml": certificates }));
const other = inputOf(
  "helm",
  "chart",
  chartOf({ "a.yaml": configMap("other", "x: {{ randAlphaNum 5 | quote }}\nz: {{ randInt 0 9 | quote }}") }),
  { seed: "ff" },
);
const overlay = inputOf(
  "kustomize",
  "k",
  filesOf({ "k/kustomization.yaml": "resources: [a.yaml]\n", "k/a.yaml": configMap("k", "x: '1'") }),
);

async function textOf(renderer: Renderer, input: RenderInput): Promise<string> {
  const result = await renderer.render(input);
  assert.equal(result.kind, "rendered");
  return result.kind === "rendered" ? canonicalJson(result.objects as unknown as JsonObject) : "";
}

test("B49 B52 random, clock and certificate functions give the same bytes in two fresh instances and in a warm one", async () => {
  await using first = await Renderer.open();
  await using second = await Renderer.open();
  const expected = await textOf(first, random);
  await textOf(second, overlay);
  for (let round = 0; round < 3; round += 1) {
    await textOf(second, other);
    assert.equal(await textOf(second, random), expected);
  }
  assert.equal(await textOf(first, random), expected);
});

test("B52 what is random follows from the seed: another seed, other bytes", async () => {
  await using renderer = await Renderer.open();
  const values = async (seed: string): Promise<JsonObject> => {
    const result = await renderer.render({ ...random, seed });
    const [object] = result.kind === "rendered" ? result.objects : [];
    return object?.object["data"] as JsonObject;
  };
  const [a, b] = [await values("aa"), await values("bb")];
  for (const key of ["alnum", "ascii", "bytes", "uuid", "int", "shuffled", "htpasswd", "aes"]) assert.notEqual(a[key], b[key], key);
  assert.equal(a["now"], b["now"]);
  assert.match(String(a["now"]), /^2026-01-01 00:00:00/);
});

test("B49 S17 lookup answers nothing with a warning, host names and the environment are out of reach", async () => {
  await using renderer = await Renderer.open();
  const template = configMap(
    "a",
    'secret: {{ (lookup "v1" "Secret" "demo" "x") | toJson | quote }}\nhost: {{ getHostByName "localhost" | quote }}',
  );
  const result = await renderer.render(inputOf("helm", "chart", chartOf({ "a.yaml": template })));
  assert.ok(result.kind === "rendered");
  assert.deepEqual(result.objects[0]?.object["data"], { secret: "{}", host: "" });
  assert.match(result.warnings.join(), /lookup/);
  const env = await renderer.render(inputOf("helm", "chart", chartOf({ "a.yaml": configMap("a", 'x: {{ env "HOME" }}') })));
  assert.ok(env.kind === "failed");
  assert.deepEqual([env.code, env.message], ["E_TEMPLATE", "unknown function env"]);
});

test("B52 what Go gives in no order comes sorted: keys, values, and subcharts", async () => {
  await using renderer = await Renderer.open({ checkEvery: 1 });
  const many = `(dict ${Array.from({ length: 12 }, (_, at) => `"k${at}" "v${at}"`).join(" ")})`;
  const template = configMap("a", `keys: {{ keys ${many} | join "" | quote }}\nvalues: {{ values ${many} | join "" | quote }}`);
  const subcharts = Object.fromEntries(
    ["a", "b", "c", "d"].flatMap((name) => [
      [`charts/${name}/Chart.yaml`, `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`],
      [`charts/${name}/templates/_x.tpl`, `{{ define "x" }}${name}{{ end }}`],
    ]),
  );
  const input = inputOf("helm", "chart", chartOf({ "a.yaml": template, "b.yaml": configMap("b", 'x: {{ include "x" . }}') }, subcharts));
  const expected = await textOf(renderer, input);
  for (let round = 0; round < 10; round += 1) assert.equal(await textOf(renderer, input), expected);
});

test("B52 a chart whose renders differ is E_NONDETERMINISTIC with the object that differs", async () => {
  await using renderer = await Renderer.open({ checkEvery: 1 });
  // Subcharts of one name and version: Helm keeps the templates of one of them, whichever Go's map gives last.
  const twins = Object.fromEntries(
    ["a", "b", "c", "d", "e", "f"].flatMap((folder) => [
      [`charts/${folder}/Chart.yaml`, "apiVersion: v2\nname: twin\nversion: 1.0.0\n"],
      [`charts/${folder}/templates/t.yaml`, configMap("twin", `from: ${folder}`)],
    ]),
  );
  const input = inputOf("helm", "chart", chartOf({}, twins));
  for (let round = 0; round < 100; round += 1) {
    const result = await renderer.render(input);
    if (result.kind === "rendered") continue; // by chance
    assert.deepEqual([result.code, result.path], ["E_NONDETERMINISTIC", "chart/charts/twin/templates/t.yaml"]);
    assert.match(result.message, /differ in ConfigMap demo\/twin/);
    return;
  }
  assert.fail("no difference was seen in 100 renders");
});

test("B52 of a commit that renders 1,000 Variants some are checked, always the same ones, and that costs less than 5 %", () => {
  const seeds = Array.from({ length: 1_000 }, (_, at) => digestOf(String(at)));
  const checked = seeds.filter((seed) => isChecked(seed, checkEveryDefault));
  assert.deepEqual(
    checked,
    seeds.filter((seed) => isChecked(seed, checkEveryDefault)),
  );
  assert.ok(checked.length > 15 && checked.length < 50, String(checked.length));
  assert.ok(!seeds.some((seed) => isChecked(seed, 0)));
});
