// The two kinds of token that the hub gives out. Only their hashes are kept; what a person holds is shown once.

import { createHash, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";

import { digestOf, type Digest } from "@muster/proto/model/digest";

/** A secret and what is kept of it. */
export type MintedToken = { readonly id: string; readonly text: string; readonly hash: Digest };

/** `muster1.<id>.<secret>.<pin>.<check>`: the pin is the SHA-256 of the CA's SPKI, so that the first contact is already safe. */
export function mintJoinToken(authorityPem: string): MintedToken {
  const id = randomBytes(6).toString("hex");
  const secret = randomBytes(16).toString("base64url");
  const body = `muster1.${id}.${secret}.${authorityPin(authorityPem)}`;
  return { id, text: `${body}.${checksum(body)}`, hash: digestOf(secret) };
}

/** `mst_<id>_<secret>`: a bearer token of the API. */
export function mintApiToken(): MintedToken {
  const id = randomBytes(6).toString("hex");
  const secret = randomBytes(24).toString("hex");
  return { id, text: `mst_${id}_${secret}`, hash: digestOf(secret) };
}

export type TokenParts = { readonly id: string; readonly hash: Digest };

/** The id and the hash of a join token's secret; undefined when the text is none (mistyped ones are told by their checksum). */
export function readJoinToken(text: string): TokenParts | undefined {
  const parts = /^(muster1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{22})\.[0-9a-f]{64})\.([0-9a-f]{8})$/.exec(text.trim());
  const [, body, id, secret, check] = parts ?? [];
  if (body === undefined || id === undefined || secret === undefined || check !== checksum(body)) return undefined;
  return { id, hash: digestOf(secret) };
}

/** The same of an API token. */
export function readApiToken(text: string): TokenParts | undefined {
  const [, id, secret] = /^mst_([0-9a-f]{12})_([0-9a-f]{48})$/.exec(text.trim()) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, hash: digestOf(secret) };
}

/** Compares hashes in constant time. */
export function sameHash(a: Digest, b: Digest): boolean {
  return timingSafeEqual(Buffer.from(a, "hex"), Buffer.from(b, "hex"));
}

/** SHA-256 over a certificate's SPKI, hex. */
export function authorityPin(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

function checksum(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 8);
}
