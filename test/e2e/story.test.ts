// The main job on three real API servers with real controllers: what `make demo` shows, asserted.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Rig, sampleFleet } from "../rig/rig.ts";

const clusters = ["berlin", "paris", "oslo"];
let rig: Rig;
let files: Record<string, string>;

before(async () => {
  files = await sampleFleet("tour");
  rig = await Rig.start({ clusters, controllers: true, files });
  await Promise.all(clusters.map((name) => rig.join(name)));
});
after(async () => rig?.[Symbol.asyncDispose]());

const text = (path: string): string => files[path] ?? assert.fail(`the sample fleet has no ${path}`);
const commit = async (changes: Record<string, string | null>, message: string): Promise<string> => {
  for (const [path, content] of Object.entries(changes)) if (content !== null) files[path] = content;
  return rig.commit(changes, message);
};
const generations = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await rig.status()).clusters.map(({ name, generation }) => [name, generation.signed]));
const live = (cluster: string, ...args: string[]): Promise<string> => rig.plane(cluster).kubectl(args);
const deployment = async (cluster: string): Promise<{ replicas: number; image: string }> => {
  const found = JSON.parse(await live(cluster, "get", "deployment", "-n", "shop", "web", "-o", "json")) as {
    spec: { replicas: number; template: { spec: { containers: { image: string }[] } } };
  };
  return { replicas: found.spec.replicas, image: found.spec.template.spec.containers[0]?.image ?? "" };
};

test("an App-of-Apps with a chart, a kustomization and plain YAML reaches every cluster with the values of its labels", async () => {
  const status = await rig.settled();
  assert.deepEqual(
    status.clusters.map(({ name, apps }) => [name, apps]),
    clusters.toSorted().map((name) => [name, { total: 3, synced: 3 }]),
  );
  assert.deepEqual([(await deployment("berlin")).replicas, (await deployment("paris")).replicas], [3, 1]);
  const settings = JSON.parse(await live("oslo", "get", "configmap", "-n", "shop", "-o", "json")) as {
    items: { data: Record<string, string> }[];
  };
  assert.match(JSON.stringify(settings.items.map(({ data }) => data)), /north.*Hello from Oslo|Hello from Oslo.*north/);
});

test("a commit is applied everywhere, and nowhere is anything written that did not change", async () => {
  const notes = await live("berlin", "get", "configmap", "-n", "notes", "-o", "jsonpath={.items[*].metadata.resourceVersion}");
  const sha = await commit({ "apps/shop.yaml": text("apps/shop.yaml").replace("tag: 1.4.2", "tag: 1.5.0") }, "shop 1.5.0");
  await rig.settled(sha);
  for (const name of clusters) assert.match((await deployment(name)).image, /:1\.5\.0$/);
  assert.equal(await live("berlin", "get", "configmap", "-n", "notes", "-o", "jsonpath={.items[*].metadata.resourceVersion}"), notes);
});

test("an edit with kubectl is healed, and its manager named", async () => {
  await live("paris", "set", "image", "deployment/web", "-n", "shop", "*=registry.example/shop/web:edited");
  await rig.until("the image is healed", async () => (await deployment("paris")).image.endsWith(":1.5.0"));
  const record = await rig.until("the drift is told", async () =>
    (await rig.drift()).find((row) => row.cluster === "paris" && row.healedAt !== null),
  );
  assert.equal(record.manager, "kubectl-set");
  assert.ok(
    record.fields.some((field) => field.includes("image")),
    record.fields.join(),
  );
});

test("F61 with the hub gone drift is healed, after a restart of the agent too; the hub comes back and sends nothing anew", async () => {
  const before = await generations();
  await rig.hub.kill();
  await live("berlin", "scale", "deployment/web", "-n", "shop", "--replicas=9");
  await rig.until("healed without hub", async () => (await deployment("berlin")).replicas === 3);
  await rig.agent("berlin").kill();
  await live("berlin", "scale", "deployment/web", "-n", "shop", "--replicas=7");
  await live("berlin", "delete", "service", "-n", "shop", "--all");
  await rig.agent("berlin").start();
  await rig.until("healed by an agent that started without hub", async () => (await deployment("berlin")).replicas === 3);
  await rig.until(
    "the deleted service is back",
    async () => (await live("berlin", "get", "service", "-n", "shop", "-o", "name")).trim() !== "",
  );
  await rig.hub.start();
  await rig.settled();
  assert.deepEqual(await generations(), before);
});

test("a broken commit is refused with file and line, changes nothing of its App, and lets the others pass; git revert ends it", async () => {
  const good = text("apps/shop.yaml");
  const template = text("shop/templates/web.yaml");
  const before = await deployment("berlin");
  const notes = text("notes/notes.yaml");
  const first = await commit(
    {
      "apps/shop.yaml": good.replace("  source:", "  sorce:"),
      "notes/notes.yaml": `${notes}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: passed\ndata:\n  a: b\n`,
    },
    "a typo",
  );
  const problem = await rig.until("the typo is told", async () =>
    (await rig.status()).sources[0]?.problems.find(({ code }) => code === "E_UNKNOWN_KEY"),
  );
  assert.deepEqual(
    [problem.place?.path, problem.place?.line],
    ["apps/shop.yaml", good.split("\n").findIndex((line) => line.includes("source:")) + 1],
  );
  assert.match(problem.message, /sorce/);
  await rig.until(
    "the neighbour passed",
    async () => (await live("berlin", "get", "configmap", "-n", "notes", "passed", "--ignore-not-found", "-o", "name")) !== "",
  );
  assert.deepEqual(await deployment("berlin"), before);

  await commit({ "apps/shop.yaml": good, "shop/templates/web.yaml": `${template}\n{{ .Values.nothing.here }}\n` }, "a template that fails");
  const failed = await rig.until(
    "the template's fault is told",
    async () =>
      (await rig.apps("?app=shop&cluster=berlin"))[0]?.reason === "RenderFailed" && (await rig.apps("?app=shop&cluster=berlin"))[0],
  );
  assert.match(failed.message, /shop\/templates\/web\.yaml:\d+/);
  assert.deepEqual(await deployment("berlin"), before);

  const fixed = await commit({ "shop/templates/web.yaml": template, "notes/notes.yaml": notes }, "Revert");
  await rig.settled(fixed);
  assert.deepEqual(await deployment("berlin"), before);
  assert.notEqual(first, fixed);
});

test("D04 F36 a git server that is down uninstalls nothing and is shown; its return ends it", async () => {
  const before = await generations();
  await rig.git.stop();
  await rig.hub.kill();
  await rig.hub.start();
  const source = await rig.until("the source is stale", async () => (await rig.status()).sources.find(({ stale }) => stale));
  assert.equal(source.error?.code, "E_SOURCE_UNREACHABLE");
  assert.notEqual(source.commit, null);
  await rig.settled();
  assert.deepEqual(await generations(), before);
  await rig.git.start();
  await rig.until("the source is read again", async () => (await rig.status()).sources.every(({ stale }) => !stale));
});

test("D04 F38 an emptied repository removes nothing; what was there before stays until it is put back", async () => {
  const before = await generations();
  const head = await rig.git.head("fleet");
  await rig.commit(Object.fromEntries(Object.keys(files).map((path) => [path, path === "README.md" ? "gone" : null])), "remove everything");
  await rig.until("the emptied source is told", async () => JSON.stringify(await rig.status()).includes("E_SOURCE_EMPTIED"));
  assert.deepEqual(await generations(), before);
  assert.equal((await deployment("oslo")).replicas, 3);
  await rig.git.forcePush("fleet", head);
  await rig.settled(head);
  assert.deepEqual(await generations(), before);
});
