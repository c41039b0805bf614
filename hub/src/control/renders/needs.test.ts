// Renders that take something from elsewhere, and charts that ask for the cluster: real Helm and Kustomize, contents by hand.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { Release } from "@muster/proto/model/release";
import { Renderer } from "../../render/render.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import { archiveSnapshot } from "../sources/archive-tree.ts";
import { contentKey, type ContentRef } from "../sources/content.ts";
import { openRenders, type Content } from "./renders.ts";

let renderer: Renderer;
before(async () => {
  renderer = await Renderer.open();
});
after(() => renderer[Symbol.asyncDispose]());

type Files = Readonly<Record<string, string>>;
const signal = new AbortController().signal;
const bytes = (files: Files) => new Map(Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)]));

function request(path: string, more: Partial<RenderRequest> = {}): RenderRequest {
  const helm = { releaseName: "r", values: {}, valuesFiles: [], skipCrds: false };
  const kustomize = { images: [], patches: [], components: [], namePrefix: "", nameSuffix: "", labels: {}, annotations: {}, replicas: [] };
  const objects = { include: ["*"], exclude: [], recurse: true };
  const where = { source: "root", revision: null, remote: null, path };
  const rest = { kind: null, namespace: "n", helm, kustomize, objects, written: [], capabilities: null };
  return { key: digestOf(JSON.stringify([path, more])), ...where, ...rest, ...more };
}

/** Contents by key; what is not among them is not allowed. */
async function answered(contents: Readonly<Record<string, Files | { readonly code: string }>>, asked: RenderRequest) {
  const wanted: string[] = [];
  const contentOf = (ref: ContentRef): Content => {
    const key = contentKey(ref);
    wanted.push(key);
    const files = contents[key] ?? { code: "E_REMOTE_FORBIDDEN" };
    if (typeof files["code"] === "string") return { kind: "failed", key, code: files["code"], message: `${key} is not there` };
    const { commit, tree } = archiveSnapshot(digestOf(JSON.stringify(files)), bytes(files as Files));
    return { kind: "there", key, commit, tree };
  };
  const releases = new Map<Digest, Release>();
  const cache = { get: () => undefined, put: (_: Digest, __: unknown, release: Release) => void releases.set(release.digest, release) };
  const renders = openRenders({ renderer, cache, contentOf });
  const found = (await renders.answer([asked], signal)).get(asked.key) ?? assert.fail("no answer");
  const { answered: answer, reads } = found;
  const names = answer.kind === "rendered" ? releases.get(answer.release)?.manifest.map(({ identity }) => identity.name) : undefined;
  return { answer, reads: [...reads.keys()], wanted, names };
}

const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
const chart = (name: string, more = "") => `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${more}`;
const umbrella: Files = {
  "shop/Chart.yaml": chart("shop", 'dependencies:\n  - {name: cache, version: "^1", repository: "https://charts.example/stable"}\n'),
  "shop/templates/own.yaml": configMap("own"),
};
const cacheKey = "root chart https://charts.example/stable cache @ ^1";

test("a dependency that is not vendored is taken from its repository where that is allowed", async () => {
  const cache = { "Chart.yaml": chart("cache"), "templates/cm.yaml": configMap("from-cache") };
  const { answer, names, reads } = await answered({ root: umbrella, [cacheKey]: cache }, request("shop"));
  assert.equal(answer.kind, "rendered", JSON.stringify(answer));
  assert.deepEqual(
    [names, reads],
    [
      ["from-cache", "own"],
      ["root", cacheKey],
    ],
  );
});

test("B51 S16 what is not allowed is an error with the address and its place, and the App's last Release stays", async () => {
  const { answer } = await answered({ root: umbrella }, request("shop"));
  assert.ok(answer.kind === "failed");
  assert.deepEqual([answer.code, answer.place?.path], ["E_REMOTE_FORBIDDEN", "shop/Chart.yaml"]);
  assert.match(answer.message, /charts\.example\/stable/);
});

test("what is still being fetched is not an error of the App, and is among what the answer depends on", async () => {
  const { answer, reads } = await answered({ root: umbrella, [cacheKey]: { code: "E_SOURCE_PENDING" } }, request("shop"));
  assert.ok(answer.kind === "failed");
  assert.deepEqual([answer.code, reads.includes(cacheKey)], ["E_SOURCE_PENDING", true]);
});

test("other bytes of a dependency are another Variant", async () => {
  const variant = async (name: string) => {
    const cache = { "Chart.yaml": chart("cache"), "templates/cm.yaml": configMap(name) };
    return (await answered({ root: umbrella, [cacheKey]: cache }, request("shop"))).answer.variant;
  };
  assert.equal(await variant("a"), await variant("a"));
  assert.notEqual(await variant("a"), await variant("b"));
});

test("a kustomization takes a base from another repository at its ref, and a file from a web server", async () => {
  const root = {
    "app/kustomization.yaml":
      "resources:\n  - https://git.example/base.git//deploy?ref=v1\n  - https://files.example/extra.yaml\nnamePrefix: p-\n",
  };
  const base = { "deploy/kustomization.yaml": "resources: [cm.yaml]\n", "deploy/cm.yaml": configMap("base") };
  const contents = {
    root,
    "root git https://git.example/base.git @ v1": base,
    "root file https://files.example/extra.yaml": { "content.yaml": configMap("extra") },
  };
  const { answer, names } = await answered(contents, request("app"));
  assert.equal(answer.kind, "rendered", JSON.stringify(answer));
  assert.deepEqual(names, ["p-base", "p-extra"]);
});

test("a chart of a repository is an App of its own, from the chart's root", async () => {
  const remote = { kind: "chart", repo: "oci://registry.example/charts", chart: "web", version: "1.x" } as const;
  const web = { "Chart.yaml": chart("web"), "templates/cm.yaml": configMap("web") };
  const { names } = await answered({ "root chart oci://registry.example/charts web @ 1.x": web }, request(".", { remote }));
  assert.deepEqual(names, ["web"]);
});

const asking: Files = {
  "web/Chart.yaml": chart("web"),
  "web/templates/cm.yaml": `{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}\n${configMap("monitored")}{{- else }}\n${configMap("plain")}{{- end }}\n`,
};

test("a chart that asks for the cluster's APIs is told only what it asks, and what it is told is part of the Variant", async () => {
  const first = await answered({ root: asking }, request("web"));
  assert.deepEqual(first.answer.kind === "asks" && first.answer.capabilities, { version: false, groups: ["monitoring.coreos.com/v1"] });
  const told = (apiVersions: readonly string[]) =>
    answered({ root: asking }, request("web", { capabilities: { kubeVersion: null, apiVersions } }));
  const [without, having] = [await told([]), await told(["monitoring.coreos.com/v1"])];
  assert.deepEqual([without.names, having.names], [["plain"], ["monitored"]]);
  assert.notEqual(without.answer.variant, having.answer.variant);
});
