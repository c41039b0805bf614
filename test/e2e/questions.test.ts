// What people ask of a running fleet, on real control planes: why is it so, what differs, what would a branch do, who runs it, what moved.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { DiffAnswer, ExplainAnswer, ParityAnswer, PreviewAnswer, WhereAnswer, WhyAnswer } from "@muster/hub/view/questions";
import { Rig, sampleFleet } from "../rig/rig.ts";

const clusters = ["berlin", "paris"];
const repository = fileURLToPath(new URL("../..", import.meta.url));
let rig: Rig;
let files: Record<string, string>;
let head = "";

before(async () => {
  files = await sampleFleet("tour");
  files["shop/templates/secret.yaml"] =
    'apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {key: "canary-{{ .Values.image.tag }}"}\n';
  delete files["clusters/oslo.yaml"];
  files["clusters/groups.yaml"] = text("clusters/groups.yaml").replace("members: [oslo]", "members: []");
  rig = await Rig.start({ clusters, files });
  await Promise.all(clusters.map((name) => rig.join(name)));
  await rig.until("all is released and applied", async () => (await rig.apps()).length === 6 && applied());
  head = await rig.git.head("fleet");
});
after(async () => rig?.[Symbol.asyncDispose]());

/** Without controllers no Deployment becomes healthy: applied is what there is to see. */
const applied = async (): Promise<boolean> =>
  (await rig.apps()).filter(({ app }) => !app.endsWith("notes")).every(({ counts }) => counts.total > 0 && counts.applied === counts.total);
const ask = <Answer>(path: string): Promise<Answer> => rig.call<Answer>("GET", `/api/v1/${path}`);
const text = (path: string): string => files[path] ?? assert.fail(`the sample fleet has no ${path}`);

type Ran = { readonly exit: number; readonly out: string; readonly err: string };

/** The very command a person types. */
async function muster(...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [join(repository, "hub/src/cli/main.ts"), ...args], {
    env: { ...process.env, MUSTER_CONFIG: join(rig.dir, "muster.json"), NO_COLOR: "1" },
  });
  const ran = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (ran.out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (ran.err += chunk));
  const [exit] = (await once(child, "close")) as [number];
  return { exit, ...ran };
}

test("explain tells who won and who lost, with the line of each, and what an expression took", async () => {
  const { settings } = await ask<ExplainAnswer>("explain?app=shop&cluster=berlin&path=helm.values.replicas");
  assert.deepEqual(
    settings[0]?.said.map(({ layer, value, place }) => [layer, value, `${place?.path}:${place?.line}`]),
    [
      ["chart", 1, "shop/values.yaml:1"],
      ["targets[1]", 3, "apps/shop.yaml:24"],
    ],
  );
  const ran = await muster("explain", "shop", "--cluster", "paris", "--path", "helm.values.region");
  assert.equal(ran.exit, 0, ran.err);
  assert.match(ran.out, /won +App .*apps\/shop\.yaml:14.*cluster\.labels\.region = "eu" \(clusters\/paris\.yaml:7\)/);
});

test("explain finds the setting that moves a field of an object, and masks a Secret", async () => {
  const { fields } = await ask<ExplainAnswer>(`explain?app=shop&cluster=berlin&path=${encodeURIComponent("Deployment/web spec.replicas")}`);
  assert.deepEqual(
    fields[0]?.movedBy.map(({ path }) => path),
    ["helm.values.replicas"],
  );
  const secret = await muster("explain", "shop", "--cluster", "berlin", "--path", "Secret/web data", "-o", "json");
  assert.equal(secret.exit, 0, secret.err);
  assert.doesNotMatch(secret.out, /canary|Y2FuYXJ5/);
});

test("S21 preview shows what a branch would delete, add and change, masks Secrets, and releases nothing", async () => {
  const generations = async (): Promise<unknown> => (await rig.status()).clusters.map(({ generation }) => generation.signed);
  const signed = await generations();
  const branch = {
    "apps/shop.yaml": text("apps/shop.yaml").replace("tag: 1.4.2", "tag: 1.5.0"),
    "notes/notes.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
    "apps/broken.yaml":
      "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: broken}\nspec: {source: {path: nowhere}, targets: [{clusters: {matchAll: true}}]}\n",
  };
  await rig.git.forcePush("fleet", head, branch, "a feature", { branch: "feature" });
  const answer = await ask<PreviewAnswer>("preview?revision=feature");
  assert.equal(answer.against, head);
  assert.deepEqual(
    answer.rows.map(({ clusters: names }) => names),
    [clusters],
  );
  const changes = new Map(answer.rows[0]?.changes.map((change) => [change.app as string, change]));
  assert.deepEqual(
    changes.get("default//shop")?.objects.map(({ kind, identity }) => `${kind} ${identity.kind}`),
    ["changed Secret", "changed Deployment"],
  );
  assert.deepEqual(changes.get("default//notes")?.held, ["appToZero"]);
  assert.ok(answer.counts.deleted > 0);
  assert.ok(
    answer.problems.some(({ code }) => code === "E_PATH_MISSING"),
    JSON.stringify(answer.problems),
  );
  assert.doesNotMatch(JSON.stringify(answer), /canary|Y2FuYXJ5/);
  assert.deepEqual(await generations(), signed);
  const ran = await muster("preview", "feature", "--diff");
  assert.equal(ran.exit, 1, "a revision with errors fails");
  assert.match(ran.out, /\+ +image: registry\.example\/shop\/web:1\.5\.0/);
  assert.equal((await muster("preview", "no-such-branch")).exit, 5);
});

test("where finds an image by its path, a commit and what came after it, and what is nowhere", async () => {
  const image = await ask<WhereAnswer>("where?what=shop/web:1.4.2");
  const runs = image.items.flatMap((row) => row.clusters.map((name) => [name, row.state, row.found]));
  assert.deepEqual(
    runs.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    clusters.map((name) => [name, "runs", "registry.example/shop/web:1.4.2"]),
  );
  assert.equal((await muster("where", "hop/web")).exit, 5);
  const commit = await ask<WhereAnswer>(`where?what=${head.slice(0, 10)}`);
  assert.deepEqual(
    commit.items
      .filter(({ app }) => app.endsWith("shop"))
      .flatMap((row) => row.clusters)
      .toSorted(),
    clusters,
  );
});

test("a commit moves a pin: diff is empty after it, and why-changed names commit, author, file and setting", async () => {
  const next = await rig.commit(
    {
      "shop/values.yaml": text("shop/values.yaml").replace("motd: Hello", "motd: Bye"),
      "apps/shop.yaml": text("apps/shop.yaml").replace("tag: 1.4.2", "tag: 1.6.0"),
    },
    "shop 1.6.0",
  );
  await rig.until("it is released", async () => (await rig.apps("?app=shop")).every(({ commit }) => commit === next));
  const why = await ask<WhyAnswer>("why-changed?what=berlin&app=shop");
  const [row] = why.items;
  assert.deepEqual([row?.from.commit, row?.to.commit], [head, next]);
  assert.deepEqual(
    row?.commits.map(({ subject }) => subject),
    ["shop 1.6.0"],
  );
  const causes = new Map(row?.causes.map((cause) => [cause.kind, cause]));
  assert.deepEqual(causes.get("files")?.paths, ["shop/values.yaml"]);
  assert.match(causes.get("document")?.detail ?? "", /helm\.values\.image\.tag "1\.4\.2" -> "1\.6\.0"/);
  assert.deepEqual(row?.counts, { added: 0, changed: 2, deleted: 0 });
  assert.ok(why.items.at(-1)?.causes.some(({ kind }) => kind === "newCluster"));
  const later = await ask<WhereAnswer>(`where?what=${head}`);
  assert.ok(
    later.items.some(({ app, found, commit }) => app.endsWith("shop") && found === head && commit === next),
    "a later commit counts",
  );
  const diff = await muster("diff", "shop");
  assert.equal(diff.exit, 0, diff.out);
});

test("diff shows what waits: a change that the guards hold differs from what is released, once for equal clusters", async () => {
  await rig.commit({ "notes/notes.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n" }, "fewer notes");
  const answer = await rig.until("it is held", async () => {
    const found = await ask<DiffAnswer>("diff?app=notes");
    return found.items.length > 0 ? found : undefined;
  });
  assert.deepEqual(
    answer.items.map(({ clusters: names }) => names),
    [clusters],
  );
  assert.match(answer.items[0]?.reason ?? "", /GuardHeld/);
  assert.equal(answer.items[0]?.objects[0]?.kind, "deleted");
  assert.equal((await muster("diff", "notes")).exit, 3);
});

test("S21 two environments side by side: settings, images and objects that differ, equal Apps on one line", async () => {
  const parity = await ask<ParityAnswer>("parity?left=staging&right=prod");
  assert.deepEqual([parity.left.clusters, parity.right.clusters], [["paris"], ["berlin"]]);
  const shop = parity.items.find(({ app }) => app.endsWith("shop"));
  assert.ok(shop?.settings.some(({ path, to }) => path === "helm.values.replicas" && to === 3));
  assert.doesNotMatch(JSON.stringify(parity), /canary|Y2FuYXJ5/);
  const ran = await muster("diff", "--between", "staging", "prod");
  assert.equal(ran.exit, 3);
  assert.match(ran.out, /^equal: .*notes/m);
});

test("names that nobody knows are exit 5 with the names that there are", async () => {
  const ran = await muster("explain", "shp", "--cluster", "berlin");
  assert.equal(ran.exit, 5);
  assert.match(ran.err, /there is no App shp[\s\S]*shop/);
});
