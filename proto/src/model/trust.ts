// The key manifest: which keys sign Bundles and which CA speaks for the hub. Versions form a chain: each is signed by a key of the
// one before, so that an agent that slept for a year can walk it.

import { isJsonObject } from "./json.ts";

export const keyManifestPayloadType = "application/vnd.muster.keys.v1+json";

/** `active` signs; `next` will; `retired` still verifies what is held; `revoked` verifies nothing new. */
export type SigningKey = {
  readonly keyid: string;
  /** SPKI, PEM */ readonly publicKey: string;
  readonly state: "active" | "next" | "retired" | "revoked";
};

export type KeyManifest = {
  readonly version: number;
  readonly fleet: string;
  readonly signing: readonly SigningKey[];
  /** Certificates of the CAs that the hub's own certificate may come from, PEM. */
  readonly authorities: readonly string[];
};

/** Reads a key manifest. Throws a TypeError that says what is wrong. */
export function parseKeyManifest(text: string): KeyManifest {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value) || !Number.isSafeInteger(value["version"]) || typeof value["fleet"] !== "string")
    throw new TypeError("not a key manifest");
  const signing = value["signing"];
  const authorities = value["authorities"];
  if (!Array.isArray(signing) || signing.length === 0 || !signing.every(isSigningKey))
    throw new TypeError("key manifest without usable signing keys");
  if (!Array.isArray(authorities) || !authorities.every((pem) => typeof pem === "string"))
    throw new TypeError("key manifest without authorities");
  return value as unknown as KeyManifest;
}

function isSigningKey(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const state = value["state"];
  return (
    typeof value["keyid"] === "string" &&
    typeof value["publicKey"] === "string" &&
    typeof state === "string" &&
    ["active", "next", "retired", "revoked"].includes(state)
  );
}
