import assert from "node:assert/strict";
import { test } from "node:test";

import { chooseEntry, readChartEntries } from "./chart-index.ts";
import { defaultLimits } from "./limits.ts";
import { codeOf } from "./testdata/world.ts";

const digest = "a".repeat(64);
const read = (index: string, chart = "shop", limits = {}) => readChartEntries(index, chart, "charts", { ...defaultLimits, ...limits });
const versionsOf = (index: string, chart = "shop") => read(index, chart).map(({ version }) => version);

const block = `apiVersion: v1
entries:
  other:
  - name: other
    version: 9.0.0
    description: |
      entries:
        shop:
        - version: 6.6.6
  shop:
  - name: shop
    version: 1.0.0
    digest: ${digest}
    urls: [a.tgz]
  # a remark
  - name: shop
    version: 2.0.0
    urls:
    - b.tgz
  shop-tools:
  - name: shop-tools
    version: 7.0.0
generated: "2026-01-01T00:00:00Z"
`;

test("only the asked chart is read, whatever others say, and the newest is first", () => {
  assert.deepEqual(versionsOf(block), ["2.0.0", "1.0.0"]);
  assert.deepEqual(versionsOf(block, "shop-tools"), ["7.0.0"]);
  assert.equal(read(block)[1]?.digest, digest);
  assert.deepEqual(versionsOf(block.replaceAll("\n", "\r\n")), ["2.0.0", "1.0.0"]);
});

test("an index is read the same however it is laid out", () => {
  const entry = { name: "shop", version: "1.0.0", urls: ["a.tgz"] };
  const indexes = [
    JSON.stringify({ apiVersion: "v1", entries: { shop: [entry] } }),
    "apiVersion: v1\nentries: {shop: [{name: shop, version: 1.0.0, urls: [a.tgz]}]}\n",
    "entries:\n  shop: [{name: shop, version: 1.0.0, urls: [a.tgz]}]\n",
    'entries:\n    "shop":\n      - name: shop\n        version: "1.0.0"\n        urls: [a.tgz]\napiVersion: v1\n',
    "entries:\n  base:\n  - &one {name: shop, version: 1.0.0, urls: [a.tgz]}\n  shop:\n  - *one\n",
    "entries:\n  ? shop\n  : - {name: shop, version: 1.0.0, urls: [a.tgz]}\n",
  ];
  for (const index of indexes)
    assert.deepEqual(read(index), [{ version: "1.0.0", urls: ["a.tgz"], digest: null, deprecated: false }], index);
});

test("entries that helm skips are skipped, and the others stay", () => {
  const index =
    "entries:\n  shop:\n  - null\n  - {name: shop, version: 1.0.0}\n  - {name: shop, version: latest}\n  - {name: evil, version: 2.0.0}\n  - {name: shop}\n";
  assert.deepEqual(versionsOf(index), ["1.0.0"]);
});

test("an absent chart, a broken index and a wrong digest are told apart", async () => {
  assert.equal(await codeOf(() => read(block, "missing")), "E_CHART_MISSING");
  assert.equal(await codeOf(() => read("entries: {}\n")), "E_CHART_MISSING");
  assert.equal(await codeOf(() => read("apiVersion: v1\n")), "E_INDEX");
  assert.equal(await codeOf(() => read("")), "E_INDEX");
  assert.equal(await codeOf(() => read("<html>sign in</html>")), "E_INDEX");
  assert.equal(await codeOf(() => read("{")), "E_INDEX");
  assert.equal(await codeOf(() => read("entries:\n  shop: [\n")), "E_INDEX");
  assert.equal(await codeOf(() => read(block.replace(digest, "abc"))), "E_INDEX");
  assert.equal(await codeOf(() => read("entries:\n  shop: {a: 1}\n")), "E_INDEX");
  assert.equal(await codeOf(() => read(block, "shop", { chartVersions: 1 })), "E_LIMIT");
  assert.equal(await codeOf(() => read("entries:\n  __proto__:\n  - {version: 1.0.0}\n", "constructor")), "E_CHART_MISSING");
});

test("what is neither a version nor a range is an error, not the newest", async () => {
  assert.equal(await codeOf(() => chooseEntry(read(block), "latest", "shop", "charts")), "E_VERSION_INVALID");
  assert.equal(await codeOf(() => chooseEntry([], null, "shop", "charts")), "E_VERSION_MISSING");
});

test("an index of 30 MB costs the lines of one chart, and a fault in another chart's lines does not matter", async () => {
  const filler = "x".repeat(400);
  const charts = Array.from({ length: 600 }, (_, chart) => {
    const number = chart === 3 ? "12345678901234567890" : "1";
    const entries = Array.from(
      { length: 100 },
      (__, at) => `  - version: 1.${at}.0\n    description: ${filler}\n    number: ${number}\n    urls:\n    - c-${at}.tgz\n`,
    );
    return `  c${chart}:\n${entries.join("")}`;
  });
  const index = `apiVersion: v1\nentries:\n${charts.join("")}generated: now\n`;
  assert.ok(index.length > 28_000_000);
  const entries = read(index, "c599");
  assert.equal(entries.length, 100);
  assert.equal(entries[0]?.version, "1.99.0");
  // No YAML of ours holds such a number: had all of it been parsed, this would be the answer for every chart.
  assert.equal(await codeOf(() => read(index, "c3")), "E_INDEX");
});
