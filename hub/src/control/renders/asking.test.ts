// Answers over many commits: each must be what a fresh look would say, and only what a commit can concern is asked again.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { openLocalRepository } from "../../git/git.ts";
import type { RenderInput, RenderResult } from "../../render/render.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import type { Contents } from "../sources/fleet-sources.ts";
import { contentKey, refOf } from "../sources/content.ts";
import { Asking } from "./asking.ts";

const signal = new AbortController().signal;
type Files = Readonly<Record<string, string>>;

function request(path: string): RenderRequest {
  const helm = { releaseName: "r", values: {}, valuesFiles: [], skipCrds: false };
  const kustomize = { images: [], patches: [], components: [], namePrefix: "", nameSuffix: "", labels: {}, annotations: {}, replicas: [] };
  const objects = { include: ["*"], exclude: [], recurse: true };
  const rest = { revision: null, remote: null, kind: null, namespace: null, helm, kustomize, objects, written: [] };
  return { key: digestOf(path), source: "root", path, ...rest } as unknown as RenderRequest;
}

/** A fleet's repository over commits; a link is written as `-> target`. Renders count themselves and give back nothing. */
async function opened(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), "muster-asking-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const git = (...args: readonly string[]) => execFileSync("git", ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
  git("init", "-q");
  const commit = async (files: Files): Promise<Contents> => {
    for (const name of await readdir(dir)) if (name !== ".git") await rm(join(dir, name), { recursive: true });
    for (const [path, text] of Object.entries({ "README.md": "a", ...files })) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await (text.startsWith("-> ") ? symlink(text.slice(3), join(dir, path)) : writeFile(join(dir, path), text));
    }
    git("add", "-A");
    git("commit", "-q", "--allow-empty", "-m", "a commit");
    const snapshot = await (await openLocalRepository(dir))?.snapshot("HEAD");
    assert.ok(snapshot);
    return { of: (ref) => ({ kind: "there", key: contentKey(ref), snapshot }) };
  };
  const looked: string[] = [];
  const clock = { now: 0 };
  const fails: { code: string | null } = { code: null };
  const render = (input: RenderInput): Promise<RenderResult> => {
    looked.push(input.root);
    if (fails.code !== null) return Promise.resolve({ kind: "failed", code: fails.code, message: "no" } as RenderResult);
    const objects = [...input.files].map(([path]) => {
      const name = path.replaceAll(/[^a-z0-9]/g, "-");
      return {
        identity: { group: "", kind: "ConfigMap", namespace: "n", name },
        object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "n" } },
        source: { path, line: 1 },
      };
    });
    return Promise.resolve({ kind: "rendered", objects, apps: [], warnings: [] } as unknown as RenderResult);
  };
  const asking = () => new Asking({ renderer: { render }, cache: { get: () => undefined, put: () => undefined }, now: () => clock.now });
  return { commit, asking, looked, clock, fails };
}

const said = (asking: Asking, { key }: RenderRequest) => {
  const answer = asking.answers.get(key);
  return answer?.kind === "rendered" ? answer.objectCount : answer?.kind === "failed" ? answer.code : "none";
};

const a = request("a");
const wanted = new Map([[a.key, a]]);
const edits: readonly (readonly [what: string, before: Files, after: Files, expected: number | string])[] = [
  ["a file that is added", { "a/x.yaml": "x" }, { "a/x.yaml": "x", "a/y.yaml": "y" }, 2],
  ["a file in a new folder", { "a/x.yaml": "x" }, { "a/x.yaml": "x", "a/b/c/y.yaml": "y" }, 2],
  ["a file that is removed", { "a/x.yaml": "x", "a/y.yaml": "y" }, { "a/x.yaml": "x" }, 1],
  ["a folder that appears", {}, { "a/x.yaml": "x" }, 1],
  ["a folder that goes", { "a/x.yaml": "x" }, {}, "E_PATH_MISSING"],
  ["a folder that becomes a file", { "a/x.yaml": "x" }, { a: "x: y" }, 1],
  [
    "a link that leads elsewhere",
    { a: "-> b", "b/x.yaml": "x", "c/x.yaml": "x", "c/y.yaml": "y" },
    { a: "-> c", "b/x.yaml": "x", "c/x.yaml": "x", "c/y.yaml": "y" },
    2,
  ],
  ["a file behind a link", { a: "-> b", "b/x.yaml": "x" }, { a: "-> b", "b/x.yaml": "x", "b/y.yaml": "y" }, 2],
  ["a link that led to nothing", { a: "-> b" }, { a: "-> b", "b/x.yaml": "x" }, 1],
  [
    "a link on the way that leads elsewhere",
    { a: "-> l/d", l: "-> b", "b/d/x.yaml": "x", "c/d/x.yaml": "x", "c/d/y.yaml": "y" },
    { a: "-> l/d", l: "-> c", "b/d/x.yaml": "x", "c/d/x.yaml": "x", "c/d/y.yaml": "y" },
    2,
  ],
];

for (const [what, before, after, expected] of edits) {
  test(`${what} is seen, as a fresh look sees it`, async (t) => {
    const { commit, asking } = await opened(t);
    const kept = asking();
    kept.tidy(wanted);
    await kept.freshen(await commit(before), signal);
    await kept.answer([a], signal);
    const later = await commit(after);
    const changed = await kept.freshen(later, signal);
    const fresh = asking();
    await fresh.freshen(later, signal);
    await fresh.answer([a], signal);
    assert.equal(said(fresh, a), expected);
    assert.equal(said(kept, a), expected);
    assert.deepEqual([...changed], [a.key]);
  });
}

test("P5 only what a commit can concern is asked again", async (t) => {
  const { commit, asking, looked } = await opened(t);
  const kept = asking();
  const requests = Array.from({ length: 50 }, (_, i) => request(`apps/a${i}`));
  kept.tidy(new Map(requests.map((each) => [each.key, each])));
  const files = Object.fromEntries(requests.map(({ path }) => [`${path}/x.yaml`, path]));
  await kept.freshen(await commit(files), signal);
  await kept.answer(requests, signal);
  assert.equal(looked.length, 50);
  const changed = await kept.freshen(await commit({ ...files, "apps/a7/y.yaml": "more", "docs/x.md": "text" }), signal);
  assert.deepEqual([...changed], [requests[7]?.key]);
  assert.deepEqual(looked.slice(50), ["apps/a7"]);
});

test("an answer that says the same is not told as changed", async (t) => {
  const { commit, asking } = await opened(t);
  const kept = asking();
  kept.tidy(wanted);
  await kept.freshen(await commit({ "a/x.yaml": "x" }), signal);
  await kept.answer([a], signal);
  const before = kept.answers.get(a.key);
  assert.deepEqual([...(await kept.freshen(await commit({ "a/x.yaml": "other text, same objects" }), signal))], []);
  assert.equal(kept.answers.get(a.key), before);
});

test("I2 a content that is gone, comes back or comes late is asked again", async (t) => {
  const { commit, asking } = await opened(t);
  const there = await commit({ "a/x.yaml": "x" });
  const states: readonly Contents[] = [
    { of: (ref) => ({ kind: "pending", key: contentKey(ref) }) },
    there,
    { of: (ref) => ({ kind: "failed", key: contentKey(ref), code: "E_REMOTE_FORBIDDEN", message: "no" }) },
    there,
  ];
  const kept = asking();
  kept.tidy(wanted);
  const seen: (number | string)[] = [];
  for (const [i, contents] of states.entries()) {
    await kept.freshen(contents, signal);
    if (i === 0) await kept.answer([a], signal);
    seen.push(said(kept, a));
  }
  assert.deepEqual(seen, ["E_SOURCE_PENDING", 1, "E_REMOTE_FORBIDDEN", 1]);
});

test("a look that fails half-way is taken up again", async (t) => {
  const { commit, asking } = await opened(t);
  const broken = { now: false };
  const kept = asking();
  kept.tidy(wanted);
  await kept.freshen(await commit({ "a/x.yaml": "x" }), signal);
  await kept.answer([a], signal);
  const next = await commit({ "a/x.yaml": "x", "a/y.yaml": "y" });
  const failing: Contents = {
    of: (ref) => {
      const state = next.of(ref);
      if (state.kind !== "there") return state;
      const tree = { ...state.snapshot.tree, read: () => Promise.reject(new Error("the disk is gone")) };
      return broken.now ? { ...state, snapshot: { ...state.snapshot, tree } } : state;
    },
  };
  broken.now = true;
  await assert.rejects(kept.freshen(failing, signal), /the disk is gone/);
  broken.now = false;
  const changed: ReadonlySet<Digest> = await kept.freshen(failing, signal);
  assert.deepEqual([[...changed], said(kept, a)], [[a.key], 2]);
});

test("the content of a request is named by Source, revision and remote", () => {
  assert.equal(contentKey(refOf(a)), "root");
});

test("what nobody asks for any more is not rendered again, and is asked anew when somebody does", async (t) => {
  const { commit, asking, looked } = await opened(t);
  const kept = asking();
  await kept.freshen(await commit({ "a/x.yaml": "x" }), signal);
  await kept.answer([a], signal);
  kept.tidy(new Map());
  await kept.freshen(await commit({ "a/x.yaml": "x", "a/y.yaml": "y" }), signal);
  assert.deepEqual([looked, kept.answers.has(a.key)], [["a"], false]);
});

test("S45 a failure that may pass is tried again after a while, and no other one", async (t) => {
  const { commit, asking, clock, fails } = await opened(t);
  for (const [code, expected] of [
    ["E_TIMEOUT", 1],
    ["E_TEMPLATE", "E_TEMPLATE"],
  ] as const) {
    const kept = asking();
    kept.tidy(wanted);
    const contents = await commit({ "a/x.yaml": code });
    await kept.freshen(contents, signal);
    fails.code = code;
    await kept.answer([a], signal);
    fails.code = null;
    await kept.freshen(contents, signal);
    assert.equal(said(kept, a), code);
    clock.now += 60_000;
    await kept.freshen(contents, signal);
    assert.equal(said(kept, a), expected);
  }
});
