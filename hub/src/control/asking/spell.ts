// How a masked value is spelled in answers to questions: as agents spell theirs, with a key of this hub, so that a change shows.

import { createHmac } from "node:crypto";

import type { Spell } from "@muster/proto/model/mask";
import { spelledWith } from "@muster/proto/model/masking";

/** `key`: of this hub, or random for one answer. It is not used itself, but a key made from it. */
export function spellWith(key: Uint8Array): Spell {
  return spelledWith(createHmac("sha256", key).update("mask").digest());
}
