// The contract: what helm itself pulls from a real chart repository and a real registry, byte for byte.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import { Secret } from "@muster/proto/model/secret";

import { indexCharts, packChart, pullChart, pushChart } from "../../../test/registry/charts.ts";
import { selfSigned } from "../../../test/registry/certificate.ts";
import { startRegistry, USER } from "../../../test/registry/registry.ts";
import { serveFolder } from "../../../test/registry/static-server.ts";
import { at, codeOf, folder, open, password, signal } from "./testdata/world.ts";

const versions = ["0.9.0", "1.2.0", "1.2.3", "1.10.0", "1.11.0-rc.1", "2.0.0", "2.1.0+build.7", "3.0.0-beta.1"];
const asked = [
  null,
  "1.2.3",
  "^1.2",
  "~1.2",
  "1.x",
  ">=1 <2",
  ">=1.11.0-0 <2",
  "^2",
  "2.1.0+build.7",
  ">=3.0.0-0",
  "0.9.0 || ^1",
  "v1.2.3",
  "1.2.0 - 1.9",
];
const unanswered = ["^4", "1.2.4", "~3"];

async function charts(t: TestContext, url?: string): Promise<string> {
  const dir = await folder(t);
  for (const version of versions) await packChart(dir, { name: "shop", version, deprecated: version === "0.9.0" });
  await packChart(dir, { name: "shop-tools", version: "9.9.9" });
  await indexCharts(dir, url);
  return dir;
}

/** The files of an archive as the system's tar unpacks it. */
async function unpacked(t: TestContext, archive: Buffer): Promise<ReadonlyMap<string, string>> {
  const dir = await folder(t);
  execFileSync("tar", ["-xzf", "-", "-C", dir, "--strip-components=1"], { input: archive });
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    await Promise.all(paths.toSorted().map(async (path) => [path.slice(dir.length + 1), await readFile(path, "utf8")] as const)),
  );
}

const textOf = (files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, string> =>
  new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));

for (const absolute of [false, true]) {
  test(`every version and range of a chart repository with ${absolute ? "absolute" : "relative"} URLs gives what helm pulls`, async (t) => {
    const root = await folder(t);
    await using server = await serveFolder(root, { user: USER });
    const made = await charts(t, absolute ? `${server.url}/stable` : undefined);
    await mkdir(join(root, "stable"));
    for (const name of await readdir(made)) await writeFile(join(root, "stable", name), await readFile(join(made, name)));
    const [repo, remote] = [`${server.url}/stable`, await open(t)];
    const address = at(repo, { credentials: password });
    for (const version of asked) {
      const pin = await remote.resolveChart({ kind: "helm", repo, chart: "shop", version }, address, signal);
      const flags = ["shop", "--repo", repo, "--username", USER.name, "--password", USER.password];
      const archive = await pullChart([...flags, ...(version === null ? [] : ["--version", version])]);
      assert.equal(pin.digest, digestOf(archive), `${version} is ${pin.version}`);
      const fetched = await remote.fetchChart(pin, address, signal);
      assert.deepEqual(textOf(fetched.files), await unpacked(t, archive));
      assert.equal(fetched.digest, pin.digest);
    }
    for (const version of unanswered)
      assert.equal(await codeOf(remote.resolveChart({ kind: "helm", repo, chart: "shop", version }, address, signal)), "E_VERSION_MISSING");
    assert.ok((await remote.resolveChart({ kind: "helm", repo, chart: "shop", version: "0.9.0" }, address, signal)).deprecated);
  });
}

test("every version and range of a registry gives what helm pulls, with passwords, tokens, TLS and without", async (t) => {
  const dir = await charts(t);
  for (const options of [{ auth: "none" }, { auth: "password", tls: true }, { auth: "token", tls: true }] as const) {
    await using registry = await startRegistry(options);
    const tls = registry.caFile === undefined ? ["--plain-http"] : ["--ca-file", registry.caFile];
    const flags = [...tls, ...(options.auth === "none" ? [] : ["--username", USER.name, "--password", USER.password])];
    for (const version of versions) await pushChart(join(dir, `shop-${version}.tgz`), `oci://${registry.host}/team`, flags);
    const [ref, remote] = [`oci://${registry.host}/team/shop`, await open(t)];
    const address = at(`oci://${registry.host}/team`, { ca: registry.ca, ...(options.auth === "none" ? {} : { credentials: password }) });
    for (const version of asked) {
      // Helm takes what could be one version as a tag; there is no tag v1.2.3.
      if (version === "v1.2.3") continue;
      const pin = await remote.resolveChart({ kind: "oci", ref, version }, address, signal);
      const archive = await pullChart([ref, ...flags, ...(version === null ? [] : ["--version", version])]);
      assert.equal(pin.digest, digestOf(archive), `${version} is ${pin.version}`);
      assert.deepEqual(textOf((await remote.fetchChart(pin, address, signal)).files), await unpacked(t, archive));
    }
    for (const version of ["^4", "~3"])
      assert.equal(await codeOf(remote.resolveChart({ kind: "oci", ref, version }, address, signal)), "E_VERSION_MISSING");
    assert.equal(await codeOf(remote.resolveChart({ kind: "oci", ref, version: "1.2.4" }, address, signal)), "E_REMOTE_NOT_FOUND");
    if (options.auth !== "none") {
      const wrong = { ...password, password: new Secret("wrong-canary") };
      assert.equal(
        await codeOf(remote.resolveChart({ kind: "oci", ref, version: "1.2.3" }, { ...address, credentials: wrong }, signal)),
        "E_REMOTE_AUTH",
      );
      assert.equal(
        await codeOf(remote.resolveChart({ kind: "oci", ref, version: "1.2.3" }, { ...address, credentials: undefined }, signal)),
        "E_REMOTE_AUTH",
      );
    }
  }
});

test("a registry that gives everybody a token to pull is read without credentials", async (t) => {
  await using registry = await startRegistry({ auth: "token-or-anonymous" });
  const dir = await charts(t);
  await pushChart(join(dir, "shop-1.2.3.tgz"), `oci://${registry.host}/team`, [
    "--plain-http",
    "--username",
    USER.name,
    "--password",
    USER.password,
  ]);
  const [ref, remote] = [`oci://${registry.host}/team/shop`, await open(t)];
  const pin = await remote.resolveChart({ kind: "oci", ref, version: "^1" }, at(ref), signal);
  assert.equal(pin.version, "1.2.3");
  assert.deepEqual(registry.tokens?.asked.at(-1), { scope: "repository:team/shop:pull", user: null });
});

test("an unchanged index is not sent again, and a chart that was fetched needs no server", async (t) => {
  const dir = await charts(t);
  await using server = await serveFolder(dir);
  const [address, ref] = [at(server.url), { kind: "helm", repo: server.url, chart: "shop", version: "^1" } as const];
  const remote = await open(t);
  await remote.resolveChart(ref, address, signal);
  const pin = await remote.resolveChart(ref, address, signal);
  assert.deepEqual(
    server.requests.map(({ status }) => status),
    [200, 304],
  );
  await packChart(dir, { name: "shop", version: "1.99.0" });
  await indexCharts(dir);
  assert.equal((await remote.resolveChart(ref, address, signal)).version, "1.99.0");
  await remote.fetchChart(pin, address, signal);
  const before = server.requests.length;
  const fetched = await (await open(t, {}, remote.dir)).fetchChart(pin, address, signal);
  assert.ok(fetched.files.has("templates/map.yaml"));
  assert.equal(server.requests.length, before);
  await writeFile(join(remote.dir, pin.digest), "damaged");
  assert.equal((await (await open(t, {}, remote.dir)).fetchChart(pin, address, signal)).digest, pin.digest);
  assert.equal(server.requests.length, before + 2, "what is damaged on disk is fetched again");
});

test("an index without digests pins what it gives, and later other bytes are E_DIGEST_MISMATCH", async (t) => {
  const dir = await charts(t);
  const index = await readFile(join(dir, "index.yaml"), "utf8");
  await writeFile(join(dir, "index.yaml"), index.replace(/^ +digest: .*\n/gm, ""));
  await using server = await serveFolder(dir);
  const [remote, address] = [await open(t), at(server.url)];
  const pin = await remote.resolveChart({ kind: "helm", repo: server.url, chart: "shop", version: "1.2.3" }, address, signal);
  assert.equal(pin.digest, digestOf(await readFile(join(dir, "shop-1.2.3.tgz"))));
  await packChart(dir, { name: "shop", version: "1.2.3", files: { "values.yaml": "evil: true\n" } });
  const fresh = await open(t);
  assert.equal(await codeOf(fresh.fetchChart(pin, address, signal)), "E_DIGEST_MISMATCH");
  assert.deepEqual((await readdir(fresh.dir)).length, 1, "only the index is kept");
});

test("the first URL that has the pinned bytes is taken", async (t) => {
  const dir = await charts(t);
  const index = await readFile(join(dir, "index.yaml"), "utf8");
  const other = "http://127.0.0.1:1/shop-1.2.3.tgz";
  await writeFile(
    join(dir, "index.yaml"),
    index.replaceAll("- shop-1.2.3.tgz", `- ${other}\n    - gone.tgz\n    - shop-1.2.0.tgz\n    - shop-1.2.3.tgz`),
  );
  await using server = await serveFolder(dir);
  const [remote, address] = [await open(t), at(server.url)];
  const pin = await remote.resolveChart({ kind: "helm", repo: server.url, chart: "shop", version: "1.2.3" }, address, signal);
  assert.ok((await remote.fetchChart(pin, address, signal)).files.has("Chart.yaml"));
});

test("a client certificate and a bearer token are shown to the repository, and it lets them in", async (t) => {
  const dir = await charts(t);
  const certificate = await selfSigned("charts");
  const client = await selfSigned("hub");
  await using server = await serveFolder(dir, { certificate, bearer: "canary-bearer", clientCa: client.cert });
  const clientCertificate = { cert: client.cert, key: new Secret(client.key) };
  const address = at(server.url, {
    ca: certificate.cert,
    clientCertificate,
    credentials: { kind: "token", token: new Secret("canary-bearer") },
  });
  const ref = { kind: "helm", repo: server.url, chart: "shop", version: "1.2.3" } as const;
  const remote = await open(t);
  assert.equal((await remote.fetchChart(await remote.resolveChart(ref, address, signal), address, signal)).files.size, 3);
  assert.equal(await codeOf(remote.resolveChart(ref, { ...address, ca: undefined }, signal)), "E_REMOTE_TLS");
  assert.notEqual(await codeOf(remote.resolveChart(ref, { ...address, clientCertificate: undefined }, signal)), "accepted");
  assert.equal(await codeOf(remote.resolveChart(ref, { ...address, credentials: undefined }, signal)), "E_REMOTE_AUTH");
});

test("S10 a chart that is called like a path is refused, asked for or in the archive", async (t) => {
  const remote = await open(t);
  for (const chart of ["..", ".", "a/b", "../x", ""])
    assert.equal(
      await codeOf(
        remote.resolveChart({ kind: "helm", repo: "https://charts.example", chart, version: null }, at("https://charts.example"), signal),
      ),
      "E_NAME_INVALID",
    );
});
