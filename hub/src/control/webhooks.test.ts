import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import type { HubLog } from "./log.ts";
import { webhookHandler } from "./webhooks.ts";

function handler() {
  const hints: (readonly string[])[] = [];
  const said: string[] = [];
  let nowMs = 0;
  const log = { warn: (_: object, message: string) => void said.push(message) } as unknown as HubLog;
  const secret = async (forge: string) => (forge === "gitea" ? new Secret("hook") : undefined);
  const handle = webhookHandler({ secret, hint: (urls) => void hints.push(urls), now: () => nowMs, log });
  const call = (id: number, key: string): Promise<number> => {
    const body = Buffer.from(JSON.stringify({ ref: "refs/heads/main", id, repository: { clone_url: "https://git.example/x.git" } }));
    const signature = createHmac("sha256", key).update(body).digest("hex");
    return handle({ forge: "gitea", headers: { "x-gitea-event": "push", "x-gitea-signature": signature }, body });
  };
  return { call, hints, said, wait: (ms: number) => void (nowMs += ms) };
}

test("B61 a flood of calls that nobody signed takes nothing from those that are, and writes few lines", async () => {
  const { call, hints, said } = handler();
  const statuses = new Set<number>();
  for (let i = 0; i < 1_000; i += 1) statuses.add(await call(i, "guess"));
  assert.deepEqual([...statuses], [401, 429]);
  assert.ok(said.length > 0 && said.length <= 20, `${said.length} lines`);
  assert.equal(hints.length, 0);
  assert.equal(await call(1, "hook"), 204);
  assert.equal(hints.length, 1);
});

test("B61 a flood of signed calls is held back, and goes on at its pace", async () => {
  const { call, hints, wait } = handler();
  for (let i = 0; i < 100; i += 1) assert.equal(await call(i, "hook"), 204);
  assert.equal(await call(100, "hook"), 429);
  wait(1_000);
  assert.equal(await call(101, "hook"), 204);
  assert.equal(hints.length, 101);
});
