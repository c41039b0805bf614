// Charts and artifacts over https through a proxy, in a tunnel; with real servers.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { digestOf } from "@muster/proto/model/digest";

import { startProxy } from "../../../test/gitserver/proxy.ts";
import { selfSigned } from "../../../test/registry/certificate.ts";
import { serveFolder } from "../../../test/registry/static-server.ts";
import { parseProxy, type Network } from "../network/network.ts";
import { at, codeOf, folder, onLoopback, open, signal, tarOf } from "./testdata/world.ts";

test("a chart over https goes through a proxy in a tunnel, past it where noProxy says so; S23 its password is in no message", async (t) => {
  const password = "canary-proxy";
  await using proxy = await startProxy("anna", password);
  const dir = await folder(t);
  const archive = gzipSync(tarOf([{ name: "shop/Chart.yaml", content: "name: shop\nversion: 1.0.0\n" }]));
  await writeFile(join(dir, "shop.tgz"), archive);
  await writeFile(
    join(dir, "index.yaml"),
    `entries:\n  shop:\n  - name: shop\n    version: 1.0.0\n    digest: ${digestOf(archive)}\n    urls: [shop.tgz]\n`,
  );
  const certificate = await selfSigned("charts");
  await using server = await serveFolder(dir, { certificate });
  const through = (url: string, noProxy: readonly string[] = []): Network => ({ ...onLoopback, https: parseProxy(url), noProxy });
  const fetched = async (network: Network): Promise<string> => {
    const remote = await open(t);
    const address = at(server.url, { ca: certificate.cert, network });
    const ref = { kind: "helm", repo: server.url, chart: "shop", version: null } as const;
    return codeOf(async () => remote.fetchChart(await remote.resolveChart(ref, address, signal), address, signal));
  };
  assert.equal(await fetched(through(proxy.url)), "accepted");
  assert.deepEqual([...new Set(proxy.seen)], [server.url.replace("https://", "")]);
  const seen = proxy.seen.length;
  assert.equal(await fetched(through(proxy.url, ["127.0.0.0/8"])), "accepted");
  assert.equal(proxy.seen.length, seen);
  const requests = server.requests.length;
  const wrong = at(server.url, { ca: certificate.cert, network: through(proxy.url.replace(password, `${password}-wrong`)) });
  await assert.rejects((await open(t)).fetchFile(`${server.url}/index.yaml`, null, wrong, signal), (error: Error) => {
    return !`${error.message} ${JSON.stringify(error)}`.includes(password);
  });
  assert.ok(proxy.refused.length > 0);
  const forbidden = { ...through(proxy.url), allow: [] };
  assert.equal(await fetched(forbidden), "E_HOST_FORBIDDEN", "an address as such is refused although a proxy would be asked");
  assert.equal(server.requests.length, requests);
});
