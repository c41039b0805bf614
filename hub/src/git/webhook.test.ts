import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "@muster/proto/model/secret";

import { verifyWebhook, webhookBytesMax, webhookReplays } from "./webhook.ts";

const secret = new Secret("hook");
const sign = (body: Uint8Array | string, key = "hook") => createHmac("sha256", key).update(body).digest("hex");
const payload = {
  ref: "refs/heads/main",
  after: "0".repeat(40),
  repository: { clone_url: "https://git.example/fleet.git", full_name: ".*" },
};

function call(body: string | Uint8Array, headers: Record<string, string | undefined> = {}, key = secret) {
  const bytes = Buffer.from(body);
  const all = { "x-gitea-event": "push", "x-gitea-delivery": "d1", "x-gitea-signature": sign(bytes), ...headers };
  return verifyWebhook({ headers: all, body: bytes, secret: key });
}

test("a signed push says which branch of which repository, and S40 nothing of its commits", () => {
  const push = call(JSON.stringify(payload));
  assert.deepEqual(push, { kind: "push", ref: "refs/heads/main", repository: "https://git.example/fleet.git", delivery: "d1" });
});

test("B61 S38 the unsigned, the wrongly signed and the oversized are refused before anything is parsed", () => {
  const body = JSON.stringify(payload);
  const status = (result: ReturnType<typeof call>) => (result.kind === "refused" ? result.status : result.kind);
  assert.equal(status(call(body, { "x-gitea-signature": undefined })), 401);
  assert.equal(status(call(body, { "x-gitea-signature": sign(body, "other") })), 401);
  assert.equal(status(call(body, { "x-gitea-signature": `sha256=${sign(body)}` })), 401);
  assert.equal(status(call(body, { "x-gitea-signature": sign(body).slice(0, 10) })), 401);
  assert.equal(status(call(`${body} `, { "x-gitea-signature": sign(body) })), 401);
  assert.equal(status(call("{", { "x-gitea-signature": "0".repeat(64) })), 401);
  assert.equal(status(call(body, { "x-gitea-signature": sign(body, "") }, new Secret(""))), 401);
  assert.equal(status(call(new Uint8Array(webhookBytesMax + 1))), 413);
  assert.equal(status(call("[]")), 400);
  assert.equal(status(call('{"ref": []}')), 400);
  assert.equal(status(call(JSON.stringify({ ...payload, repository: { clone_url: { toString: "x" } } }))), 400);
  assert.equal(status(call(Buffer.from([0xff, 0xfe]))), 400);
  assert.equal(status(call(body, { "x-gitea-delivery": undefined })), 400);
  assert.equal(status(call(body, { "x-gitea-event": "release" })), "ignored");
});

test("S39 no payload makes it throw, signed or not", () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"ref":"refs/heads/main","repository":${json}}`),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 500 }),
    text.map((value) => Buffer.from(value)),
  );
  const header = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(undefined), fc.constant("push"));
  const headers = fc.record({ "x-gitea-event": header, "x-gitea-delivery": header, "x-gitea-signature": header });
  fc.assert(
    fc.property(bytes, headers, fc.boolean(), (body, given, signed) => {
      const all = signed ? { ...given, "x-gitea-signature": sign(body) } : given;
      const result = verifyWebhook({ headers: all, body, secret });
      return ["push", "ignored", "refused"].includes(result.kind);
    }),
    { numRuns: 2_000 },
  );
});

test("S42 a delivery that was seen is not new, and the memory of them is bounded", () => {
  const replays = webhookReplays(3);
  assert.equal(replays.isNew("a"), true);
  for (let i = 0; i < 1_000; i += 1) assert.equal(replays.isNew("a"), false);
  for (const id of ["b", "c", "d"]) assert.equal(replays.isNew(id), true);
  assert.equal(replays.isNew("d"), false);
  assert.equal(replays.isNew("a"), true, "the oldest is forgotten");
});
