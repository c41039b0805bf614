import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { readAggregated, readLegacyIndex, readLegacyKinds } from "./discovered.ts";

const resource = {
  resource: "widgets",
  responseKind: { group: "", version: "", kind: "Widget" },
  scope: "Namespaced",
  subresources: [{ subresource: "status" }],
};

test("the aggregated form: an empty group of a kind is the enclosing one, versions stay in order, a stale one is not known", () => {
  const versions = [
    { version: "v2", resources: [resource], freshness: "Current" },
    { version: "v1", freshness: "Stale" },
  ];
  deepEqual(readAggregated({ kind: "APIGroupDiscoveryList", items: [{ metadata: { name: "example.com" }, versions }] }), [
    {
      group: "example.com",
      version: "v2",
      known: true,
      kinds: [{ group: "example.com", version: "v2", kind: "Widget", plural: "widgets", namespaced: true }],
    },
    { group: "example.com", version: "v1", known: false, kinds: [] },
  ]);
});

test("the core group has no name", () => {
  const read = readAggregated({
    kind: "APIGroupDiscoveryList",
    items: [{ metadata: {}, versions: [{ version: "v1", resources: [resource] }] }],
  });
  equal(read?.[0]?.group, "");
});

test("the legacy form: preferred version first, subresources left out", () => {
  const groups = [{ name: "example.com", versions: [{ version: "v1" }, { version: "v2" }], preferredVersion: { version: "v2" } }];
  deepEqual(readLegacyIndex({ kind: "APIGroupList", groups }), [
    { group: "example.com", version: "v2" },
    { group: "example.com", version: "v1" },
  ]);
  deepEqual(readLegacyIndex({ kind: "APIVersions", versions: ["v1"] }), [{ group: "", version: "v1" }]);
  const resources = [
    { name: "widgets", kind: "Widget", namespaced: false },
    { name: "widgets/status", kind: "Widget", namespaced: false },
  ];
  deepEqual(readLegacyKinds({ kind: "APIResourceList", resources }, "example.com", "v1"), [
    { group: "example.com", version: "v1", kind: "Widget", plural: "widgets", namespaced: false },
  ]);
});

test("something else is not an empty answer", () => {
  for (const body of [null, [], "x", {}, { kind: "Status" }]) {
    deepEqual([readAggregated(body), readLegacyIndex(body), readLegacyKinds(body, "", "v1")], [undefined, undefined, undefined]);
  }
});
