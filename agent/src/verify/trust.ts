// Which keys an agent believes. The first key manifest came with the enrolment, over a connection that the token's pin made safe; each
// later one counts because a key of the one before signed it, so that an agent that slept for a year can walk the chain.

import { createPublicKey, verify, type KeyObject } from "node:crypto";

import { preAuthEncoding, type Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import { keyManifestPayloadType, parseKeyManifest, type KeyManifest, type SigningKey } from "@muster/proto/model/trust";

export type Trust = {
  readonly manifest: KeyManifest;
  readonly keys: ReadonlyMap<string, { readonly key: KeyObject; readonly state: SigningKey["state"] }>;
};

/**
 * Walks a chain of key manifests, oldest first. `from` is what is trusted already; null at enrolment, where the first one vouches for
 * itself. Manifests that `from` covers already are skipped. Throws OperationError "corrupt" at the first link that does not hold.
 */
export function walkTrust(from: Trust | null, manifests: readonly Envelope[]): Trust {
  let trust = from;
  for (const envelope of manifests) {
    const next = readManifest(envelope);
    if (trust !== null && next.version <= trust.manifest.version) continue;
    if (trust !== null && next.version !== trust.manifest.version + 1)
      throw broken(`key manifest ${next.version} does not follow ${trust.manifest.version}`);
    if (trust !== null && next.fleet !== trust.manifest.fleet) throw broken(`key manifest ${next.version} is of another fleet`);
    const judge = trust ?? trustOf(next);
    if (signedBy(envelope, judge, mayIntroduce) === undefined)
      throw broken(`key manifest ${next.version} is not signed by a key of its predecessor`);
    trust = trustOf(next);
  }
  if (trust === null) throw broken("there is no key manifest");
  return trust;
}

function readManifest(envelope: Envelope): KeyManifest {
  if (envelope.payloadType !== keyManifestPayloadType) throw broken(`a key manifest of type ${envelope.payloadType}`);
  try {
    return parseKeyManifest(new TextDecoder("utf-8", { fatal: true }).decode(envelope.payload));
  } catch (error) {
    throw broken("a key manifest that cannot be read", error);
  }
}

function trustOf(manifest: KeyManifest): Trust {
  return {
    manifest,
    keys: new Map(manifest.signing.map(({ keyid, publicKey, state }) => [keyid, { key: createPublicKey(publicKey), state }])),
  };
}

type KeyState = SigningKey["state"];
const mayIntroduce = (state: KeyState): boolean => state === "active" || state === "next";

/** Keys that may sign something new; what lies on our own disk may also be signed by a key that has retired or was revoked since. */
export const signsNew = (state: KeyState): boolean => state === "active" || state === "next";
export const signedHeld = (): boolean => true;

/** The name of the key whose signature over the envelope holds, or undefined. Every signature present must be well formed. */
export function signedBy(envelope: Envelope, trust: Trust, allowed: (state: KeyState) => boolean): string | undefined {
  const bytes = preAuthEncoding(envelope.payloadType, envelope.payload);
  for (const { keyid, signature } of envelope.signatures) {
    const known = trust.keys.get(keyid);
    if (known === undefined || !allowed(known.state) || signature.length !== 64) continue;
    if (verify(null, bytes, known.key, signature)) return keyid;
  }
  return undefined;
}

function broken(message: string, cause?: unknown): OperationError {
  return new OperationError("corrupt", "key manifests", message, cause);
}
