// The hub's heart on real parts but for Git: what is decided when a Source says nothing, says nonsense, or the disk fails.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { parseFleetFile, type ParsedFile } from "../fleet/fleet.ts";
import { Renderer } from "../render/render.ts";
import { damageManifests } from "../store/testdata/damage.ts";
import { FleetLoop } from "./fleet-loop.ts";
import { archiveSnapshot } from "./sources/archive-tree.ts";
import { contentKey, type ContentRef } from "./sources/content.ts";
import type { ContentState } from "./sources/fleet-sources.ts";
import type { SourceView } from "./sources/source-loop.ts";
import { app, berlin, enrol, hello, keptSession, kinds, openWorld, quiet, start } from "./testdata/world.ts";

let renderer: Renderer;
before(async () => {
  renderer = await Renderer.open();
});
after(() => renderer[Symbol.asyncDispose]());

const timeout = 60_000;
const files = {
  "shop.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: shop}\nspec:\n  source: {path: shop}\n  namespace: shop\n  targets:\n    - clusters: {matchAll: true}\n",
  "shop/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n",
};

function contentOf(ref: ContentRef, { snapshot }: SourceView): ContentState {
  const key = contentKey(ref);
  return snapshot === null ? { kind: "pending", key } : { kind: "there", key, snapshot };
}

/** A loop that runs; `shows` makes these files the Source's commit and waits until they were decided on. */
async function running(t: TestContext) {
  const world = await openWorld(t);
  const identity = await enrol(world, "berlin", "u1");
  let view: SourceView = {
    name: "root",
    url: "https://git.example/fleet.git",
    revision: null,
    snapshot: null,
    files: new Map(),
    fetchedAt: null,
    fault: null,
  };
  const heard = { decided: 0, failed: 0 };
  let wake = (): void => undefined;
  const log = {
    ...quiet,
    info: (_: object, message: string) => void (message === "decided" && ((heard.decided += 1), wake())),
    error: () => void ((heard.failed += 1), wake()),
  };
  const commits = { broken: false };
  const commit: typeof world.record.commit = (writes) =>
    commits.broken && writes.some(({ kind }) => kind === "documents")
      ? Promise.reject(new OperationError("unavailable", "database", "the disk is full"))
      : world.record.commit(writes);
  const loop = new FleetLoop({
    ...world,
    record: { ...world.record, commit },
    renderer,
    sources: {
      views: () => [view],
      freeze: () => ({ of: (ref) => contentOf(ref, view) }),
      follow: () => undefined,
      want: () => undefined,
    },
    removeDelayMs: 1_800_000,
    leaveDelayMs: 86_400_000,
    now: () => world.clock.now,
    log,
  });
  const stop = new AbortController();
  const run = loop.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await run;
  });
  const one = async (what: keyof typeof heard): Promise<void> => {
    const seen = heard[what];
    while (heard[what] === seen) await new Promise<void>((resolve) => (wake = resolve));
  };
  const shows = async (id: string, content: Readonly<Record<string, string>>, until: keyof typeof heard = "decided"): Promise<void> => {
    const parsed = new Map<string, ParsedFile>();
    for (const [path, text] of Object.entries(content)) {
      if (text.includes("muster.dev/") || text === "{") parsed.set(path, parseFleetFile({ source: "root", path, text }));
    }
    const bytes = new Map(Object.entries(content).map(([path, text]) => [path, new TextEncoder().encode(text)]));
    const snapshot = archiveSnapshot(digestOf(id), bytes);
    view = { ...view, snapshot, files: parsed };
    loop.lookAtAll();
    await one(until);
  };
  const session = keptSession();
  await world.sessions.session(identity, session).message(hello("u1"));
  const signed = (): number => world.store.load().bundles[0]?.generation ?? 0;
  const codes = (): string[] => loop.state.problems.map(({ code }) => code);
  const runs = (): readonly string[] => [...(world.record.memory.members.get(berlin)?.released.keys() ?? [])];
  return { world, loop, shows, session, signed, codes, runs, commits, decided: () => one("decided") };
}

test("what Git declares is rendered, signed and sent", { timeout }, async (t) => {
  const { shows, session, signed, runs, loop } = await running(t);
  await shows("c1", files);
  assert.deepEqual([runs(), signed(), kinds(session), loop.state.commit], [[app("shop")], 1, ["welcome", "bundle"], digestOf("c1")]);
  await shows("c2", { ...files, "README.md": "text" });
  assert.deepEqual([signed(), kinds(session).length], [1, 2], "equal content is not signed again");
});

test(
  "D04 F38 a Source that suddenly holds nothing takes nothing away; what was there stays until it is put back",
  { timeout },
  async (t) => {
    const { shows, signed, codes, runs, world } = await running(t);
    await shows("c1", files);
    await shows("c2", { "README.md": "text" });
    assert.ok(codes().includes("E_SOURCE_EMPTIED"));
    assert.deepEqual([runs(), signed(), world.store.load().tombstones], [[app("shop")], 1, []]);
    await shows("c3", { "README.md": "still nothing" });
    assert.deepEqual([runs(), signed(), world.store.load().documents.length], [[app("shop")], 1, 1]);
    await shows("c4", files);
    assert.deepEqual([codes(), signed()], [[], 1]);
  },
);

test("F38 an emptied Source passes when a person approved just that", { timeout }, async (t) => {
  const { shows, codes, world, loop } = await running(t);
  await shows("c1", files);
  await shows("c2", { "README.md": "text" });
  const [held] = loop.state.heldSources ?? [];
  assert.ok(held !== undefined && held.commit === digestOf("c2"));
  await world.record.commit([{ kind: "approval", row: { digest: held.digest, actor: "anna", reason: "r", at: start } }]);
  await shows("c3", { "README.md": "other text" });
  assert.ok(codes().includes("E_SOURCE_EMPTIED"), "another commit has to be approved itself");
  await shows("c2", { "README.md": "text" });
  assert.deepEqual([codes().includes("E_SOURCE_EMPTIED"), world.store.load().documents], [false, []]);
});

test("I2 a file that became unreadable keeps what it said", { timeout }, async (t) => {
  const { shows, signed, runs, world } = await running(t);
  const oslo = { "oslo.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: oslo}\n" };
  await shows("c1", { ...files, ...oslo });
  await shows("c2", { ...files, ...oslo, "shop.yaml": "{" });
  const kept = world.store.load().documents.map(({ path }) => path);
  assert.deepEqual([runs(), signed(), kept.toSorted()], [[app("shop")], 1, ["oslo.yaml", "shop.yaml"]]);
});

test("I2 an App whose path is gone keeps what runs", { timeout }, async (t) => {
  const { shows, signed, runs, loop } = await running(t);
  await shows("c1", files);
  await shows("c2", { "shop.yaml": files["shop.yaml"] });
  assert.deepEqual([runs(), signed()], [[app("shop")], 1]);
  assert.equal(loop.state.clusters.get(berlin)?.released.size, 1);
});

test("I2 a turn that fails leaves everything as it was decided before, and is tried again by itself", { timeout }, async (t) => {
  const { shows, loop, commits, signed, decided } = await running(t);
  await shows("c1", files);
  const before = loop.state;
  commits.broken = true;
  const changed = { ...files, "other.yaml": files["shop.yaml"].replace("name: shop}", "name: other}") };
  await shows("c2", changed, "failed");
  assert.equal(loop.state, before);
  assert.equal(signed(), 1);
  commits.broken = false;
  await decided();
  assert.deepEqual([loop.state.commit, signed()], [digestOf("c2"), 2]);
});

test("I12 an App that cannot be rendered for another reason says the new one", { timeout }, async (t) => {
  const { shows, loop } = await running(t);
  const why = (): string => loop.state.clusters.get(berlin)?.waits.get(app("shop"))?.message ?? "";
  await shows("c1", { "shop.yaml": files["shop.yaml"] });
  assert.match(why(), /E_PATH_MISSING/);
  await shows("c2", { "shop.yaml": files["shop.yaml"], "shop/config.yaml": "a: [" });
  assert.match(why(), /E_YAML/);
});

test("F08 a manifest that was damaged on disk is rendered again; nothing is taken away meanwhile", { timeout }, async (t) => {
  const { shows, runs, signed, loop, world, decided } = await running(t);
  await shows("c1", files);
  const [release] = world.store.load().bundles[0]?.releases ?? [];
  assert.ok(release !== undefined);
  damageManifests(join(world.dir, "hub.db"));
  assert.equal(world.store.manifest(release), undefined); // somebody met it
  loop.lookAtAll();
  await decided();
  assert.ok(world.store.manifest(release) !== undefined);
  assert.deepEqual([runs(), signed(), world.store.load().tombstones], [[app("shop")], 1, []]);
});
