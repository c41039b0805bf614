// What Apps take from elsewhere, on a real control plane: charts of a repository and of a registry, artifacts as Sources, remote bases and
// charts that charts depend on; servers that lie, send elsewhere, or are gone.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import type { AppRow } from "@muster/hub/view/api";
import { pushChart } from "../registry/charts.ts";
import { startRegistry, USER, type Registry } from "../registry/registry.ts";
import { serveFolder, type StaticServer } from "../registry/static-server.ts";
import { app, document, word } from "../rig/documents.ts";
import { publishChart, publishFiles, saying } from "../rig/publishing.ts";
import { Rig } from "../rig/rig.ts";
import { startGitServer, type GitServer } from "../gitserver/gitserver.ts";

const chartUser = { name: "charts", password: "canary-charts-41c7" };
const baseToken = "canary-bases-77aa";

let rig: Rig;
let charts: StaticServer;
let chartsDir = "";
/** Another host, that a chart repository sends the hub to. */
let store: StaticServer;
let storeDir = "";
/** Chart repositories of which the second only names archives in `store`. */
let pointing: StaticServer;
let pointingDir = "";
let registry: Registry;
let artifacts: Registry;
let bases: GitServer;
const servers = new AsyncDisposableStack();
const folders: string[] = [];

before(async () => {
  [chartsDir, storeDir, pointingDir] = [await folder(), await folder(), await folder()];
  charts = servers.use(await serveFolder(chartsDir, { user: chartUser }));
  store = servers.use(await serveFolder(storeDir));
  pointing = servers.use(await serveFolder(pointingDir, { user: chartUser }));
  registry = servers.use(await startRegistry({ auth: "password", tls: true }));
  artifacts = servers.use(await startRegistry({ auth: "none" }));
  bases = servers.use(await startGitServer({ token: baseToken }));
  for (const [name, version] of [
    ["shop", "1.0.0"],
    ["shop", "2.0.0"],
    ["part", "1.0.0"],
    ["fixed", "1.0.0"],
  ] as const)
    // prettier-ignore
    await publishChart(chartsDir, name, version);
  await pushed("1.0.0");
  const [secret, user] = [
    { username: chartUser.name, password: chartUser.password },
    { username: USER.name, password: USER.password },
  ];
  rig = await Rig.start({
    clusters: ["one"],
    files: { "clusters/one.yaml": document("Cluster", "one", {}), "own.yaml": app("own", { path: "own" }), "own/it.yaml": word("1") },
    hub: { removeDelay: "3s" },
    root: {
      poll: "1s",
      remotes: [
        { url: charts.url, secretRef: "charts" },
        { url: pointing.url, secretRef: "charts" },
        { url: `oci://${registry.host}/team`, secretRef: "registry" },
        { url: bases.url, secretRef: "bases" },
      ],
    },
    secrets: { charts: secret, registry: { ...user, "ca.crt": registry.ca ?? "" }, bases: { token: baseToken } },
  });
  await rig.join("one");
  await rig.settled();
});
after(async () => {
  await rig?.[Symbol.asyncDispose]();
  await servers.disposeAsync();
  for (const dir of folders) await rm(dir, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-charts-"));
  folders.push(dir);
  return dir;
}
/** A version of the chart in the registry. */
async function pushed(version: string): Promise<string> {
  const archive = await publishChart(await folder(), "goods", version);
  const user = ["--username", USER.name, "--password", USER.password];
  await pushChart(archive, `oci://${registry.host}/team`, ["--ca-file", registry.caFile ?? "", ...user]);
  return digestOf(await readFile(archive));
}
const live = (name: string): Promise<string> =>
  rig.plane("one").kubectl(["get", "configmap", "it", "-n", name, "--ignore-not-found", "-o", "jsonpath={.data.v}"]);
const runs = (name: string, said: string): Promise<unknown> => rig.until(`${name} says ${said}`, async () => (await live(name)) === said);
const failing = (name: string, code: string): Promise<AppRow> =>
  rig.until(`${name} fails with ${code}`, async () =>
    (await rig.apps(`?app=${name}`)).find(({ reason, message }) => reason === "RenderFailed" && message.includes(code)),
  );
const chart = (name: string, ref: object, spec: object = {}): Record<string, string> => ({
  [`${name}.yaml`]: app(name, { helm: ref }, spec),
});

test("a chart of a repository goes by its range: what is published next rolls out, a major version does not", async () => {
  await rig.commit(chart("shop", { repo: charts.url, chart: "shop", version: "^1" }), "shop");
  await runs("shop", "1.0.0");
  const before = charts.requests.length;
  await publishChart(chartsDir, "shop", "1.1.0");
  await publishChart(chartsDir, "shop", "3.0.0");
  await runs("shop", "1.1.0");
  assert.deepEqual(
    charts.requests.slice(before).flatMap(({ path }) => (path.endsWith(".tgz") ? [path] : [])),
    ["/shop-1.1.0.tgz"],
  );
  const [row] = await rig.apps("?app=shop");
  assert.match(row?.commit ?? "", /^1\.1\.0@sha256:[0-9a-f]{64}$/);
});

test("a chart of a registry with sign-in and a CA of its own", async () => {
  await rig.commit(chart("goods", { oci: `oci://${registry.host}/team`, chart: "goods", version: "^1" }), "goods");
  await runs("goods", "1.0.0");
  await pushed("1.2.0");
  await runs("goods", "1.2.0");
});

test("S13 a registry's folder beside the allowed one is not asked", async () => {
  await rig.commit(chart("beside", { oci: `oci://${registry.host}/team-b`, chart: "goods" }), "beside");
  assert.match((await failing("beside", "E_REMOTE_FORBIDDEN")).message, /root\.remotes/);
  await rig.commit({ "beside.yaml": null }, "not beside");
});

test("an OCI artifact is a Source: its documents and its folders", async () => {
  const files = (v: string): Record<string, string> => ({
    "apps/app.yaml": app("packed", { path: "apps/packed" }),
    "apps/packed/it.yaml": word(v),
  });
  await publishFiles(artifacts.host, "fleet/team", "1.0.0", files("one"));
  const source = { oci: `oci://${artifacts.host}/fleet/team`, revision: "^1", poll: "5s" };
  await rig.commit({ "sources/packed.yaml": document("Source", "packed", source) }, "packed");
  await runs("packed", "one");
  await publishFiles(artifacts.host, "fleet/team", "1.0.1", files("two"));
  await runs("packed", "two");
});

test("a Helm repository is a Source: an App names a chart of it", async () => {
  const source = { helm: charts.url, secretRef: "charts", poll: "5s" };
  await rig.commit(
    {
      "sources/charts.yaml": document("Source", "charts", source),
      "named.yaml": app("named", { source: "charts", helm: { chart: "shop", version: "1.0.0" } }),
    },
    "named",
  );
  await runs("named", "1.0.0");
});

test("S15 archives that the index names on another host are fetched without the repository's password", async () => {
  await publishChart(pointingDir, "far", "1.0.0", saying("far"), store.url);
  await writeFile(join(storeDir, "far-1.0.0.tgz"), await readFile(join(pointingDir, "far-1.0.0.tgz")));
  await rig.commit(chart("far", { repo: pointing.url, chart: "far" }), "far");
  await runs("far", "far");
  assert.ok(pointing.requests.some(({ authorization }) => authorization !== undefined));
  assert.deepEqual(
    store.requests.map(({ path, authorization }) => [path, authorization]),
    [["/far-1.0.0.tgz", undefined]],
  );
});

test("B50 a version that is published again with other bytes moves nothing", async () => {
  await rig.commit(chart("fixed", { repo: charts.url, chart: "fixed", version: "1.0.0" }), "fixed");
  await runs("fixed", "1.0.0");
  const { generation } = (await rig.status()).clusters[0] ?? {};
  await publishChart(chartsDir, "fixed", "1.0.0", saying("other bytes"));
  await rig.said(rig.hub, /"source":"[^"]*fixed[^"]*1\.0\.0".*"code":"E_DIGEST_MISMATCH"/);
  assert.equal(await live("fixed"), "1.0.0");
  assert.deepEqual((await rig.status()).clusters[0]?.generation, generation);
});

test("B50 a registry that gives other bytes for a digest is not believed, and what runs stays", async () => {
  const digest = await pushed("2.0.0");
  const blob = join(registry.dir, "docker/registry/v2/blobs/sha256", digest.slice(0, 2), digest, "data");
  const bytes = await readFile(blob);
  await writeFile(blob, bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1));
  await rig.commit(chart("goods", { oci: `oci://${registry.host}/team`, chart: "goods", version: "2.0.0" }), "goods 2");
  await rig.said(rig.hub, /"source":"[^"]*goods[^"]*2\.0\.0".*"code":"E_DIGEST_MISMATCH"/);
  assert.equal(await live("goods"), "1.2.0");
  await writeFile(blob, bytes);
  await runs("goods", "2.0.0");
});

test("B51 a kustomization with a base of a repository elsewhere, and one with a chart", async () => {
  await bases.createRepository("bases", {
    "web/kustomization.yaml": "resources: [it.yaml]\n",
    "web/it.yaml": word("of the base"),
  });
  await rig.commit(
    {
      "based.yaml": app("based", { path: "based" }),
      "based/kustomization.yaml": `resources: ["${bases.cloneUrl("bases")}//web?ref=main"]\nlabels: [{pairs: {from: elsewhere}}]\n`,
      "inflated.yaml": app("inflated", { path: "inflated" }),
      "inflated/kustomization.yaml": `helmCharts: [{name: shop, repo: "${charts.url}", version: 1.0.0, releaseName: it, valuesInline: {more: values}}]\n`,
    },
    "remote bases",
  );
  await runs("based", "of the base");
  await runs("inflated", "1.0.0");
  await bases.commit("bases", { "web/it.yaml": word("of the base, later") }, "later");
  await runs("based", "of the base, later");
});

test("B51 a base that is not allowed is not fetched, and its place is told", async () => {
  await rig.commit(
    { "stray.yaml": app("stray", { path: "stray" }), "stray/kustomization.yaml": `resources:\n  - ${store.url}/x.git//web?ref=main\n` },
    "stray",
  );
  const { message } = await failing("stray", "E_REMOTE_FORBIDDEN");
  assert.match(message, /stray\/kustomization\.yaml/);
  assert.ok(store.requests.every(({ path }) => path === "/far-1.0.0.tgz"));
  await rig.commit({ "stray.yaml": null, "stray/kustomization.yaml": null }, "not stray");
});

test("a chart brings the charts that it depends on, also when a new one of them is published", async () => {
  const files = {
    "Chart.yaml": `apiVersion: v2\nname: whole\nversion: 1.0.0\ndependencies: [{name: part, version: ^1, repository: "${charts.url}"}]\n`,
    "values.yaml": "part: {more: from the parent}\n",
    "templates/NOTES.txt": "",
  };
  await rig.commit(
    {
      "whole.yaml": app("whole", { path: "whole" }),
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`whole/${path}`, text])),
    },
    "whole",
  );
  await runs("whole", "1.0.0");
  const more = await rig.plane("one").kubectl(["get", "configmap", "it", "-n", "whole", "-o", "jsonpath={.data.more}"]);
  assert.equal(more, "from the parent");
  await publishChart(chartsDir, "part", "1.0.1");
  await runs("whole", "1.0.1");
});

test("I12 a chart's server that cannot be believed is shown, although what runs is in order", async () => {
  const rows = (await rig.status()).contents;
  assert.deepEqual(
    rows.map(({ name, error }) => [name.includes("fixed"), error?.code]),
    [[true, "E_DIGEST_MISMATCH"]],
  );
});

/** The Placement is the same before and after (no Release), so that the Resolver does not touch its cluster, and nobody judges it again. */
test("I12 an App that waits for a chart says so when the chart cannot be had", async () => {
  await rig.commit(chart("absent", { repo: charts.url, chart: "shop", version: "^9" }), "absent");
  try {
    await failing("absent", "E_VERSION_MISSING");
  } finally {
    await rig.commit({ "absent.yaml": null }, "not absent");
    await rig.until("it is forgotten", async () => (await rig.apps("?app=absent")).length === 0);
  }
});

test("D12 F38 a hub that starts while every server is gone signs nothing anew, and healing goes on", async () => {
  await rig.settled();
  const before = (await rig.status()).clusters[0]?.generation;
  await rig.hub.kill();
  await rig.git.stop();
  await servers.disposeAsync();
  await rig.hub.start();
  await rig.until("the root is seen to be away", async () => (await rig.status()).sources[0]?.stale);
  const names = ["own", "shop", "goods", "packed", "named", "far", "fixed", "based", "inflated", "whole"];
  const said = await Promise.all(names.map(live));
  for (const name of names) await rig.plane("one").kubectl(["delete", "configmap", "it", "-n", name]);
  await rig.until("all are healed", async () => (await Promise.all(names.map(live))).join() === said.join());
  await rig.settled();
  assert.deepEqual((await rig.status()).clusters[0]?.generation, before);
  assert.ok((await rig.apps()).every(({ state }) => state === "synced"));
  assert.equal(await live("fixed"), "1.0.0");
});

test("I9 no password is in the hub's log, or in what it answers", async () => {
  const answers = JSON.stringify([await rig.status(), await rig.apps()]);
  for (const text of [answers, rig.hub.lines.join("\n")])
    for (const secret of [chartUser.password, USER.password, baseToken]) assert.ok(!text.includes(secret));
});
