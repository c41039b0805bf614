import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "@muster/proto/model/secret";

import type { Forge } from "./forges.ts";
import { webhookPace, webhookReplays } from "./webhook-memory.ts";
import { isSameRepository, verifyWebhook, webhookBytesMax } from "./webhook.ts";

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
  const bytes = Buffer.from(JSON.stringify(payload));
  const delivery = createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual(call(bytes), { kind: "push", refs: ["refs/heads/main"], urls: ["https://git.example/fleet.git"], delivery });
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
      return ["push", "ping", "ignored", "refused"].includes(result.kind);
    }),
    { numRuns: 2_000 },
  );
});

type Recorded = {
  readonly headers: (body: Buffer, key: string) => Record<string, string>;
  readonly url: string;
  readonly refs: readonly string[];
};
const hub = (header: string, event: Record<string, string>) => (body: Buffer, key: string) => ({
  ...event,
  [header]: `sha256=${sign(body, key)}`,
});
const recorded: Readonly<Record<Forge, Recorded>> = {
  github: {
    headers: hub("x-hub-signature-256", { "x-github-event": "push" }),
    url: "ssh://git@github.example/shops/fleet",
    refs: ["refs/heads/main"],
  },
  gitea: {
    headers: (body, key) => ({ "x-gitea-event": "push", "x-gitea-signature": sign(body, key) }),
    url: "git@gitea.example:shops/fleet.git",
    refs: ["refs/heads/main"],
  },
  forgejo: {
    headers: (body, key) => ({ "x-forgejo-event": "push", "x-forgejo-signature": sign(body, key) }),
    url: "https://forgejo.example/shops/fleet/",
    refs: ["refs/heads/main"],
  },
  gitlab: {
    headers: (_, key) => ({ "x-gitlab-event": "Push Hook", "x-gitlab-token": key }),
    url: "https://gitlab.example/shops/fleet.git",
    refs: ["refs/heads/main"],
  },
  bitbucket: {
    headers: hub("x-hub-signature", { "x-event-key": "repo:push" }),
    url: "https://bitbucket.example/shops/fleet.git",
    refs: ["refs/heads/main", "refs/tags/v1.0.0"],
  },
  bitbucketServer: {
    headers: hub("x-hub-signature", { "x-event-key": "repo:refs_changed" }),
    url: "ssh://git@bitbucket.example:7999/shops/fleet.git",
    refs: ["refs/heads/main"],
  },
  azureDevOps: {
    headers: (_, key) => ({ authorization: `Basic ${Buffer.from(`muster:${key}`).toString("base64")}` }),
    url: "https://azure.example/shops/platform/_git/fleet",
    refs: ["refs/heads/main"],
  },
};

for (const [name, { headers, url, refs }] of Object.entries(recorded)) {
  const forge = name as Forge;
  test(`B61 ${forge}: its push is understood, and refused with another secret, another forge's proof or another body`, async () => {
    const body = await readFile(new URL(`./testdata/webhooks/${forge}.json`, import.meta.url));
    const result = verifyWebhook({ forge, headers: headers(body, "hook"), body, secret });
    assert.ok(result.kind === "push", JSON.stringify(result));
    assert.deepEqual(result.refs, refs);
    assert.ok(isSameRepository(result.urls, url), result.urls.join());
    assert.ok(!isSameRepository(result.urls, "https://other.example/shops/fleet.git"));
    const refused = { kind: "refused", status: 401, code: "E_SIGNATURE" };
    for (const key of ["other", "", "hoo", "hookk"])
      assert.deepEqual(verifyWebhook({ forge, headers: headers(body, key), body, secret }), refused, key);
    assert.deepEqual(verifyWebhook({ forge, headers: headers(body, ""), body, secret: new Secret("") }), refused, "an empty secret");
    for (const stranger of Object.keys(recorded) as Forge[]) {
      const proof = recorded[stranger].headers(body, "hook");
      if (JSON.stringify(Object.keys(proof).toSorted()) === JSON.stringify(Object.keys(headers(body, "hook")).toSorted())) continue;
      assert.deepEqual(verifyWebhook({ forge, headers: proof, body, secret }), refused, stranger);
    }
    for (const other of ["[]", "null", "{}", '{"ref":[],"push":[],"changes":{},"resource":[]}', "{", '"x"']) {
      const bytes = Buffer.from(other);
      const kind = verifyWebhook({ forge, headers: headers(bytes, "hook"), body: bytes, secret }).kind;
      assert.ok(kind === "refused" || kind === "ignored", `${other}: ${kind}`);
    }
  });
}

test("a forge's try is answered and does nothing", () => {
  const body = Buffer.from('{"zen":"x","test":true}');
  const given = (headers: Record<string, string>) => hub(Object.keys(headers)[0] ?? "", {})(body, "hook");
  const github = { ...given({ "x-hub-signature-256": "" }), "x-github-event": "ping" };
  const bitbucket = { ...given({ "x-hub-signature": "" }), "x-event-key": "diagnostics:ping" };
  assert.deepEqual(verifyWebhook({ forge: "github", headers: github, body, secret }), { kind: "ping" });
  assert.deepEqual(verifyWebhook({ forge: "bitbucketServer", headers: bitbucket, body, secret }), { kind: "ping" });
  assert.deepEqual(verifyWebhook({ forge: "github", headers: { ...github, "x-github-event": "toString" }, body, secret }).kind, "ignored");
});

test("B61 S42 a recorded call that is sent again under another delivery id is no new one", () => {
  const replays = webhookReplays();
  const deliveries = ["d1", "d2"].map((id) => {
    const result = call(JSON.stringify(payload), { "x-gitea-delivery": id });
    return result.kind === "push" ? replays.isNew(result.delivery) : undefined;
  });
  assert.deepEqual(deliveries, [true, false]);
});

test("B61 a flood of one forge's calls is held back, and no other forge's", () => {
  const pace = webhookPace({ burst: 3, perSecond: 2 });
  const admitted = (forge: string, nowMs: number, count: number) =>
    Array.from({ length: count }, () => pace.admits(forge, nowMs)).filter((yes) => yes).length;
  assert.equal(admitted("github", 0, 10), 3);
  assert.equal(admitted("gitlab", 0, 10), 3);
  assert.equal(admitted("github", 500, 10), 1);
  assert.equal(admitted("github", 400, 10), 0, "a clock that goes back gives nothing");
  assert.equal(admitted("github", 600_000, 10), 3);
});

test("S42 a delivery that was seen is not new, and the memory of them is bounded", () => {
  const replays = webhookReplays(3);
  assert.equal(replays.isNew("a"), true);
  for (let i = 0; i < 1_000; i += 1) assert.equal(replays.isNew("a"), false);
  for (const id of ["b", "c", "d"]) assert.equal(replays.isNew(id), true);
  assert.equal(replays.isNew("d"), false);
  assert.equal(replays.isNew("a"), true, "the oldest is forgotten");
});
