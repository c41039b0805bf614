// Questions about a fleet of several Sources, on real Git servers, a real record and the loop that decides: which of them a commit is of,
// what moved a pin, and a commit that lands while a question is answered.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { credentials, gitServer } from "../../git/testdata/servers.ts";
import { Renderer } from "../../render/render.ts";
import { openRemote } from "../../remote/remote.ts";
import { FleetLoop } from "../fleet-loop.ts";
import { recordCache } from "../record-cache.ts";
import { FleetSources } from "../sources/fleet-sources.ts";
import { discardContent, openContent } from "../sources/opening.ts";
import { app, enrol, hello, keptSession, openWorld, quiet } from "../testdata/world.ts";
import { Questions } from "./questions.ts";
import { spellWith } from "./spell.ts";

let renderer: Renderer;
before(async () => {
  renderer = await Renderer.open();
});
after(() => renderer[Symbol.asyncDispose]());

const timeout = 900_000;
const document = (kind: string, name: string, spec: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const map = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: ${value}}\n`;
const shop = {
  "apps/shop.yaml": document("App", "shop", "{source: {path: shop}, namespace: shop, targets: [{clusters: {matchAll: true}}]}"),
  "shop/config.yaml": map("one"),
};

/** A fleet whose App lies in a Source of its own; two clusters that hold it. */
async function running(t: TestContext) {
  let end = async (): Promise<void> => undefined;
  t.after(() => end());
  const world = await openWorld(t);
  const server = await gitServer(t);
  await server.createRepository("fleet", {});
  await server.createRepository("team", {});
  const team = [await server.commit("team", shop, "the shop")];
  const root = await server.commit(
    "fleet",
    {
      "berlin.yaml": document("Cluster", "berlin", "{}"),
      "team.yaml": document("Source", "team", `{git: "${server.cloneUrl("team")}", revision: main, poll: 1h, secretRef: git}`),
    },
    "berlin",
  );
  const sessions = [];
  for (const [name, uid] of [
    ["berlin", "u1"],
    ["paris", "u2"],
  ] as const) {
    const identity = await enrol(world, name, uid);
    const session = keptSession();
    await world.sessions.session(identity, session).message(hello(uid));
    sessions.push(session);
  }
  const remote = await openRemote({ dir: join(world.dir, "remote"), log: quiet });
  const opening = { dataDir: world.dir, secret: async () => ({ credentials }), remote, log: quiet };
  const seen = { decided: 0, wake: (): void => undefined };
  const sources: FleetSources = new FleetSources({
    root: {
      name: "root",
      kind: "git",
      url: server.cloneUrl("fleet"),
      revision: "main",
      path: ".",
      pollMs: 3_600_000,
      secretRef: "git",
      submodules: false,
      mirrors: [],
      remotes: [],
      insecure: true,
    },
    open: (address, held) => openContent(opening, address, held),
    discard: (key) => discardContent(world.dir, key),
    lastCommit: () => null,
    heldPaths: () => new Set(),
    now: () => world.clock.now,
    random: () => 0.5,
    log: quiet,
    onChange: () => loop.lookAtAll(),
  });
  const loop: FleetLoop = new FleetLoop({
    ...world,
    renderer,
    sources,
    removeDelayMs: 1_800_000,
    leaveDelayMs: 86_400_000,
    now: () => world.clock.now,
    log: { ...quiet, info: (_: object, message: string) => void (message === "decided" && ((seen.decided += 1), seen.wake())) },
  });
  const stop = new AbortController();
  const run = Promise.all([sources.run(stop.signal), loop.run(stop.signal)]);
  end = async () => {
    stop.abort();
    await run;
  };
  const until = async (found: () => boolean): Promise<void> => {
    while (!found()) await new Promise<void>((resolve) => (seen.wake = resolve));
  };
  const releasedOf = (name: string): readonly string[] =>
    ["berlin", "paris"].flatMap(
      (cluster) => world.record.memory.members.get(cluster as ClusterName)?.released.get(app(name))?.commit ?? [],
    );
  const released = (commit: string, name = "shop"): Promise<void> =>
    until(() => releasedOf(name).length === 2 && releasedOf(name).every((each) => each === commit));
  const push = async (changes: Readonly<Record<string, string>>, message: string): Promise<string> => {
    const commit = await server.commit("team", changes, message);
    sources.hint([server.cloneUrl("team")]);
    return commit;
  };
  await released(team[0] ?? "");
  const options = {
    record: world.record,
    basis: () => loop.basis,
    state: () => loop.state,
    renders: { renderer, cache: recordCache(world.record, () => world.clock.now), secret: world.keys.storeKey },
    sources,
    spell: spellWith(world.keys.storeKey),
    now: () => world.clock.now,
  };
  return { options, questions: new Questions(options), root, first: team[0] ?? "", released, push, server, sources };
}

test("a commit of any Source is found where it or a later one was released, and why-changed names it", { timeout }, async (t) => {
  const { questions, root, first, released, push } = await running(t);
  const next = await push({ "shop/config.yaml": map("two") }, "another value");
  await released(next);

  for (const commit of [next, first, root]) {
    const answer = await questions.where({ what: commit.slice(0, 12) });
    assert.deepEqual(
      answer.items.map((row) => [row.app, row.clusters, row.clusterCount, row.state, row.found]),
      [[app("shop"), ["berlin", "paris"], 2, "released", commit]],
      "equal clusters are one row",
    );
    assert.deepEqual([answer.items[0]?.source, answer.items[0]?.commit], commit === root ? ["root", root] : ["team", next]);
  }
  assert.deepEqual((await questions.where({ what: "abcdef1" })).total, 0);

  const here = await questions.why({ what: "berlin" });
  const everywhere = await questions.why({ what: "shop" });
  assert.deepEqual([here.cluster, here.app, everywhere.cluster, everywhere.app], ["berlin", null, null, app("shop")]);
  assert.deepEqual(
    everywhere.items.map(({ clusters, clusterCount }) => [clusters, clusterCount]),
    [[["berlin", "paris"], 2]],
  );
  for (const { items } of [here, everywhere]) {
    const [row] = items;
    assert.deepEqual([row?.from.commit, row?.to.commit], [first, next]);
    assert.deepEqual(row?.sources, [{ source: "team", from: first, to: next }]);
    assert.deepEqual(
      row?.commits.map(({ source, subject }) => [source, subject]),
      [["team", "another value"]],
    );
    assert.deepEqual(
      row?.causes.map(({ kind, paths }) => [kind, paths]),
      [["files", ["team: shop/config.yaml"]]],
    );
    assert.deepEqual(row?.counts, { added: 0, changed: 1, deleted: 0 });
  }
  const both = await questions.why({ what: "berlin", app: "shop" });
  assert.deepEqual(
    both.items.map(({ commits }) => commits.map(({ subject }) => subject).includes("the shop")),
    [false, true],
    "the first move names what the App came with",
  );
  await assert.rejects(
    questions.why({ what: "nowhere" }),
    (error) =>
      error instanceof OperationError && error.fault?.code === "E_NOT_FOUND" && /no cluster and no App nowhere/.test(error.message),
  );
});

test("a preview tells of the moment in which it was asked for, also when a commit lands in the midst of it", { timeout }, async (t) => {
  const { options, first, released, push, server, sources } = await running(t);
  const feature = await server.forcePush("team", first, { "shop/config.yaml": map("three") }, "a feature", { branch: "feature" });
  let landed = "";
  const questions = new Questions({
    ...options,
    sources: {
      commitOf: (key, commit) => sources.commitOf(key, commit),
      histories: () => sources.histories(),
      pathOf: (source) => sources.pathOf(source),
      treeAt: async (source, revision, signal) => {
        const snapshot = await sources.treeAt(source, revision, signal);
        const extra = document("App", "extra", "{source: {path: extra}, targets: [{clusters: {matchAll: true}}]}");
        landed = await push({ "apps/extra.yaml": extra, "extra/config.yaml": map("four"), "shop/config.yaml": map("five") }, "in between");
        await released(landed, "extra");
        await released(landed);
        return snapshot;
      },
    },
  });
  const answer = await questions.preview({ revision: "feature", source: "team" });
  assert.notEqual(landed, "");
  assert.deepEqual([answer.commit, answer.against], [feature, first]);
  assert.deepEqual(
    answer.rows.map(({ clusters, changes }) => [clusters, changes.map((change) => [change.app, change.kind])]),
    [[["berlin", "paris"], [[app("shop"), "changed"]]]],
    "nothing of the commit in between",
  );
  assert.match(answer.rows[0]?.changes[0]?.objects[0]?.lines.join("\n") ?? "", /- +a: one\n\+ +a: three/);
});
