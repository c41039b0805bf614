// Signs what agents act on: Ed25519 over the pre-authentication encoding of a DSSE envelope.

import { createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";

import { digestOf } from "@muster/proto/model/digest";
import { preAuthEncoding, type Envelope } from "@muster/proto/model/envelope";

export type Signer = {
  /** The first 16 hex digits of SHA-256 over the public key's SPKI. */
  readonly keyid: string;
  /** SPKI, PEM. */
  readonly publicKey: string;
  sign(payloadType: string, payload: string): Envelope;
};

/** The signer of a private Ed25519 key, PKCS#8 PEM. */
export function openSigner(privatePem: string): Signer {
  const key = createPrivateKey(privatePem);
  const publicKey: KeyObject = createPublicKey(key);
  const keyid = digestOf(publicKey.export({ type: "spki", format: "der" })).slice(0, 16);
  return {
    keyid,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign(payloadType, payload) {
      const bytes = new TextEncoder().encode(payload);
      const signature = sign(null, preAuthEncoding(payloadType, bytes), key);
      return { payloadType, payload: bytes, signatures: [{ keyid, signature }] };
    },
  };
}
