// Sources on servers in distress, and on servers that lie.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import type { GitLimits } from "./limits.ts";
import { codeOf, folder, gitServer, line, packOf, raw, serving, signal, snapshotOf, stub, text } from "./testdata/servers.ts";
import { httpWays } from "./testdata/ways.ts";

const quick: Partial<GitLimits> = { idleMs: 300, requestMs: 1_500 };

for (const way of httpWays) {
  test(`${way.name}: F36 what a server answers in its distress is an error with its own code; afterwards all is well`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    const source = await way.open(t, server.cloneUrl("fleet"), {}, quick);
    const table = [
      [{ kind: "status", status: 401 }, "E_SOURCE_AUTH"],
      [{ kind: "status", status: 403 }, "E_SOURCE_FORBIDDEN"],
      [{ kind: "status", status: 404 }, "E_SOURCE_NOT_FOUND"],
      [{ kind: "status", status: 429, retryAfterSeconds: 7 }, "E_SOURCE_BUSY"],
      [{ kind: "status", status: 500 }, "E_SOURCE_UNREACHABLE"],
      [{ kind: "status", status: 503 }, "E_SOURCE_UNREACHABLE"],
      [{ kind: "hang" }, "E_SOURCE_TIMEOUT"],
      [{ kind: "truncate", afterBytes: 20 }, "E_SOURCE_UNREACHABLE"],
    ] as const;
    for (const [fault, code] of table) {
      server.setFault(fault);
      assert.equal(await codeOf(source.fetch(signal)), code, JSON.stringify(fault));
    }
    server.setFault(undefined);
    await server.stop();
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_UNREACHABLE");
    await server.start();
    await snapshotOf(source.fetch(signal));
    const stranger = await way.open(t, server.cloneUrl("fleet"), {
      credentials: { kind: "basic", username: "a", password: new Secret("wrong") },
    });
    assert.equal(await codeOf(stranger.fetch(signal)), "E_SOURCE_AUTH");
  });

  test(`${way.name}: an abort ends a fetch that hangs`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    const source = await way.open(t, server.cloneUrl("fleet"));
    server.setFault({ kind: "hang" });
    const abort = new AbortController();
    const fetching = codeOf(source.fetch(abort.signal));
    while (server.requests().length === 0) await new Promise(setImmediate);
    abort.abort();
    assert.equal(await fetching, "E_CANCELLED");
  });

  test(`${way.name}: F37 a pack that lacks a file, or is cut off inside a good answer, is refused; the next fetch starts clean`, async (t) => {
    const server = await gitServer(t);
    const commit = await server.createRepository("fleet", { "a.yaml": "a", "b.yaml": "b" });
    const all = raw(server, "fleet", ["rev-list", "--objects", "--no-object-names", commit]).split("\n");
    const file = raw(server, "fleet", ["rev-parse", "main:b.yaml"]);
    const unrelated = raw(server, "fleet", ["rev-parse", "main:a.yaml"]);
    const whole = packOf(server, "fleet", all);
    const packs = {
      other: packOf(server, "fleet", [unrelated]),
      cut: whole.subarray(0, whole.length - 30),
      empty: Buffer.alloc(0),
      lacking: packOf(
        server,
        "fleet",
        all.filter((oid) => oid !== file),
      ),
    };
    let answer = serving(commit, whole);
    const source = await way.open(t, `${await stub(t, (request, response, body) => answer(request, response, body))}/fleet.git`);
    for (const [name, pack] of Object.entries(packs)) {
      answer = serving(commit, pack);
      assert.equal(await codeOf(source.fetch(signal)), "E_GIT_CORRUPT", name);
    }
    answer = serving(commit, whole);
    assert.equal(await text(await snapshotOf(source.fetch(signal)), "b.yaml"), "b");
  });

  test(`${way.name}: S07 a server that answers nonsense is refused`, async (t) => {
    const table: readonly (string | Uint8Array)[] = [
      "",
      "<html>sign in</html>",
      "0000",
      "zzzz",
      line("# service=git-upload-pack\n"),
      Buffer.alloc(5_000, 0xff),
    ];
    let answer: string | Uint8Array = "";
    const url = await stub(t, (_, response) =>
      response.setHeader("content-type", "application/x-git-upload-pack-advertisement").end(answer),
    );
    const source = await way.open(t, `${url}/fleet.git`);
    for (answer of table) assert.match(await codeOf(source.fetch(signal)), /^E_GIT_PROTOCOL$|^E_SOURCE_EMPTY$/);
    answer = line("ERR access denied \u001b[31m\n");
    assert.equal(await codeOf(source.fetch(signal)), "E_GIT_PROTOCOL");
  });

  test(`${way.name}: B11 S15 a redirect to another server is refused, and no credential arrives there`, async (t) => {
    const arrived: string[] = [];
    const evil = await stub(t, (request, response) => {
      arrived.push(JSON.stringify(request.headers));
      response.end();
    });
    const server = await gitServer(t);
    await server.createRepository("fleet", { a: "1" });
    const authorized: boolean[] = [];
    let location = "";
    const front = await stub(t, (request, response) => {
      authorized.push(request.headers.authorization !== undefined);
      if (request.url?.startsWith("/moved/")) response.writeHead(404).end();
      else response.writeHead(302, { location }).end();
    });
    const source = await way.open(t, `${front}/fleet.git`);
    for (location of [
      `${evil}/x`,
      "http://169.254.169.254/latest/meta-data",
      front.replace("127.0.0.1", "localhost"),
      front.replace("http:", "https:"),
    ])
      assert.equal(await codeOf(source.fetch(signal)), "E_REDIRECT_FORBIDDEN", location);
    assert.deepEqual(arrived, []);

    authorized.length = 0;
    location = "/moved/fleet.git/info/refs";
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_NOT_FOUND");
    assert.deepEqual(authorized, [true, false], "another path of the same server gets no credentials");
    location = "/fleet.git/info/refs?service=git-upload-pack";
    assert.equal(await codeOf(source.fetch(signal)), "E_REDIRECT_FORBIDDEN", "a loop ends");
  });

  test(`${way.name}: S18 a server whose certificate nobody vouches for gets no request`, async (t) => {
    const dir = await folder(t);
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
        "-days",
        "2",
        ...subject,
      ],
      { stdio: "ignore" },
    );
    const requests: (string | undefined)[] = [];
    const server = https.createServer({ key: await readFile(key), cert: await readFile(cert) }, (request, response) => {
      requests.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const source = await way.open(t, `https://localhost:${port}/fleet.git`);
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_TLS");
    assert.deepEqual(requests, []);
    const ca = await readFile(cert, "utf8");
    assert.equal(await codeOf((await way.open(t, `https://localhost:${port}/fleet.git`, { ca })).fetch(signal)), "E_SOURCE_NOT_FOUND");
    assert.equal(await codeOf((await way.open(t, `https://127.0.0.1:${port}/fleet.git`, { ca })).fetch(signal)), "E_SOURCE_TLS");
    assert.equal(requests.length, 1);
  });

  test(`${way.name}: F43 a server that never ends, or says a byte a second, is cut off`, async (t) => {
    const drip = setInterval(() => open_.forEach((response) => response.write("x")), 50);
    const open_ = new Set<ServerResponse>();
    t.after(() => clearInterval(drip));
    const url = await stub(t, (_, response) => open_.add(response.writeHead(200)));
    const source = await way.open(t, `${url}/fleet.git`, {}, { idleMs: 1_000, requestMs: 400 });
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_TIMEOUT");
  });
}
