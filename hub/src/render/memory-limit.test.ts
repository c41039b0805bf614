import assert from "node:assert/strict";
import { test } from "node:test";
import { limitMemory } from "./memory-limit.ts";

// (module (memory (export "m") 2) (func (export "g") (param i32) (result i32) local.get 0 memory.grow))
const growing = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 2, 7, 9, 2, 1, 0x6d, 2, 0, 1, 0x67, 0, 0, 0x0a,
  8, 1, 6, 0, 0x20, 0, 0x40, 0, 0x0b,
]);

function grow(module: Uint8Array<ArrayBuffer>, pages: number): number {
  const { g } = new WebAssembly.Instance(new WebAssembly.Module(module), {}).exports as { g: (pages: number) => number };
  return g(pages);
}

test("a module without a bound gets one, and growing beyond it fails", () => {
  assert.equal(grow(growing, 300), 2);
  const limited = limitMemory(growing, 200 * 65_536);
  assert.equal(grow(limited, 198), 2);
  assert.equal(grow(limited, 199), -1);
});

test("a bound that is there is replaced, and never below the start", () => {
  const limited = limitMemory(limitMemory(growing, 500 * 65_536), 10);
  assert.equal(grow(limited, 0), 2);
  assert.equal(grow(limited, 1), -1);
});

test("what is no module is refused", () => {
  assert.throws(() => limitMemory(Uint8Array.from([1, 2, 3]), 1), TypeError);
  assert.throws(() => limitMemory(growing.slice(0, 8), 1), TypeError);
});
