// What resolve needs is rendered once per Variant: on folders with real files, through the real renderer.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import type { Release } from "@muster/proto/model/release";

import { openFolder, type Tree } from "../../git/git.ts";
import { Renderer } from "../../render/render.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import { openRenders, type Answered, type KeptRender } from "./renders.ts";

const signal = new AbortController().signal;
let renderer: Renderer;
before(async () => {
  renderer = await Renderer.open();
});
after(() => renderer[Symbol.asyncDispose]());

const configMap = (name: string, text = "x") => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {text: "${text}"}\n`;
const chart = {
  "Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
  "templates/cm.yaml": configMap("{{ .Release.Name }}", "{{ .Values.text }}"),
};

type Files = { readonly [path: string]: string | { readonly link: string } };

async function folder(t: TestContext, files: Files): Promise<Tree> {
  const dir = await mkdtemp(join(tmpdir(), "muster-renders-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    if (typeof content === "string") await writeFile(join(dir, path), content);
    else await symlink(content.link, join(dir, path));
  }
  return openFolder(dir);
}

const under = (path: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${path}/${name}`, content]));

function request(path: string, more: Partial<RenderRequest> = {}): RenderRequest {
  const helm = { releaseName: "r", values: {}, valuesFiles: [], skipCrds: false };
  const kustomize = { images: [], patches: [], components: [], namePrefix: "", nameSuffix: "", labels: {}, annotations: {}, replicas: [] };
  const objects = { include: ["*"], exclude: [], recurse: true };
  const key = JSON.stringify([path, more]) as Digest;
  return {
    key,
    source: "root",
    revision: null,
    remote: null,
    path,
    kind: null,
    namespace: "n",
    helm,
    kustomize,
    objects,
    written: [],
    capabilities: null,
    ...more,
  };
}

function opened(tree: Tree) {
  const kept = new Map<Digest, KeptRender>();
  const releases = new Map<Digest, Release>();
  let count = 0;
  const counting = {
    render: (...args: Parameters<Renderer["render"]>) => {
      count += 1;
      return renderer.render(...args);
    },
  };
  const cache = {
    get: (variant: Digest) => kept.get(variant),
    put: (variant: Digest, render: KeptRender, release: Release) => {
      kept.set(variant, render);
      releases.set(release.digest, release);
    },
  };
  const renders = openRenders({ renderer: counting, cache, contentOf: () => ({ kind: "there", key: "root", commit: "c1", tree }) });
  return { renders, releases, rendered: () => count };
}

async function one(tree: Tree, asked: RenderRequest): Promise<Answered> {
  const answer = (await opened(tree).renders.answer([asked], signal)).get(asked.key)?.answered;
  assert.ok(answer);
  return answer;
}

test("equal inputs are one Variant and one render, whoever asks; other values are another", async (t) => {
  const tree = await folder(t, { ...under("a", chart), "values.yaml": "text: v\n" });
  const { renders, releases, rendered } = opened(tree);
  const values = (text: string): Partial<RenderRequest> => ({ helm: { ...request("a").helm, values: { text } } });
  const [first, same, other] = [request("a", values("1")), request("./a", values("1")), request("a", values("2"))];
  const found = await renders.answer([first, same, other], signal);
  const answers = new Map([...found].map(([key, { answered }]) => [key, answered]));
  assert.equal(rendered(), 2);
  assert.equal(answers.get(first.key)?.variant, answers.get(same.key)?.variant);
  assert.notEqual(answers.get(first.key)?.variant, answers.get(other.key)?.variant);
  const answer = answers.get(other.key);
  assert.ok(answer?.kind === "rendered");
  const texts = [...(releases.get(answer.release)?.objects.values() ?? [])].map((text) => JSON.parse(text) as JsonObject);
  assert.deepEqual(texts, [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "r", namespace: "n" }, data: { text: "2" } }]);
  assert.equal((await renders.answer([first], signal)).get(first.key)?.answered.cached, true);
  assert.equal(rendered(), 2);
});

test("settings that do not count for the kind of source change nothing", async (t) => {
  const tree = await folder(t, { "a/cm.yaml": configMap("a") });
  const plain = await one(tree, request("a"));
  const withRelease = await one(tree, request("a", { helm: { ...request("a").helm, releaseName: "other" } }));
  assert.equal(plain.variant, withRelease.variant);
});

test("one changed byte of one file is another Variant; a file beside the App is none of its", async (t) => {
  const files = { "a/cm.yaml": configMap("a"), "b/cm.yaml": configMap("b") };
  const variant = async (more: Files) => (await one(await folder(t, { ...files, ...more }), request("a"))).variant;
  const first = await variant({});
  assert.equal(await variant({ "b/cm.yaml": configMap("b", "other") }), first);
  assert.notEqual(await variant({ "a/cm.yaml": configMap("a", "y") }), first);
});

test("B03 a link inside the repository is read as what it leads to, whichever folder it stands in", async (t) => {
  const tree = await folder(t, {
    "base/cm.yaml": configMap("a"),
    "plain/cm.yaml": { link: "../base/cm.yaml" },
    kus: { link: "overlay" },
    "overlay/kustomization.yaml": "resources: [cm.yaml]\n",
    "overlay/cm.yaml": { link: "../base/cm.yaml" },
  });
  for (const path of ["plain", "overlay", "kus"]) {
    const answer = await one(tree, request(path));
    assert.equal(answer.kind === "rendered" && answer.objectCount, 1, `${path}: ${JSON.stringify(answer)}`);
  }
});

test("B03 S02 a link that leads outside stops its App with E_SYMLINK, and no other", async (t) => {
  const tree = await folder(t, { "bad/token.yaml": { link: "../../../../../../etc/passwd" }, "good/cm.yaml": configMap("a") });
  const [bad, good] = [request("bad"), request("good")];
  const answers = await opened(tree).renders.answer([bad, good], signal);
  const answer = answers.get(bad.key)?.answered;
  assert.equal(answer?.kind === "failed" && answer.code, "E_SYMLINK");
  assert.equal(answers.get(good.key)?.answered.kind, "rendered");
});

test("B03 S45 links that lead round, and links that double with each folder, end an App's render in bounded work", async (t) => {
  const doubling = Array.from({ length: 25 }, (_, level): Files => {
    const next = { link: `../f${level + 1}` };
    return { [`f${level}/a`]: next, [`f${level}/b`]: next };
  });
  const tree = await folder(t, {
    "round/l": { link: "." },
    "round/m": { link: "../round" },
    ...Object.assign({}, ...doubling),
    "f25/README": "nothing to deploy",
    "good/cm.yaml": configMap("a"),
  });
  let lists = 0;
  const counting: Tree = { ...tree, list: (path) => ((lists += 1), tree.list(path)) };
  const asked = [request("round"), request("f0"), request("good")];
  const answers = await opened(counting).renders.answer(asked, signal);
  const codes = asked
    .map(({ key }) => answers.get(key)?.answered)
    .map((answer) => (answer?.kind === "failed" ? answer.code : answer?.kind));
  assert.deepEqual(codes, ["E_SYMLINK", "E_LIMIT", "rendered"]);
  assert.ok(lists < 5_000, `${lists} folders were listed`);
});

test("what is wrong with an App is its answer, and what is wrong for good is not tried twice", async (t) => {
  const tree = await folder(t, {
    ...under("broken", { ...chart, "templates/cm.yaml": "{{ fail }}" }),
    ...under("chart", chart),
    "plain/a.yaml": configMap("a"),
  });
  const { renders, rendered } = opened(tree);
  const failed = async (asked: RenderRequest) => {
    const answer = (await renders.answer([asked], signal)).get(asked.key)?.answered;
    return answer?.kind === "failed" ? answer : assert.fail(JSON.stringify(answer));
  };
  const missing = await failed(request("nowhere"));
  assert.deepEqual([missing.code, missing.place], ["E_PATH_MISSING", undefined]);
  assert.match(missing.message, /nowhere/);
  assert.equal((await failed(request("../x"))).code, "E_PATH_ESCAPE");
  const misfit = await failed(request("plain", { written: ["helm"] }));
  assert.deepEqual([misfit.code, misfit.message], ["E_FIELD", "the App has settings under helm, but plain is plain YAML"]);
  const template = await failed(request("broken"));
  assert.equal(template.code, "E_TEMPLATE");
  assert.equal(template.place?.path, "broken/templates/cm.yaml");
  const renderedSoFar = rendered();
  await failed(request("broken"));
  assert.equal(rendered(), renderedSoFar);
});

test("I2 a repository that cannot be read is nobody's answer: the whole call fails", async (t) => {
  const tree = await folder(t, { "a/cm.yaml": configMap("a") });
  const damaged: Tree = { ...tree, read: () => Promise.reject(new OperationError("corrupt", "root", "the object is damaged")) };
  await assert.rejects(opened(damaged).renders.answer([request("a")], signal), { code: "corrupt" });
});
