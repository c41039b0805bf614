// Client certificates, a CA of one's own, proxies and GitHub Apps, with both carriers.

import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import http from "node:http";
import { test, type TestContext } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { makeCertificates } from "../../../test/gitserver/certificates.ts";
import { startGitServer } from "../../../test/gitserver/gitserver.ts";
import { startProxy } from "../../../test/gitserver/proxy.ts";
import { githubAppTokens } from "./github-app.ts";
import { defaultLimits } from "./limits.ts";
import { CANARY, codeOf, gitServer, onLoopback, signal, snapshotOf, stub, text, through } from "./testdata/servers.ts";
import { httpWays } from "./testdata/ways.ts";

const certificates = await makeCertificates();
const { ca, client } = { ca: certificates.ca.cert, client: certificates.client };
const clientCertificate = { certificate: client.cert, key: new Secret(client.key) };

async function tlsServer(t: TestContext) {
  const server = await startGitServer({ token: CANARY, tls: { ...certificates.server, clientCa: ca } });
  t.after(() => server[Symbol.asyncDispose]());
  await server.createRepository("fleet", { a: "1" });
  return server;
}

for (const way of httpWays) {
  test(`${way.name}: S18 a server with client certificates is read with one, and not without`, async (t) => {
    const server = await tlsServer(t);
    const source = await way.open(t, server.cloneUrl("fleet"), { ca, clientCertificate });
    assert.equal(await text(await snapshotOf(source.fetch(signal)), "a"), "1");
    await server.commit("fleet", { a: "2" }, "second");
    assert.equal(await text(await snapshotOf(source.fetch(signal)), "a"), "2");
    assert.match(await codeOf((await way.open(t, server.cloneUrl("fleet"), { ca })).fetch(signal)), /^E_SOURCE_(TLS|UNREACHABLE)$/);
    const stranger = { certificate: certificates.server.cert, key: clientCertificate.key };
    assert.notEqual(
      await codeOf((await way.open(t, server.cloneUrl("fleet"), { ca, clientCertificate: stranger })).fetch(signal)),
      "accepted",
    );
    assert.equal(await codeOf((await way.open(t, server.cloneUrl("fleet"), { clientCertificate })).fetch(signal)), "E_SOURCE_TLS");
  });

  test(`${way.name}: https goes through a proxy in a tunnel, http as it is; S23 the proxy's password is in no message`, async (t) => {
    const password = "canary-proxy";
    await using proxy = await startProxy("anna", password);
    const secure = await tlsServer(t);
    const plain = await gitServer(t);
    await plain.createRepository("fleet", { a: "1" });
    const target = secure.url.replace("https://", "");
    const proxied = await way.open(t, secure.cloneUrl("fleet"), { ca, clientCertificate, network: through(proxy.url) });
    await snapshotOf(proxied.fetch(signal));
    assert.deepEqual([...new Set(proxy.seen)], [target]);
    await snapshotOf((await way.open(t, plain.cloneUrl("fleet"), { network: through(proxy.url) })).fetch(signal));
    assert.ok(proxy.seen.some((url) => url.startsWith(plain.cloneUrl("fleet"))));

    const seen = proxy.seen.length;
    await snapshotOf((await way.open(t, plain.cloneUrl("fleet"), { network: through(proxy.url, ["127.0.0.1"]) })).fetch(signal));
    assert.equal(proxy.seen.length, seen, "not through the proxy");
    const wrong = proxy.url.replace(password, `${password}-wrong`);
    const stranger = await way.open(t, secure.cloneUrl("fleet"), { ca, clientCertificate, network: through(wrong) });
    await assert.rejects(stranger.fetch(signal), (error: Error) => /407/.test(error.message) && !error.message.includes(password));
  });

  test(`${way.name}: a GitHub App's token is asked for once and used until it ends`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const asked: string[] = [];
    // A stand-in for api.github.com: status and fields as its documentation says.
    const apiUrl = await stub(t, (request, response) => {
      const [head = "", claims = "", signature = ""] = (request.headers.authorization ?? "").replace("Bearer ", "").split(".");
      const right = createVerify("sha256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url");
      asked.push(`${request.method} ${request.url} ${right}`);
      if (!right) return void response.writeHead(401).end('{"message":"A JSON web token could not be decoded"}');
      const said = JSON.parse(Buffer.from(claims, "base64url").toString()) as { iss: string; iat: number; exp: number };
      assert.ok(said.iss === "12" && said.exp - said.iat <= 600);
      const answer = {
        token: CANARY,
        expires_at: "2100-01-01T00:00:00Z",
        permissions: { contents: "read" },
        repository_selection: "selected",
      };
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
    const key = (pem: string) => ({ kind: "githubApp", appId: "12", installationId: "34", privateKey: new Secret(pem), apiUrl }) as const;
    const credentials = key(privateKey.export({ type: "pkcs1", format: "pem" }) as string);
    const source = await way.open(t, server.cloneUrl("fleet"), { credentials });
    await snapshotOf(source.fetch(signal));
    assert.equal((await source.fetch(signal)).kind, "unchanged");
    assert.deepEqual(asked, ["POST /app/installations/34/access_tokens true"]);
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    assert.equal(await codeOf((await way.open(t, server.cloneUrl("fleet"), { credentials: key(other) })).fetch(signal)), "E_SOURCE_AUTH");
    assert.equal(await codeOf(way.open(t, server.cloneUrl("fleet"), { credentials: key(CANARY) })), "E_CREDENTIALS_KIND");
  });
}

for (const way of httpWays)
  for (const revokedAfter of [0, 1])
    test(`${way.name}: a GitHub App's token that is revoked early is asked for again, once (after ${revokedAfter} answers)`, async (t) => {
      const server = await gitServer(t);
      await server.createRepository("fleet", { a: "1" });
      let [given, answers] = [0, 0];
      const apiUrl = await stub(t, (_, response) => {
        given += 1;
        response.writeHead(201).end(JSON.stringify({ token: `t${given}`, expires_at: "2100-01-01T00:00:00Z" }));
      });
      const tokenIn = (header = ""): string => Buffer.from(header.replace("Basic ", ""), "base64").toString().split(":")[1] ?? "";
      const revoked = new Set<string>();
      // A forge whose tokens end when it says so, in front of the real one.
      const front = await stub(t, (request, response, body) => {
        const token = tokenIn(request.headers.authorization);
        if (answers >= revokedAfter) revoked.add("t1");
        if (!/^t[12]$/.test(token) || revoked.has(token)) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
        answers += 1;
        const authorization = `Basic ${Buffer.from(`x:${CANARY}`).toString("base64")}`;
        const onward = http.request(`${server.url}${request.url}`, {
          method: request.method ?? "GET",
          headers: { ...request.headers, authorization },
        });
        onward.on("response", (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)));
        onward.end(body);
      });
      const pem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      const app = { kind: "githubApp", appId: "1", installationId: "2", privateKey: new Secret(pem), apiUrl } as const;
      const source = await way.open(t, `${front}/fleet.git`, { credentials: app });
      assert.equal(await text(await snapshotOf(source.fetch(signal)), "a"), "1");
      assert.equal(given, 2);
      revoked.add("t2");
      assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_AUTH", "no third token is believed");
      assert.equal(given, 3, "asked for once more, not for ever");
    });

test("a GitHub App's token is renewed a minute before it ends", async (t) => {
  let count = 0;
  const start = Date.UTC(2026, 2, 2);
  const apiUrl = await stub(t, (_, response) => {
    count += 1;
    response.writeHead(201).end(JSON.stringify({ token: `t${count}`, expires_at: new Date(start + 3_600_000).toISOString() }));
  });
  const privateKey = new Secret(
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  );
  let now = start;
  const tokens = githubAppTokens(
    "root",
    { appId: "1", installationId: "2", privateKey, apiUrl },
    { ca: undefined, network: onLoopback, limits: defaultLimits },
    () => now,
  );
  const token = async () => (await tokens.token(signal)).reveal();
  assert.equal(await token(), "t1");
  now += 3_600_000 - 60_001;
  assert.equal(await token(), "t1");
  now += 2;
  assert.equal(await token(), "t2");
});
