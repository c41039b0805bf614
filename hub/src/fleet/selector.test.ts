import assert from "node:assert/strict";
import { test } from "node:test";
import { selects, type Requirement, type Selector } from "./selector.ts";

const of = (...requirements: Requirement[]): Selector => ({ matchAll: false, requirements });
const prod = { env: "prod", ring: "1" };

const rows: readonly (readonly [what: string, selector: Selector, labels: Record<string, string>, expected: boolean])[] = [
  ["In with the value", of({ key: "env", operator: "In", values: ["dev", "prod"] }), prod, true],
  ["In without the value", of({ key: "env", operator: "In", values: ["dev"] }), prod, false],
  ["In without the label", of({ key: "x", operator: "In", values: ["dev"] }), prod, false],
  ["NotIn with the value", of({ key: "env", operator: "NotIn", values: ["prod"] }), prod, false],
  ["B40 NotIn without the label", of({ key: "x", operator: "NotIn", values: ["prod"] }), prod, true],
  ["Exists", of({ key: "env", operator: "Exists" }), prod, true],
  ["B06 Exists of what every object has", of({ key: "constructor", operator: "Exists" }), prod, false],
  ["DoesNotExist", of({ key: "x", operator: "DoesNotExist" }), prod, true],
  ["several terms, all met", of({ key: "env", operator: "Exists" }, { key: "ring", operator: "In", values: ["1"] }), prod, true],
  ["several terms, one not met", of({ key: "env", operator: "Exists" }, { key: "ring", operator: "In", values: ["2"] }), prod, false],
  ["B40 no terms at all", of(), prod, false],
  ["matchAll", { matchAll: true, requirements: [] }, {}, true],
];

for (const [what, selector, labels, expected] of rows) {
  test(`${what}: ${expected ? "selected" : "not selected"}`, () => assert.equal(selects(selector, labels), expected));
}
