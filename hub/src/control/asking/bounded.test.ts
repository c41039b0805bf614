import assert from "node:assert/strict";
import { test } from "node:test";

import type { ObjectChange } from "../../view/questions.ts";
import { Bounded } from "./bounded.ts";

const changed = (name: string, lines: number): ObjectChange => ({
  kind: "changed",
  identity: { group: "", kind: "ConfigMap", namespace: "a", name },
  fields: [],
  lines: Array.from({ length: lines }, (_, i) => `+ ${i}`),
});

test("I8 an answer keeps what comes first, whole, and counts what it leaves out", () => {
  const bounded = new Bounded({ rows: 2, objects: 3, lines: 5 });
  assert.deepEqual(bounded.rows(["a", "b", "c"]), ["a", "b"]);
  const kept = [...bounded.objects([changed("one", 3), changed("two", 4)]), ...bounded.objects([changed("three", 2), changed("four", 1)])];
  assert.deepEqual(
    kept.map(({ identity, lines }) => [identity.name, lines.length]),
    [
      ["one", 3],
      ["two", 0],
      ["three", 2],
    ],
  );
  assert.deepEqual(bounded.cut, { rows: 1, objects: 1, lines: 4 });
});

test("an answer within its bounds leaves nothing out", () => {
  const bounded = new Bounded();
  const objects = [changed("one", 3)];
  assert.deepEqual(bounded.objects(objects), objects);
  assert.deepEqual(bounded.cut, { rows: 0, objects: 0, lines: 0 });
});
