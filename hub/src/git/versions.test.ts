import assert from "node:assert/strict";
import { test } from "node:test";

import { compareTags, highestTag, parseRange } from "./versions.ts";

const tags = [
  "v0.2.3",
  "v0.2.9",
  "0.3.0",
  "v1.0.0",
  "v1.2.0",
  "v1.2.10",
  "1.2.9",
  "v1.4.0-rc.1",
  "v1.4.0",
  "v2.0.0-beta.2",
  "v2.0.0-beta.11",
  "v2.0.0",
  "v3.0.0-alpha",
  "latest",
  "v1",
  "release-1.9.9",
];
const pick = (text: string): string | undefined | null => {
  const range = parseRange(text);
  return range === null ? null : highestTag(range, tags);
};

test("the highest version of a range wins, as Helm reads it; prereleases count only where the range names one", () => {
  const table = {
    "*": "v2.0.0",
    "^1": "v1.4.0",
    "^1.2": "v1.4.0",
    "~1.2": "v1.2.10",
    "~1.2.9": "v1.2.10",
    "~1": "v1.4.0",
    "1.x": "v1.4.0",
    "1.2.x": "v1.2.10",
    "1.2.*": "v1.2.10",
    "^0.2.3": "v0.2.9",
    "^0.2": "v0.2.9",
    "^0": "0.3.0",
    "^0.0.3": undefined,
    ">=1.2 <2": "v1.4.0",
    ">=1.2, <1.4": "v1.2.10",
    "> 1.2 <2.0.0": "v1.4.0",
    ">=1.2.0 <=1.2.9": "1.2.9",
    "<=1.2": "v1.2.10",
    ">1.4": "v2.0.0",
    "<1": "0.3.0",
    "=1.2.9": "1.2.9",
    "~1.2 || ^0.2": "v1.2.10",
    ">=1.4.0-rc.0 <1.4.0": "v1.4.0-rc.1",
    ">=2.0.0-beta.3 <2.0.0": "v2.0.0-beta.11",
    ">=3.0.0-a": "v3.0.0-alpha",
    ">=3": undefined,
    "^1.2.3 <1.2.5": undefined,
    "1.2 - 2": "v2.0.0",
    "1.2 - 1.4.0": "v1.4.0",
    ">=1.4-0 <1.4.0": "v1.4.0-rc.1",
    "!=2.0.x": "v1.4.0",
  };
  for (const [range, expected] of Object.entries(table)) assert.equal(pick(range), expected, range);
});

test("B09 names of branches and tags, and what only looks like a range, are no ranges", () => {
  for (const text of ["main", "v1.2.3", "1.2.3", "1.2", "v1", "HEAD~1", "a^", "a*", "^", "", "1.x.3", ">=", "1.2.3.x", "feature/x"])
    assert.equal(pick(text), null, text);
});

test("which tag wins does not depend on the order in which a server lists them", () => {
  const equal = ["v1.0.0+a", "v1.0.0+b", "1.0.0"];
  const range = parseRange("^1") ?? assert.fail();
  for (const order of [equal, equal.toReversed()]) assert.equal(highestTag(range, order), "v1.0.0+b");
});

test("versions compare by number, prereleases below their release", () => {
  assert.ok((compareTags("v1.10.0", "1.9.0") ?? 0) > 0);
  assert.ok((compareTags("1.0.0-rc.1", "1.0.0") ?? 0) < 0);
  assert.ok((compareTags("1.0.0-1", "1.0.0-a") ?? 0) < 0);
  assert.ok((compareTags("1.0.0-rc", "1.0.0-rc.1") ?? 0) < 0);
  assert.equal(compareTags("1.0.0", "main"), undefined);
});
