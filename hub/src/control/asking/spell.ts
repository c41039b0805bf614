// How a masked value is spelled: equal values alike, so that a change shows, and nothing else of them.

import { createHmac } from "node:crypto";

import type { Spell } from "@muster/proto/model/mask";

/** `key`: of this hub, or random for one answer. */
export function spellWith(key: Uint8Array): Spell {
  return (value) => `(secret ${createHmac("sha256", key).update("mask\0").update(value).digest("hex").slice(0, 8)})`;
}
