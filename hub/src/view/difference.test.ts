import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";

import type { JsonObject } from "@muster/proto/model/json";
import { differenceOf, fieldChanges } from "./difference.ts";
import { unifiedLines } from "./lines.ts";

const spell = (value: string): string => `<${[...value].reduce((sum, c) => sum + c.charCodeAt(0), 0)}>`;
const declared = (kind: string, name: string, more: JsonObject = {}) => ({
  identity: { group: "", kind, namespace: "shop", name },
  object: { apiVersion: "v1", kind, metadata: { name, namespace: "shop" }, ...more },
});

test("objects are deleted, added and changed, in this order, and equal ones are not mentioned", () => {
  const before = [declared("ConfigMap", "a", { data: { x: "1" } }), declared("ConfigMap", "b"), declared("ConfigMap", "same")];
  const after = [declared("ConfigMap", "a", { data: { x: "2" } }), declared("ConfigMap", "c"), declared("ConfigMap", "same")];
  const changes = differenceOf(before, after, spell);
  assert.deepEqual(
    changes.map(({ kind, identity }) => `${kind} ${identity.name}`),
    ["deleted b", "added c", "changed a"],
  );
  assert.deepEqual(changes[2]?.fields, [{ path: "data.x", from: "1", to: "2" }]);
  assert.deepEqual(changes[2]?.lines.slice(-2), ["-  x: '1'", "+  x: '2'"]);
});

test("S21 a changed Secret shows that it changed and not what it holds", () => {
  const changes = differenceOf(
    [declared("Secret", "s", { data: { key: "canary-a", same: "canary-s" } })],
    [declared("Secret", "s", { data: { key: "canary-b", same: "canary-s" } })],
    spell,
  );
  assert.deepEqual(
    changes[0]?.fields.map(({ path }) => path),
    ["data.key"],
  );
  assert.doesNotMatch(JSON.stringify(changes), /canary/);
});

test("items of lists are told by their names, so that one more in front is one change", () => {
  const list = (...names: string[]): JsonObject => ({ containers: names.map((name) => ({ name, image: `${name}:1` })) });
  assert.deepEqual(fieldChanges(list("a"), list("new", "a")), [{ path: "containers[name=new]", to: { name: "new", image: "new:1" } }]);
  assert.deepEqual(fieldChanges({ a: [1, 2] }, { a: [1, 3, 4] }), [
    { path: "a[1]", from: 2, to: 3 },
    { path: "a[2]", to: 4 },
  ]);
  assert.deepEqual(fieldChanges({ metadata: { labels: { "a.b/c": "x" } } }, { metadata: { labels: {} } }), [
    { path: 'metadata.labels["a.b/c"]', from: "x" },
  ]);
});

test("the unified lines turn one text into the other, as patch does, for any two texts", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-lines-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 14 }).map((lines) => lines.map((line) => `${line}\n`).join(""));
  const seed = Date.now() % 1_000_000;
  await fc.assert(
    fc.asyncProperty(text, text, async (before, after) => {
      const lines = unifiedLines(before, after, 100);
      if (before === after) return assert.deepEqual(lines, []);
      const side = (sign: string): string =>
        lines
          .slice(1)
          .filter((line) => line.startsWith(" ") || line.startsWith(sign))
          .map((line) => `${line.slice(1)}\n`)
          .join("");
      assert.equal(side("-"), before);
      assert.equal(side("+"), after);
      await Promise.all([writeFile(join(dir, "a"), before), writeFile(join(dir, "b"), after)]);
      assert.equal(lines.slice(1).filter((line) => !line.startsWith(" ")).length, await shortest(dir), JSON.stringify([before, after]));
      return undefined;
    }),
    { numRuns: 40, seed },
  );
});

/** How many lines `diff --minimal` takes out and puts in. */
function shortest(dir: string): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile("diff", ["--minimal", join(dir, "a"), join(dir, "b")], (error, out) => {
      if (error !== null && error.code !== 1) reject(error);
      else resolve(out.split("\n").filter((line) => /^[<>]/.test(line)).length);
    });
  });
}
