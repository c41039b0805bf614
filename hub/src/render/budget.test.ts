import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeBudget, nodesInJson } from "./budget.ts";
import { RenderFault } from "./rendered.ts";

test("S43 all documents of one render share one budget", () => {
  const budget = new NodeBudget(10);
  budget.spend(4, "a.yaml");
  budget.spend(6, "b.yaml");
  assert.equal(budget.left, 0);
  assert.throws(
    () => budget.spend(1, "c.yaml"),
    (error) => error instanceof RenderFault && error.code === "E_LIMIT" && error.place?.path === "c.yaml",
  );
});

test("the keys and values of a JSON text are never counted too low", () => {
  const count = (value: unknown): number =>
    typeof value === "object" && value !== null
      ? Object.values(value).reduce((sum: number, each) => sum + count(each) + (Array.isArray(value) ? 0 : 1), 1)
      : 1;
  for (const value of [1, "a,b:[{", [], {}, [1, [2, [3]]], { a: { b: [1, 2, { c: null }] }, d: "x" }]) {
    assert.ok(nodesInJson(Buffer.from(JSON.stringify(value))) >= count(value), JSON.stringify(value));
  }
});
