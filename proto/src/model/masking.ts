// How a masked value is spelled (I9): equal values look equal, so that a person sees what differs, and it is keyed, so that nobody finds the
// value by guessing. What is masked: mask.ts.

import { createHmac } from "node:crypto";

import type { Spell } from "./mask.ts";

/** A key of one answer: made by whoever masks, and never told. */
export type MaskKey = Uint8Array;

/** Spells a value as `[masked 3f9c21d07a4e]`. */
export function spelledWith(key: MaskKey): Spell {
  return (value) => `[masked ${createHmac("sha256", key).update(value).digest("hex").slice(0, 12)}]`;
}
