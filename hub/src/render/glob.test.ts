import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesGlob } from "./glob.ts";

const table: readonly (readonly [string, string, boolean])[] = [
  ["*", "a.yaml", true],
  ["*", "x/y/a.yaml", true],
  ["*.yaml", "x/a.yaml", true],
  ["*.yaml", "x/a.yml", false],
  ["a?.yaml", "ab.yaml", true],
  ["a?.yaml", "a.yaml", false],
  ["x/*", "x/a.yaml", true],
  ["x/*", "x/y/a.yaml", false],
  ["./x/*", "x/a.yaml", true],
  ["x/**", "x/y/z/a.yaml", true],
  ["**/a.yaml", "a.yaml", true],
  ["**/y/*.yaml", "x/y/a.yaml", true],
  ["x/**/a.yaml", "x/a.yaml", true],
  ["x/**/a.yaml", "y/a.yaml", false],
  ["a.b", "axb", false],
  ["**", "x/y", true],
];

test("patterns match names and paths", () => {
  for (const [pattern, path, matches] of table) assert.equal(matchesGlob(pattern, path), matches, `${pattern} ${path}`);
});

test("no pattern takes exponential time", () => {
  assert.equal(matchesGlob(`${"*a".repeat(200)}b`, "a".repeat(2000)), false);
  assert.equal(matchesGlob(`${"**/x/".repeat(100)}b`, "x/".repeat(1000)), false);
});
