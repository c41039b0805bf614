// Servers that lie, lead elsewhere, or do not end: small local ones that do exactly that.

import assert from "node:assert/strict";
import dns from "node:dns";
import { readdir, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";

import { digestOf } from "@muster/proto/model/digest";
import { Secret } from "@muster/proto/model/secret";

import { leadingTo } from "../../../test/gitserver/names.ts";
import { startServer } from "../../../test/registry/static-server.ts";
import type { ArtifactPin } from "./artifact.ts";
import type { ChartPin } from "./chart.ts";
import { parseProxy } from "../network/network.ts";
import { at, codeOf, folder, onLoopback, open, password, signal, tarOf } from "./testdata/world.ts";

type Seen = { readonly url: string; readonly authorization: string | undefined };
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers with `handler`, and what it saw. */
async function serve(t: TestContext, handler: Handler) {
  const seen: Seen[] = [];
  const server = await startServer((request, response) => {
    seen.push({ url: request.url ?? "", authorization: request.headers.authorization });
    handler(request, response);
  });
  t.after(() => server[Symbol.asyncDispose]());
  return { url: server.url, oci: server.url.replace("http:", "oci:"), seen };
}

const found =
  (location: string): Handler =>
  (_, response) =>
    void response.writeHead(302, { location }).end();
const text =
  (body: string | Buffer): Handler =>
  (_, response) =>
    void response.writeHead(200).end(body);

const archive = gzipSync(tarOf([{ name: "shop/Chart.yaml", content: "name: shop\nversion: 1.0.0\n" }]));
const index = (url: string, bytes: Buffer = archive): string =>
  `entries:\n  shop:\n  - name: shop\n    version: 1.0.0\n    digest: ${digestOf(bytes)}\n    urls: ["${url}"]\n`;
const helm = (repo: string) => ({ kind: "helm", repo, chart: "shop", version: null }) as const;
const blobPin = (ref: string, bytes: Buffer): ArtifactPin => ({
  ref: { ref, revision: null },
  revision: "latest",
  manifest: digestOf("m"),
  digest: digestOf(bytes),
});

test("S15 a blob may lie on another host, which gets no credentials", async (t) => {
  const elsewhere = await serve(t, text(archive));
  const registry = await serve(t, (request, response) => {
    if (request.headers.authorization === undefined) return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    found(`${elsewhere.url}/store?sig=canary-sas`)(request, response);
  });
  const remote = await open(t);
  const pin = blobPin(`${registry.oci}/team/fleet`, archive);
  const { digest } = await remote.fetchArtifact(pin, at(`${registry.oci}/team`, { credentials: password }), signal);
  assert.equal(digest, digestOf(archive));
  assert.deepEqual(
    registry.seen.map(({ authorization }) => authorization?.split(" ")[0]),
    [undefined, "Basic"],
  );
  assert.deepEqual(elsewhere.seen, [{ url: "/store?sig=canary-sas", authorization: undefined }]);
});

test("S15 B11 manifests, tags and an index that needs credentials never lead to another host", async (t) => {
  const evil = await serve(t, text("{}"));
  const moved = await serve(t, (request, response) => {
    if (request.headers.authorization === undefined) return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    found(`${evil.url}${request.url}`)(request, response);
  });
  const remote = await open(t);
  const address = at(moved.oci, { credentials: password });
  assert.equal(
    await codeOf(remote.resolveArtifact({ ref: `${moved.oci}/fleet`, revision: "main" }, address, signal)),
    "E_REDIRECT_FORBIDDEN",
  );
  assert.equal(
    await codeOf(remote.resolveArtifact({ ref: `${moved.oci}/fleet`, revision: "^1" }, address, signal)),
    "E_REDIRECT_FORBIDDEN",
  );
  assert.equal(
    await codeOf(remote.resolveChart(helm(moved.url), at(moved.url, { credentials: password }), signal)),
    "E_REDIRECT_FORBIDDEN",
  );
  assert.equal(
    await codeOf(remote.fetchFile(`${moved.url}/x.yaml`, null, at(moved.url, { credentials: password }), signal)),
    "E_REDIRECT_FORBIDDEN",
  );
  assert.deepEqual(evil.seen, []);
});

test("S15 an index may name an archive elsewhere, which is fetched without credentials; another path of the server gets none either", async (t) => {
  const elsewhere = await serve(t, text(archive));
  let place = `${elsewhere.url}/shop.tgz`;
  const repository = await serve(t, (request, response) =>
    text(request.url?.endsWith("index.yaml") ? index(place) : archive)(request, response),
  );
  const address = at(`${repository.url}/stable`, { credentials: password });
  const remote = await open(t);
  await remote.fetchChart(await remote.resolveChart(helm(address.url), address, signal), address, signal);
  assert.deepEqual(elsewhere.seen, [{ url: "/shop.tgz", authorization: undefined }]);
  place = `${repository.url}/stable-evil/shop.tgz`;
  const fresh = await open(t);
  await fresh.fetchChart(await fresh.resolveChart(helm(address.url), address, signal), address, signal);
  assert.deepEqual(repository.seen.at(-1), { url: "/stable-evil/shop.tgz", authorization: undefined });
  assert.match(repository.seen[0]?.authorization ?? "", /^Basic /);
});

test("S15 a realm on another site does not learn the credentials; where it is named, it does", async (t) => {
  const evil = await serve(t, text('{"token": "t0ken"}'));
  const realm = evil.url.replace("127.0.0.1", "localhost");
  const registry = await serve(t, (request, response) => {
    if (request.headers.authorization !== undefined) return void response.writeHead(404).end();
    response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}/token",service="x"` }).end();
  });
  const remote = await open(t);
  const ask = (more: object) =>
    remote.resolveArtifact(
      { ref: `${registry.oci}/fleet`, revision: "main" },
      at(registry.oci, { credentials: password, ...more }),
      signal,
    );
  assert.equal(await codeOf(ask({})), "E_CREDENTIALS_FORBIDDEN");
  assert.equal(evil.seen.length, 0);
  assert.equal(await codeOf(ask({ tokenHosts: [new URL(realm).host] })), "E_REMOTE_NOT_FOUND");
  assert.match(evil.seen[0]?.authorization ?? "", /^Basic /);
  assert.equal(registry.seen.at(-1)?.authorization, "Bearer t0ken");
});

test("B11 S16 a redirect to a cloud's metadata, to this machine by another name, or in a circle is refused", async (t) => {
  const remote = await open(t);
  for (const location of [
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:169.254.169.254]/",
    "http://[fe80::1]/",
    "http://0.0.0.0/",
    "https://user:pw@127.0.0.1/",
    "ftp://127.0.0.1/",
    "/again",
    "http://10.0.0.1/",
  ]) {
    const server = await serve(t, found(location));
    assert.equal(await codeOf(remote.fetchFile(`${server.url}/x.yaml`, null, at(server.url), signal)), "E_REDIRECT_FORBIDDEN", location);
  }
});

test("S16 without a word of the operator no address leads to this machine, nor ever to metadata, in whatever spelling, and nothing is sent", async (t) => {
  const remote = await open(t);
  const hosts = [
    "169.254.169.254",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "0x7f.1",
    "2130706433",
    "0.0.0.0",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "x.localhost",
    "224.0.0.1",
    "[64:ff9b::7f00:1]",
  ];
  for (const host of hosts) {
    const url = `https://${host}/x.yaml`;
    const code = await codeOf(remote.fetchFile(url, null, at(url, { insecure: true, network: { ...onLoopback, allow: [] } }), signal));
    assert.equal(code, "E_HOST_FORBIDDEN", host);
  }
  const outside = at("https://charts.example/");
  for (const url of [
    "http://127.0.0.1/x",
    "https://127.0.0.1/x",
    "https://charts.example.evil/x",
    "https://charts.example:8443/x",
    "https://x@charts.example/x",
    "git::ssh://charts.example/x",
    "https://charts.example/%2e%2e/x#y",
  ])
    assert.match(await codeOf(remote.fetchFile(url, null, outside, signal)), /^E_(?:REMOTE|URL)_FORBIDDEN$/, url);
});

test("S16 a name is looked up when it is connected to, and refused when it leads to this machine or to metadata", async (t) => {
  const server = await serve(t, text("a: 1\n"));
  const url = `${server.url.replace("127.0.0.1", "rebind.example")}/x`;
  const fetched = async (allow: readonly string[], ...addresses: readonly string[]): Promise<string> => {
    const lookup = t.mock.method(dns, "lookup", leadingTo(addresses));
    const address = at(url, { insecure: true, network: { ...onLoopback, allow } });
    const code = await codeOf((await open(t)).fetchFile(url, null, address, signal));
    lookup.mock.restore();
    return code;
  };
  assert.equal(await fetched([], "127.0.0.1"), "E_HOST_FORBIDDEN");
  assert.equal(await fetched(onLoopback.allow, "127.0.0.1", "169.254.169.254"), "E_HOST_FORBIDDEN");
  assert.equal(server.seen.length, 0);
  assert.equal(await fetched(onLoopback.allow, "127.0.0.1"), "accepted");
});

test("B50 a server that is silent, drips, or does not end is given up, and so is one that answers too much", async (t) => {
  const silent = await serve(t, () => undefined);
  const endless = await serve(t, (_, response) => {
    response.writeHead(200);
    const more = setInterval(() => response.write(Buffer.alloc(256 << 10)), 1);
    response.on("close", () => clearInterval(more));
  });
  const dripping = await serve(t, (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(drip));
  });
  const boasting = await serve(t, (_, response) => response.writeHead(200, { "content-length": String(2 ** 40) }).flushHeaders());
  const remote = await open(t, { idleMs: 100, requestMs: 400, fileBytes: 1 << 20 });
  const codes = await Promise.all(
    [silent, endless, dripping, boasting].map(({ url }) => codeOf(remote.fetchFile(url, null, at(url), signal))),
  );
  assert.deepEqual(codes, ["E_REMOTE_TIMEOUT", "E_LIMIT", "E_REMOTE_TIMEOUT", "E_LIMIT"]);
  const impatient = await open(t, { idleMs: 100, requestMs: 10_000 });
  await assert.rejects(impatient.fetchFile(silent.url, null, at(silent.url), signal), /said nothing for 0\.1 s/);
});

test("a caller that has lost interest is not kept waiting", async (t) => {
  const control = new AbortController();
  const silent = await serve(t, () => control.abort());
  const remote = await open(t);
  assert.equal(await codeOf(remote.fetchFile(silent.url, null, at(silent.url), control.signal)), "E_CANCELLED");
  assert.equal(await codeOf(remote.fetchFile(silent.url, null, at(silent.url), control.signal)), "E_CANCELLED");
  assert.equal(silent.seen.length, 1);
});

test("S23 no status, no fault and no closed connection puts a token or a signed URL into a message", async (t) => {
  const codes: string[] = [];
  for (const status of [401, 403, 404, 429, 500, 418]) {
    const server = await serve(t, (_, response) =>
      response.writeHead(status, { "retry-after": "5" }).end(`echo ${password.password.reveal()}`),
    );
    const remote = await open(t);
    const url = `${server.url}/x.yaml?sig=${password.password.reveal()}`;
    codes.push(await codeOf(remote.fetchFile(url, null, at(server.url, { credentials: password }), signal)));
    codes.push(
      await codeOf(remote.fetchFile(`${server.url.replace("//", `//ada:${password.password.reveal()}@`)}/x`, null, at(server.url), signal)),
    );
  }
  const cutting = await serve(t, (request) => request.socket.destroy());
  codes.push(await codeOf((await open(t)).fetchFile(`${cutting.url}/x?sig=${password.password.reveal()}`, null, at(cutting.url), signal)));
  const right = ["E_REMOTE_AUTH", "E_REMOTE_DENIED", "E_REMOTE_NOT_FOUND", "E_REMOTE_BUSY", "E_REMOTE_UNREACHABLE", "E_REMOTE_PROTOCOL"];
  assert.deepEqual(codes, [...right.flatMap((code) => [code, "E_URL_FORBIDDEN"]), "E_REMOTE_UNREACHABLE"]);
});

test("a registry that lies about a manifest, its tags or its pages is found out", async (t) => {
  const manifest = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });
  const answers: readonly (readonly [string, string, Handler])[] = [
    ["E_DIGEST_MISMATCH", `sha256:${digestOf("other")}`, text(manifest)],
    [
      "E_DIGEST_MISMATCH",
      "main",
      (_, response) => response.writeHead(200, { "docker-content-digest": `sha256:${digestOf("other")}` }).end(manifest),
    ],
    ["E_REMOTE_PROTOCOL", "main", text(manifest)],
    ["E_REMOTE_PROTOCOL", "main", text("<html>")],
    ["E_REMOTE_PROTOCOL", "main", (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(manifest))],
    ["E_REMOTE_PROTOCOL", "^1", text('{"tags": [7]}')],
    [
      "E_REMOTE_PROTOCOL",
      "^1",
      (_, response) => response.writeHead(200, { link: '<http://127.0.0.1:1/v2/x/tags/list>; rel="next"' }).end('{"tags":[]}'),
    ],
    [
      "E_REMOTE_PROTOCOL",
      "^1",
      (request, response) => response.writeHead(200, { link: `<${request.url}>; rel="next"` }).end('{"tags":[]}'),
    ],
    ["E_VERSION_MISSING", "^1", text('{"tags": null}')],
  ];
  for (const [code, revision, handler] of answers) {
    const server = await serve(t, handler);
    const remote = await open(t);
    assert.equal(await codeOf(remote.resolveArtifact({ ref: `${server.oci}/x`, revision }, at(server.oci), signal)), code, revision);
  }
});

test("S10 B50 what is no chart is refused by what is in it, and not kept", async (t) => {
  const contents: readonly (readonly [string, Buffer])[] = [
    ["E_NAME_INVALID", gzipSync(tarOf([{ name: "shop/Chart.yaml", content: 'name: ".."\nversion: 1.0.0\n' }]))],
    ["E_NAME_INVALID", gzipSync(tarOf([{ name: "shop/Chart.yaml", content: "name: shop\nversion: ../../1\n" }]))],
    ["E_ARCHIVE", gzipSync(tarOf([{ name: "shop/values.yaml", content: "a: 1\n" }]))],
    ["E_ARCHIVE", gzipSync(tarOf([{ name: "Chart.yaml", content: "name: shop\nversion: 1.0.0\n" }]))],
    ["E_ARCHIVE", gzipSync(tarOf([{ name: "a/Chart.yaml", content: "name: shop\nversion: 1.0.0\n" }, { name: "b/Chart.yaml" }]))],
    ["E_ARCHIVE", gzipSync(tarOf([{ name: "shop/Chart.yaml", content: "name: [\n" }]))],
    ["E_LIMIT", gzipSync(tarOf([{ name: "shop/Chart.yaml", content: Buffer.alloc(32 << 20) }]))],
  ];
  for (const [code, bytes] of contents) {
    const server = await serve(t, (request, response) =>
      text(request.url?.endsWith("index.yaml") ? index("shop.tgz", bytes) : bytes)(request, response),
    );
    const remote = await open(t);
    const pin: ChartPin = await remote.resolveChart(helm(server.url), at(server.url), signal);
    assert.equal(await codeOf(remote.fetchChart(pin, at(server.url), signal)), code);
    assert.equal((await readdir(remote.dir)).length, 1, "only the index is kept");
  }
});

test("a chart that became another under its version is E_DIGEST_MISMATCH, without fetching it", async (t) => {
  let bytes: Buffer = archive;
  const server = await serve(t, (request, response) =>
    text(request.url?.endsWith("index.yaml") ? index("shop.tgz", bytes) : bytes)(request, response),
  );
  const pin = await (await open(t)).resolveChart(helm(server.url), at(server.url), signal);
  bytes = gzipSync(tarOf([{ name: "shop/Chart.yaml", content: "name: shop\nversion: 1.0.0\n# new\n" }]));
  assert.equal(await codeOf((await open(t)).fetchChart(pin, at(server.url), signal)), "E_DIGEST_MISMATCH");
  assert.ok(!server.seen.some(({ url }) => url.endsWith(".tgz")));
});

test("a file is pinned by its digest, and taken from the disk while it is there", async (t) => {
  let body = "a: 1\n";
  const server = await serve(t, (request, response) => text(body)(request, response));
  const [remote, url] = [await open(t), `${server.url}/base.yaml`];
  const first = await remote.fetchFile(url, null, at(server.url), signal);
  body = "a: 2\n";
  assert.equal(Buffer.from((await remote.fetchFile(url, first.digest, at(server.url), signal)).bytes).toString(), "a: 1\n");
  assert.equal(server.seen.length, 1);
  assert.equal(await codeOf((await open(t)).fetchFile(url, first.digest, at(server.url), signal)), "E_DIGEST_MISMATCH");
});

test("a proxy is asked in place of the server, with its own password only", async (t) => {
  const server = await serve(t, text("through"));
  const proxied: (string | undefined)[] = [];
  const proxy = await serve(t, (request, response) => {
    proxied.push(request.headers["proxy-authorization"]);
    const target = new URL(request.url ?? "");
    const upstream = connect(Number(target.port), target.hostname, () => upstream.end(`GET ${target.pathname} HTTP/1.0\r\n\r\n`));
    const chunks: Buffer[] = [];
    upstream.on("data", (chunk) => chunks.push(chunk as Buffer));
    upstream.on("end", () => response.writeHead(200).end(Buffer.concat(chunks).toString().split("\r\n\r\n")[1]));
  });
  const proxyUrl = proxy.url.replace("//", "//corp:canary-proxy@");
  const file = await (
    await open(t)
  ).fetchFile(`${server.url}/x`, null, at(server.url, { network: { ...onLoopback, http: parseProxy(proxyUrl) } }), signal);
  assert.equal(Buffer.from(file.bytes).toString(), "through");
  assert.deepEqual([proxy.seen.length, server.seen.length, proxied[0]?.split(" ")[0]], [1, 1, "Basic"]);
});

test("plain http goes to loopback only, unless it is allowed; credentials say so apart", async (t) => {
  const remote = await open(t);
  const code = (more: object) => codeOf(remote.fetchFile("http://charts.example/x", null, at("http://charts.example", more), signal));
  assert.equal(await code({}), "E_REMOTE_FORBIDDEN");
  assert.equal(await code({ credentials: { kind: "token", token: new Secret("canary") } }), "E_CREDENTIALS_FORBIDDEN");
  assert.equal(
    await codeOf(remote.resolveArtifact({ ref: "oci://charts.example/Bad_Name/..", revision: null }, at("oci://charts.example"), signal)),
    "E_URL_FORBIDDEN",
  );
});

test("a disk that refuses costs nothing but the next fetch", async (t) => {
  const server = await serve(t, text("a: 1\n"));
  const dir = await folder(t);
  const remote = await open(t, {}, dir);
  await rm(dir, { recursive: true });
  assert.equal(Buffer.from((await remote.fetchFile(server.url, null, at(server.url), signal)).bytes).toString(), "a: 1\n");
  assert.deepEqual(remote.warnings, ["fetched content is not kept"]);
});
