import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { bundleContentDigest, bundleText, parseBundle, pinDigest, samePin, type AgentPolicy, type Bundle } from "./bundle.ts";
import { canonicalJson } from "./canonical.ts";
import { digestOf, digestOfJson } from "./digest.ts";
import type { AppKey, ClusterName } from "./identity.ts";
import type { JsonValue } from "./json.ts";
import { parseKeyManifest } from "./trust.ts";

const policy: AgentPolicy = {
  namespace: "shop",
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [{ group: "apps", kind: "Deployment", name: "*", fields: ["/spec/replicas"], managers: [], mode: "always" }],
};
const shop = { app: "default//shop" as AppKey, release: digestOf("r"), policy, dependsOn: ["default//db" as AppKey] };
const grave = { app: "default//old" as AppKey, mode: "delete", notBefore: "2026-11-21T08:30:00Z" } as const;
const bundle: Bundle = {
  schema: 1,
  critical: [],
  fleet: "f",
  cluster: "berlin" as ClusterName,
  clusterUid: "u",
  epoch: 1,
  signer: "k",
  generation: 5,
  issuedAt: "2026-11-21T08:00:00.000Z",
  revision: { serial: 1, sources: { root: "c" } },
  paused: false,
  apps: [shop],
  tombstones: [grave],
  approvals: [digestOf("a")],
};

test("a bundle reads back as it was written", () => assert.deepEqual(parseBundle(bundleText(bundle)), bundle));

test("a bundle's text is its canonical JSON, and so are its content and its pins before they are hashed", () => {
  const policies = fc.constantFrom(policy, { ...policy, namespace: null }, { ...policy, heal: false });
  const names = fc.constantFrom([], ["x"], ["y"], ["x", "y"]);
  const apps = fc.array(
    fc.record({ app: fc.constantFrom("a", "b"), release: fc.constantFrom("r", "s"), policy: policies, dependsOn: names }),
  );
  const name = fc.string({ unit: "grapheme" });
  const some = fc.record({ apps, approvals: fc.array(name), paused: fc.boolean(), cluster: name, revision: fc.jsonValue() });
  fc.assert(
    fc.property(some, (change) => {
      const each = { ...bundle, ...(change as unknown as Partial<Bundle>) };
      const { paused, tombstones, approvals } = each;
      assert.equal(bundleText(each), canonicalJson(each as unknown as JsonValue));
      assert.equal(bundleContentDigest(each), digestOfJson({ paused, apps: each.apps, tombstones, approvals } as unknown as JsonValue));
      for (const { release, policy: own } of each.apps)
        assert.equal(pinDigest({ release, policy: own }), digestOfJson({ release, policy: own } as unknown as JsonValue));
    }),
  );
});

const values: Readonly<Record<keyof Bundle, readonly unknown[]>> = {
  schema: ["1", -1, 1.5],
  critical: [null, [1]],
  fleet: [1],
  cluster: [null],
  clusterUid: [1],
  epoch: [-1, "1", 2 ** 60],
  signer: [null],
  generation: [-1, 1.5, null],
  issuedAt: ["soon", 0],
  revision: [null, [], { serial: "1", sources: {} }, { serial: 1, sources: [] }],
  paused: ["false", 0],
  apps: [
    {},
    [null],
    [{ ...shop, app: 1 }],
    [{ ...shop, release: "r" }],
    [{ ...shop, dependsOn: [1] }],
    [{ ...shop, dependsOn: null }],
    [{ ...shop, policy: null }],
    ...Object.entries({
      namespace: 1,
      createNamespace: "yes",
      prune: 1,
      heal: null,
      adopt: "always",
      serviceAccount: 1,
      timeoutMs: -1,
      ignore: [1],
    } satisfies Record<keyof AgentPolicy, unknown>).map(([field, value]) => [{ ...shop, policy: { ...policy, [field]: value } }]),
  ],
  tombstones: [{}, [{ ...grave, mode: "keep" }], [{ ...grave, notBefore: "soon" }], [{ ...grave, app: null }]],
  approvals: [["x"], {}],
};
for (const [field, bad] of Object.entries(values)) {
  test(`B53 a bundle with a malformed or missing ${field} is refused by name`, () => {
    const { [field as keyof Bundle]: _, ...rest } = bundle;
    for (const value of [rest, ...bad.map((each) => ({ ...bundle, [field]: each }))])
      assert.throws(() => parseBundle(JSON.stringify(value)), new RegExp(`bundle field ${field} `), JSON.stringify(value));
  });
}

test("what is no object is no bundle", () => {
  for (const text of ["[]", "null", '"x"', "1"]) assert.throws(() => parseBundle(text), /not an object/);
});

test("a pin is the release with its policy, and nothing else", () => {
  assert.equal(pinDigest(shop), pinDigest({ release: shop.release, policy: { ...policy } }));
  assert.notEqual(pinDigest(shop), pinDigest({ ...shop, policy: { ...policy, prune: false } }));
  assert.notEqual(pinDigest(shop), pinDigest({ ...shop, release: digestOf("s") }));
  assert.ok(samePin(shop, { release: shop.release, policy: { ...policy } }));
  assert.ok(!samePin(shop, { ...shop, policy: { ...policy, prune: false } }));
  assert.ok(!samePin(shop, { ...shop, release: digestOf("s") }));
});

test("a key manifest that lacks a part or has a strange one is refused", () => {
  const key = { keyid: "k", publicKey: "p", state: "active" };
  const good = { version: 1, fleet: "f", signing: [key], authorities: ["a"] };
  assert.deepEqual(parseKeyManifest(JSON.stringify(good)), good);
  for (const change of [
    { version: "1" },
    { fleet: 1 },
    { signing: [] },
    { signing: [{ ...key, state: "trusted" }] },
    { signing: [{ ...key, keyid: 1 }] },
    { signing: [{ ...key, publicKey: null }] },
    { authorities: [1] },
    { authorities: null },
  ])
    assert.throws(() => parseKeyManifest(JSON.stringify({ ...good, ...change })), TypeError, JSON.stringify(change));
});
