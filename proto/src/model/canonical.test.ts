import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { canonicalJson } from "./canonical.ts";
import type { JsonValue } from "./json.ts";

test("members are sorted by code units and numbers printed as RFC 8785 has it", () => {
  const value = {
    peach: "x",
    "\u20ac": 1,
    "\r": 2,
    "1": 3,
    "\u0080": 4,
    "\u00f6": 5,
    a: [1e30, 4.5, 2e-3, 1e-27, -0, 333333333.3333333],
    literals: [null, true, false],
  };
  assert.equal(
    canonicalJson(value),
    '{"\\r":2,"1":3,"a":[1e+30,4.5,0.002,1e-27,0,333333333.3333333],"literals":[null,true,false],"peach":"x","\u0080":4,"ö":5,"€":1}',
  );
});

test("the order in which members were written does not matter", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed());
      assert.equal(canonicalJson(turned as JsonValue), canonicalJson(value as JsonValue));
    }),
  );
});

test("B06 __proto__ is a member like any other", () => {
  const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": 1}') as JsonValue;
  assert.equal(canonicalJson(value), '{"__proto__":{"polluted":1},"a":1}');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test("what JSON cannot say is refused", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\ud800", undefined])
    assert.throws(() => canonicalJson(value as JsonValue), TypeError);
});
