// A whole hub beside a real Git server: what a forge's call moves, and what it does not.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Secret } from "@muster/proto/model/secret";
import { readConfig } from "../config/config.ts";
import { credentials, folder, gitServer, onLoopback } from "../git/testdata/servers.ts";
import type { StatusAnswer } from "../view/api.ts";
import { openHub } from "./hub.ts";
import { publishedSchemas } from "./published-schemas.ts";
import { quiet, start } from "./testdata/world.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const cluster = (name: string): string => `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}}\n`;

async function running(t: TestContext) {
  // First, for these run in the order that they are given in: a hub that still writes would keep its folder from being removed.
  let end = async (): Promise<void> => undefined;
  t.after(() => end());
  const dir = await folder(t);
  const server = await gitServer(t);
  await server.createRepository("fleet", {});
  const created = server.commit("fleet", { "berlin.yaml": cluster("berlin") }, "berlin");
  await created;
  const any = { host: "127.0.0.1", port: 0 };
  const config = {
    fleet: "shops",
    dataDir: join(dir, "data"),
    listen: { agents: any, api: any },
    root: { git: server.cloneUrl("fleet"), revision: "main", poll: "1h", insecure: true, secretRef: "git", remotes: [{ url: deadUrl }] },
  };
  await writeFile(join(dir, "hub.yaml"), JSON.stringify(config));
  const hub = await openHub({
    config: await readConfig(join(dir, "hub.yaml"), {}),
    secrets: { source: async () => ({ credentials }), webhook: async (forge) => (forge === "gitea" ? new Secret("hook") : undefined) },
    network: async () => onLoopback,
    log: quiet,
    now: () => start,
    random: () => 0.5,
  });
  const stop = new AbortController();
  const run = hub.run(stop.signal);
  end = async () => {
    stop.abort();
    await run;
    await hub[Symbol.asyncDispose]();
  };
  const token = (await readFile(join(dir, "data", "keys", "admin.token"), "utf8")).trim();
  const status = async (): Promise<StatusAnswer> => {
    const answer = await fetch(`${hub.apiUrl}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as StatusAnswer;
  };
  const commit = async (): Promise<string | null | undefined> => (await status()).sources[0]?.commit;
  const reaches = async (id: string): Promise<void> => {
    while ((await commit()) !== id) await pause(20);
  };
  /** A forge's signed call; what it says of commits is a lie. */
  const calls = async (delivery: string, change: { readonly forge?: string; readonly key?: string } = {}): Promise<number> => {
    const body = JSON.stringify({
      ref: "refs/heads/main",
      after: "f".repeat(40),
      compare: delivery,
      repository: { clone_url: "https://evil.example/x.git" },
    });
    const signature = createHmac("sha256", change.key ?? "hook")
      .update(body)
      .digest("hex");
    const headers = {
      "x-gitea-event": "push",
      "x-gitea-delivery": delivery,
      "x-gitea-signature": signature,
      "content-type": "application/json",
    };
    return (await fetch(`${hub.apiUrl}/webhooks/${change.forge ?? "gitea"}`, { method: "POST", body, headers })).status;
  };
  const push = (name: string): Promise<string> => server.commit("fleet", { [`${name}.yaml`]: cluster(name) }, name);
  return { commit, reaches, calls, push, created, status, server, url: hub.apiUrl };
}

/** Nobody listens at port 1. */
const deadUrl = "http://127.0.0.1:1/charts";
const appOfDeadRepository = `apiVersion: muster.dev/v1alpha1
kind: App
metadata: {name: shop}
spec:
  source: {helm: {repo: ${deadUrl}, chart: shop}}
  targets: [{clusters: {matchAll: true}}]
`;

test("I12 a chart repository that does not answer is shown by its name, its address and the reason", { timeout: 60_000 }, async (t) => {
  const { reaches, calls, server, status } = await running(t);
  const next = await server.commit("fleet", { "shop.yaml": appOfDeadRepository }, "shop");
  await calls("d1");
  await reaches(next);
  let stale = (await status()).contents;
  for (; stale.length === 0; stale = (await status()).contents) await pause(20);
  assert.deepEqual(
    stale.map(({ name, url, commit, error }) => [name, url, commit, error?.code]),
    [[`root chart ${deadUrl} shop`, deadUrl, null, "E_REMOTE_UNREACHABLE"]],
  );
});

test("the hub serves the schemas that its parser is held against, without a token", { timeout: 60_000 }, async (t) => {
  const { url } = await running(t);
  for (const [file, text] of Object.entries(publishedSchemas())) {
    const answer = await fetch(`${url}/schemas/${file}`);
    assert.deepEqual([answer.status, await answer.text()], [200, text], file);
  }
});

test("S40 a webhook makes the hub look for itself: the commit and the address in it are not used", { timeout: 60_000 }, async (t) => {
  const { reaches, calls, push } = await running(t);
  await reaches(await push("oslo"));
  const next = await push("paris");
  assert.equal(await calls("d1"), 204);
  await reaches(next);
});

test("S42 B61 a call that was seen, is not signed, or is of a forge without a secret moves nothing", { timeout: 60_000 }, async (t) => {
  const { commit, reaches, calls, push, created } = await running(t);
  await reaches(await created);
  const first = await push("oslo");
  await calls("d1");
  await reaches(first);
  const next = await push("paris");
  assert.deepEqual([await calls("d1"), await calls("d2", { key: "guess" }), await calls("d3", { forge: "other" })], [204, 401, 404]);
  await pause(500); // long enough for a fetch that must not happen to be seen
  assert.equal(await commit(), first);
  assert.equal(await calls("d4"), 204);
  await reaches(next);
});
