import assert from "node:assert/strict";
import { test } from "node:test";

import type { AgentPolicy, BundleApp, Tombstone } from "@muster/proto/model/bundle";
import { digestOf } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { assembleBundle, nextNumbers, settleContent, type BundleContent } from "./bundle.ts";

const policy: AgentPolicy = {
  namespace: "shop",
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [],
};
const app = (name: string): BundleApp => ({ app: `default//${name}` as AppKey, release: digestOf(name), policy, dependsOn: [] });
const grave = (name: string): Tombstone => ({ app: `default//${name}` as AppKey, mode: "delete", notBefore: "2026-11-21T08:00:00Z" });
const content = {
  paused: false,
  apps: [{ ...app("b"), dependsOn: [app("c").app, app("a").app] }, app("a")],
  tombstones: [grave("y"), grave("x")],
  approvals: [digestOf("2"), digestOf("1")],
};
const head = {
  fleet: "f",
  cluster: "berlin" as ClusterName,
  clusterUid: "u",
  epoch: 1,
  signer: "k",
  generation: 1,
  issuedAt: "2026-11-21T08:00:00Z",
  revision: { serial: 1, sources: {} },
};

test("equal content has one digest, whatever its order and whoever signs it when", () => {
  const turned = {
    ...content,
    apps: content.apps.toReversed().map((each) => ({ ...each, dependsOn: each.dependsOn.toReversed() })),
    tombstones: content.tombstones.toReversed(),
    approvals: [...content.approvals.toReversed(), ...content.approvals],
  };
  assert.equal(settleContent(content).digest, settleContent(turned).digest);
  assert.notEqual(settleContent(content).digest, settleContent({ ...content, paused: true }).digest);
  const digestWith = (generation: number, what: BundleContent) => assembleBundle({ ...head, generation }, settleContent(what)).digest;
  assert.equal(digestWith(1, content), digestWith(1, turned));
  assert.notEqual(digestWith(1, content), digestWith(2, content));
});

const numbers: readonly [string, Parameters<typeof nextNumbers>, ReturnType<typeof nextNumbers>][] = [
  ["the first bundle ever", [undefined, null], { epoch: 1, generation: 1, restored: false }],
  [
    "the next one",
    [
      { epoch: 1, generation: 7 },
      { epoch: 1, generation: 7 },
    ],
    { epoch: 1, generation: 8, restored: false },
  ],
  [
    "an agent that is behind",
    [
      { epoch: 1, generation: 7 },
      { epoch: 1, generation: 3 },
    ],
    { epoch: 1, generation: 8, restored: false },
  ],
  [
    "an agent that is an epoch behind",
    [
      { epoch: 3, generation: 7 },
      { epoch: 2, generation: 7 },
    ],
    { epoch: 3, generation: 8, restored: false },
  ],
  ["an agent whose disk was lost", [{ epoch: 1, generation: 7 }, null], { epoch: 1, generation: 8, restored: false }],
  [
    "F09 an agent that has seen more than we remember",
    [
      { epoch: 1, generation: 7 },
      { epoch: 1, generation: 9 },
    ],
    { epoch: 2, generation: 10, restored: true },
  ],
  [
    "F09 an agent that has seen a later epoch",
    [
      { epoch: 1, generation: 7 },
      { epoch: 4, generation: 2 },
    ],
    { epoch: 5, generation: 8, restored: true },
  ],
  ["F10 no memory at all", [undefined, { epoch: 3, generation: 40 }], { epoch: 4, generation: 41, restored: true }],
];
for (const [name, args, expected] of numbers) test(`numbers only rise: ${name}`, () => assert.deepEqual(nextNumbers(...args), expected));
