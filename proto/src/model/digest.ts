// SHA-256 as the one name of content.

import { hash } from "node:crypto";

import { canonicalJson } from "./canonical.ts";
import type { JsonValue } from "./json.ts";

/** 64 lower-case hex digits of a SHA-256. */
export type Digest = string & { readonly __brand: "Digest" };

/** SHA-256 of bytes, or of a text's UTF-8. */
export function digestOf(content: string | Uint8Array): Digest {
  return hash("sha256", content, "hex") as Digest;
}

/** SHA-256 of a value's RFC 8785 JSON. */
export function digestOfJson(value: JsonValue): Digest {
  return digestOf(canonicalJson(value));
}

/** True when a text has the form of a Digest. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}
