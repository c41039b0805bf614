// From files to Releases, through the real reader, resolver and renderers: what must hold whatever a repository is made of. fast-check
// prints the seed of what fails.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";

import { byCodeUnits, canonicalJson } from "@muster/proto/model/canonical";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import { identityKey } from "@muster/proto/model/identity";
import type { Release } from "@muster/proto/model/release";

import { assembleFleet, mentionsMuster, parseFleetFile } from "../../fleet/fleet.ts";
import { Renderer } from "../../render/render.ts";
import { resolve, type Resolution } from "../../resolve/resolve.ts";
import { archiveSnapshot } from "../sources/archive-tree.ts";
import { openRenders, type Answered, type KeptRender } from "./renders.ts";

const signal = new AbortController().signal;
const numRuns = 3;
let renderer: Renderer;
before(async () => {
  renderer = await Renderer.open({ timeoutMs: 600_000 });
});
after(() => renderer[Symbol.asyncDispose]());

/** What Apps deploy: a chart that draws lots, an overlay over a base, plain files, and two Apps in a folder. */
const content: Readonly<Record<string, string>> = {
  "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
  "charts/web/values.yaml": "replicas: 1\n",
  "charts/web/templates/web.yaml":
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {key: "{{ randAlphaNum 8 }}"}}\nspec: {replicas: {{ .Values.replicas }}}\n',
  "base/kustomization.yaml": "resources: [settings.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n",
  "base/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n",
  "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
  "plain/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\nspec: {ports: [{port: 80}]}\n",
  "broken/a.yaml": "apiVersion: v1\nkind: ConfigMap\n",
  "team/apps.yaml": app("child", "plain", "{matchAll: true}"),
};

function app(name: string, path: string, clusters: string, more = ""): string {
  return `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: ${name}}\nspec:\n  source: {path: ${path}}\n  namespace: ${name}\n${more}  targets: [{clusters: ${clusters}}]\n`;
}

const cluster = (name: string, env: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}, labels: {env: ${env}}}\n`;
const parent = "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: team}\nspec:\n  source: {path: team}\n";

const documents: readonly string[] = [
  cluster("oslo", "prod"),
  cluster("rome", "dev"),
  cluster("bern", "dev"),
  app("web", "charts/web", "{matchAll: true}", '  helm: {values: {replicas: 2, where: "${cluster.labels.env}"}}\n'),
  app("base", "base", "{matchLabels: {env: dev}}"),
  app("prod", "prod", "{matchLabels: {env: prod}}"),
  app("plain", "plain", "{matchAll: true}"),
  parent,
];

type Fleet = {
  readonly releases: ReadonlyMap<string, Digest | null>;
  readonly bytes: ReadonlyMap<Digest, string>;
  readonly codes: readonly string[];
};

type Kept = { readonly renders: Map<Digest, KeptRender>; readonly releases: Map<Digest, Release> };
const nothing = (): Kept => ({ renders: new Map(), releases: new Map() });
const shared = nothing();

/** App and cluster -> its Release, and the bytes of each Release that was rendered by now. */
async function fleetOf(files: Readonly<Record<string, string>>, kept = shared): Promise<Fleet> {
  const all = { ...content, ...files };
  const parsed = Object.entries(all)
    .filter(([, text]) => mentionsMuster(text))
    .map(([path, text]) => parseFleetFile({ source: "root", path, text }));
  const assembled = assembleFleet(parsed, []);
  const model = { ...assembled, enrolled: [], incumbents: new Map<string, string>() };
  const bytes = new Map(Object.entries(all).map(([path, text]) => [path, new TextEncoder().encode(text)]));
  const { tree } = archiveSnapshot(digestOf(JSON.stringify(all)), bytes);
  const cache = {
    get: (variant: Digest) => kept.renders.get(variant),
    put: (variant: Digest, render: KeptRender, release: Release) => {
      kept.renders.set(variant, render);
      kept.releases.set(release.digest, release);
    },
  };
  const renders = openRenders({ renderer, cache, contentOf: () => ({ kind: "there", key: "root", commit: "c", tree }) });
  const answers = new Map<Digest, Answered>();
  let resolution: Resolution = resolve(model, answers);
  while (resolution.needs.length > 0) {
    for (const [key, { answered }] of await renders.answer(resolution.needs, signal)) answers.set(key, answered);
    resolution = resolve(model, answers);
  }
  return {
    releases: new Map(
      [...resolution.placements.all()]
        .map(({ app: key, cluster: name, release }) => [`${key} ${name}`, release] as const)
        .toSorted(([a], [b]) => byCodeUnits(a, b)),
    ),
    bytes: new Map([...kept.releases].map(([digest, release]) => [digest, bytesOf(release)])),
    codes: [...assembled.problems, ...resolution.problems].map(({ code, subject }) => `${code} ${subject ?? ""}`).toSorted(),
  };
}

const bytesOf = ({ manifest, objects }: Release): string =>
  canonicalJson(manifest.map(({ identity, digest }) => [identityKey(identity), digest, objects.get(digest) ?? ""]));

/** The documents in files of any names, several in one, in any order. */
const repositories = fc
  .tuple(fc.shuffledSubarray([...documents], { minLength: documents.length }), fc.infiniteStream(fc.integer({ min: 0, max: 4 })))
  .map(([order, stream]) => {
    const files: Record<string, string> = {};
    for (const document of order) {
      const path = `fleet/${"edbca"[stream.next().value] ?? "f"}.yaml`;
      files[path] = files[path] === undefined ? document : `${files[path]}---\n${document}`;
    }
    return files;
  });

const asDeclared = { "fleet/all.yaml": documents.join("---\n") };

const check = (run: (files: Readonly<Record<string, string>>) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(repositories, run), { numRuns });

test("D06 any order of files, under any names, gives the same Releases", async () => {
  const expected = await fleetOf(asDeclared);
  assert.deepEqual([expected.codes, expected.releases.size], [[], 3 + 2 + 1 + 3 + 3]);
  assert.ok([...expected.releases.values()].every((release) => release !== null));
  await check(async (files) => assert.deepEqual(await fleetOf(files), expected));
});

test("D06 reading, resolving and rendering twice is identical byte for byte, what is random too", () =>
  check(async (files) => {
    const [first, second] = [await fleetOf(files, nothing()), await fleetOf(files, nothing())];
    assert.ok(first.bytes.size > 0);
    assert.deepEqual(second, first);
  }));

test("an unrelated App changes no other digest", () =>
  check(async (files) => {
    const [before_, after_] = [
      await fleetOf(files),
      await fleetOf({ ...files, "fleet/0.yaml": app("stranger", "base", "{matchAll: true}") }),
    ];
    const others = [...after_.releases].filter(([key]) => !key.startsWith("default//stranger "));
    assert.equal(after_.releases.size - others.length, 3);
    assert.deepEqual(others, [...before_.releases]);
  }));

const failing: Readonly<Record<string, readonly [text: string, code: string]>> = {
  "is no YAML": ["a: [\n", "E_YAML "],
  "has an unknown key": [app("bad", "plain", "{matchAll: true}", "  tragets: []\n"), "E_UNKNOWN_KEY "],
  "cannot be rendered": [app("bad", "broken", "{matchAll: true}"), "E_OBJECT_INVALID App default//bad"],
  "leads nowhere": [app("bad", "nowhere", "{matchAll: true}"), "E_PATH_MISSING App default//bad"],
  "misses a value": [app("bad", '"${cluster.values.gone}"', "{matchAll: true}"), "E_VAR_UNDEFINED App default//bad"],
};
for (const [what, [text, code]] of Object.entries(failing)) {
  test(`I2 a document that ${what} touches no neighbour, in its own file or in another`, () =>
    fc.assert(
      fc.asyncProperty(repositories, fc.nat(), async (files, at) => {
        const paths = Object.keys(files);
        const path = paths[at % paths.length] ?? "";
        const beside = {
          ...files,
          [path]: `${files[path] ?? ""}---\n${text.includes("muster.dev") ? text : `# apiVersion: muster.dev/\n${text}`}`,
        };
        const [good, bad] = [await fleetOf(files), await fleetOf(beside)];
        assert.deepEqual(
          [...bad.releases].filter(([key]) => !key.startsWith("default//bad ")),
          [...good.releases],
        );
        assert.ok(
          bad.codes.some((each) => each.startsWith(code)),
          bad.codes.join("\n"),
        );
      }),
      { numRuns: 3 },
    ));
}
