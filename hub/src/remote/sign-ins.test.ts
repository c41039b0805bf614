import assert from "node:assert/strict";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import { Secret } from "@muster/proto/model/secret";

import { FLUX } from "../../../test/registry/artifacts.ts";
import { startServer } from "../../../test/registry/static-server.ts";
import { openRemote } from "./remote.ts";
import { at, codeOf, folder, password, signal } from "./testdata/world.ts";

const layer = { mediaType: FLUX.layer, digest: `sha256:${digestOf("x")}`, size: 1 };
const manifest = JSON.stringify({ schemaVersion: 2, config: { ...layer, mediaType: FLUX.config }, layers: [layer] });

for (const kind of ["bearer", "basic"] as const)
  test(`a registry is signed in to once, until that ends, is refused, or the password is another (${kind})`, async (t) => {
    let [given, refusals] = [0, 0];
    const valid = new Set<string>();
    const server = await startServer((request, response) => {
      const { authorization = "" } = request.headers;
      if (request.url?.startsWith("/token") === true) {
        given += 1;
        valid.add(`Bearer t${given}`);
        return void response.writeHead(200).end(JSON.stringify({ token: `t${given}`, expires_in: 300 }));
      }
      const lets = kind === "bearer" ? valid.has(authorization) : authorization.startsWith("Basic ");
      if (lets) return void response.writeHead(200).end(manifest);
      refusals += 1;
      const challenge = kind === "bearer" ? `Bearer realm="http://${request.headers.host}/token",service="x"` : 'Basic realm="x"';
      response.writeHead(401, { "www-authenticate": challenge }).end();
    });
    t.after(() => server[Symbol.asyncDispose]());
    let now = 0;
    const remote = await openRemote({ dir: await folder(t), now: () => now, log: { warn: () => undefined } });
    const oci = server.url.replace("http:", "oci:");
    const look = (path = "fleet", credentials: typeof password = password): Promise<string> =>
      codeOf(remote.resolveArtifact({ ref: `${oci}/${path}`, revision: "main" }, at(oci, { credentials }), signal));
    for (let i = 0; i < 3; i += 1) assert.equal(await look(), "accepted");
    assert.equal(refusals, 1, "the second look begins with what the first was given");
    now += 294_000;
    await look();
    assert.equal(refusals, 1);
    now += 1_000 + (kind === "basic" ? 300_000 : 0);
    await look();
    assert.equal(refusals, 2, "shortly before its end it is asked for again");
    assert.equal(await look("other"), "accepted");
    assert.equal(refusals, 3, "another repository signs in on its own");
    assert.equal(await look("fleet", { ...password, password: new Secret("rotated") }), "accepted");
    assert.equal(refusals, 4, "another password is shown at once");
    if (kind === "basic") return;
    valid.clear();
    assert.equal(await look(), "accepted");
    assert.deepEqual([refusals, given], [5, 5], "one that is refused early is asked for again");
  });
