// The root Source: what is seen of it while a real Git server comes and goes.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import type { GitSource } from "../../git/git.ts";
import { gitServer, open } from "../../git/testdata/servers.ts";
import { SourceLoop, type SourceLoopOptions, type SourceView } from "./source-loop.ts";
import { quiet, start } from "../testdata/world.ts";

const cluster = (name: string): string => `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}}\n`;
const damaged = (): Promise<never> => Promise.reject(new OperationError("corrupt", "root", "a damaged object"));
const down = (): Promise<never> =>
  Promise.reject(
    new OperationError("unavailable", "root", "no route to the server", undefined, { code: "E_SOURCE_UNREACHABLE", remedy: "wait" }),
  );

async function opened(t: TestContext, files: Readonly<Record<string, string>>, change: Partial<SourceLoopOptions> = {}) {
  const server = await gitServer(t);
  await server.createRepository("fleet", files);
  const git: GitSource = await open(t, server.cloneUrl("fleet"), { insecure: true });
  const stop = new AbortController();
  const told = { snapshots: 0, faults: 0 };
  let wake = (): void => undefined;
  /** What the loop reads from; a test puts its own answers in the way. */
  const reads = { fetch: git.fetch, snapshot: git.snapshot };
  const loop = new SourceLoop({
    name: "root",
    url: "https://git.example/fleet.git",
    revision: null,
    path: "",
    pollMs: 60_000,
    open: () => Promise.resolve({ fetch: (signal) => reads.fetch(signal), snapshot: (commit) => reads.snapshot(commit) }),
    heldPaths: () => new Set(),
    lastCommit: null,
    now: () => start,
    random: () => 0.5,
    log: quiet,
    onSnapshot: () => void ((told.snapshots += 1), wake()),
    onFault: () => void ((told.faults += 1), wake()),
    ...change,
  });
  let running: Promise<void> = Promise.resolve();
  t.after(async () => {
    stop.abort();
    await running;
  });
  /** Resolves with the first view that is as wanted. */
  const until = async (wanted: (view: SourceView) => boolean): Promise<SourceView> => {
    while (!wanted(loop.view)) await new Promise<void>((resolve) => (wake = resolve));
    return loop.view;
  };
  const commit = (changes: Readonly<Record<string, string | null>>): Promise<string> => server.commit("fleet", changes, "a change");
  return { git, reads, loop, told, until, commit, run: () => void (running = loop.run(stop.signal)) };
}

const files = (view: SourceView): string[] => [...view.files.keys()].toSorted();
const some = (view: SourceView): boolean => view.snapshot !== null;
const at = (commit: string) => (view: SourceView) => view.snapshot?.commit === commit;
const faulty = (view: SourceView): boolean => view.fault !== null;
const timeout = 20_000;

test("I2 D04 a fetch that fails keeps the last commit and its files, and is shown; the next one ends it", { timeout }, async (t) => {
  const { git, reads, loop, until, run } = await opened(t, { "clusters/berlin.yaml": cluster("berlin") });
  run();
  const { snapshot } = await until(some);
  reads.fetch = down;
  loop.hint();
  const failed = await until(faulty);
  assert.deepEqual([failed.fault?.code, files(failed)], ["E_SOURCE_UNREACHABLE", ["clusters/berlin.yaml"]]);
  assert.equal(failed.snapshot, snapshot);
  reads.fetch = git.fetch;
  loop.hint();
  const back = await until((view) => !faulty(view));
  assert.deepEqual(files(back), ["clusters/berlin.yaml"]);
  assert.equal(back.snapshot, snapshot);
});

test("I2 F40 a commit without the Source's folder is not taken: the last one stays", { timeout }, async (t) => {
  const { loop, until, run, commit } = await opened(t, { "fleet/berlin.yaml": cluster("berlin") }, { path: "fleet" });
  run();
  const { snapshot } = await until(some);
  await commit({ "fleet/berlin.yaml": null, "other/berlin.yaml": cluster("berlin") });
  loop.hint();
  const view = await until(faulty);
  assert.deepEqual([view.fault?.code, files(view)], ["E_PATH_MISSING", ["fleet/berlin.yaml"]]);
  assert.equal(view.snapshot, snapshot);
  const back = await commit({ "fleet/berlin.yaml": cluster("berlin"), "fleet/paris.yaml": cluster("paris") });
  loop.hint();
  assert.deepEqual(files(await until(at(back))), ["fleet/berlin.yaml", "fleet/paris.yaml"]);
  assert.equal(loop.view.fault, null);
});

test("I2 a commit that cannot be read to its end changes nothing", { timeout }, async (t) => {
  const { git, reads, loop, until, run, commit } = await opened(t, { "a.yaml": cluster("a"), "b.yaml": cluster("b") });
  run();
  const { snapshot } = await until(some);
  await commit({ "a.yaml": null, "b.yaml": cluster("b2") });
  reads.fetch = async (signal) => {
    const fetched = await git.fetch(signal);
    if (fetched.kind !== "snapshot") return fetched;
    const { tree } = fetched.snapshot;
    const broken = { entry: (path: string) => tree.entry(path), list: (path: string) => tree.list(path), read: damaged };
    return { ...fetched, snapshot: { ...fetched.snapshot, tree: broken } };
  };
  loop.hint();
  const view = await until(faulty);
  assert.deepEqual(files(view), ["a.yaml", "b.yaml"]);
  assert.equal(view.snapshot, snapshot);
});

test("F38 after a restart the last commit is known before Git answers, and while it does not", { timeout }, async (t) => {
  const first = await opened(t, { "clusters/berlin.yaml": cluster("berlin") });
  first.run();
  const lastCommit = (await first.until(some)).snapshot?.commit ?? "";
  const { reads, until, run, told } = await opened(t, { "a.yaml": cluster("a") }, { lastCommit });
  reads.fetch = down;
  reads.snapshot = first.git.snapshot;
  run();
  const view = await until(faulty);
  assert.deepEqual([view.snapshot?.commit, files(view), view.fetchedAt], [lastCommit, ["clusters/berlin.yaml"], null]);
  assert.equal(told.snapshots, 1);
});

test("a last commit that is not on disk any more is fetched", { timeout }, async (t) => {
  const { until, run } = await opened(t, { "clusters/berlin.yaml": cluster("berlin") }, { lastCommit: "0".repeat(40) });
  run();
  assert.deepEqual(files(await until(some)), ["clusters/berlin.yaml"]);
});

test("a commit that was fetched and could not be read is taken although nothing new comes", { timeout }, async (t) => {
  const { git, reads, loop, until, run } = await opened(t, { "a.yaml": cluster("a") });
  reads.fetch = async (signal) => {
    await git.fetch(signal);
    return damaged();
  };
  run();
  await until(faulty);
  reads.fetch = git.fetch;
  loop.hint();
  assert.deepEqual(files(await until(some)), ["a.yaml"]);
  assert.equal(loop.view.fault, null);
});

test(
  "changed, added and removed files are read, the others are not; one that became unreadable is broken, not gone",
  { timeout },
  async (t) => {
    const { loop, until, run, commit } = await opened(t, {
      "a.yaml": cluster("a"),
      "b.yaml": cluster("b"),
      "c.yaml": cluster("c"),
      "README.md": "no",
    });
    run();
    const before = await until(some);
    assert.deepEqual(files(before), ["a.yaml", "b.yaml", "c.yaml"]);
    const next = await commit({ "b.yaml": "{", "c.yaml": null, "d.yaml": cluster("d"), "other.yaml": "a: 1" });
    loop.hint();
    const after = await until(at(next));
    assert.deepEqual(files(after), ["a.yaml", "b.yaml", "d.yaml"]);
    assert.equal(after.files.get("a.yaml"), before.files.get("a.yaml"));
    assert.equal(after.files.get("b.yaml")?.broken, true);
  },
);

test("I2 F14 a file that the disk refuses is not a file that is gone: the commit is not taken", { timeout }, async (t) => {
  const { git, reads, loop, until, run, commit } = await opened(t, { "a.yaml": cluster("a"), "b.yaml": cluster("b") });
  run();
  const { snapshot } = await until(some);
  await commit({ "b.yaml": cluster("b2") });
  const tooManyFiles = (path: string): never => {
    throw new OperationError("unavailable", path, "EMFILE: too many open files");
  };
  reads.fetch = async (signal) => {
    const fetched = await git.fetch(signal);
    if (fetched.kind !== "snapshot") return fetched;
    const { tree } = fetched.snapshot;
    const entry = (path: string) => (path === "b.yaml" ? tooManyFiles(path) : tree.entry(path));
    return {
      ...fetched,
      snapshot: { ...fetched.snapshot, tree: { entry, list: (path: string) => tree.list(path), read: (oid: string) => tree.read(oid) } },
    };
  };
  loop.hint();
  const view = await until(faulty);
  assert.deepEqual([view.snapshot, files(view)], [snapshot, ["a.yaml", "b.yaml"]]);
});

test("I2 a link that leads nowhere stops its own file alone, which keeps what it held", { timeout }, async (t) => {
  const { loop, until, run, commit } = await opened(t, { "a.yaml": cluster("a"), "b.yaml": cluster("b") });
  run();
  await until(some);
  const sha = await commit({ "b.yaml": { link: "../../outside.yaml" } as never });
  loop.hint();
  const file = (await until(at(sha))).files.get("b.yaml");
  assert.deepEqual([file?.broken, file?.documents, file?.problems[0]?.code], [true, [], "E_SYMLINK"]);
});

test("I10 a file that held documents before the restart is looked into, whatever it looks like now", { timeout }, async (t) => {
  const garbage = "\u0000\u0001 no text that anybody knows";
  const held = await opened(t, { "a.yaml": garbage }, { heldPaths: () => new Set(["a.yaml"]) });
  held.run();
  assert.equal((await held.until(some)).files.get("a.yaml")?.broken, true);
  const unknown = await opened(t, { "a.yaml": garbage });
  unknown.run();
  assert.equal((await unknown.until(some)).files.get("a.yaml"), undefined);
});

test("I2 B55 a file that grew too large to read is broken, not gone", { timeout }, async (t) => {
  const { loop, until, run, commit } = await opened(t, { "a.yaml": cluster("a"), "b.yaml": cluster("b") });
  run();
  await until(some);
  const next = await commit({ "a.yaml": `${cluster("a")}#${"x".repeat(4 * 1024 * 1024)}`, "notes.yaml": "#".repeat(5 * 1024 * 1024) });
  loop.hint();
  const view = await until(at(next));
  assert.deepEqual(files(view), ["a.yaml", "b.yaml"]);
  assert.deepEqual([view.files.get("a.yaml")?.broken, view.files.get("a.yaml")?.problems[0]?.code], [true, "E_LIMIT"]);
});
