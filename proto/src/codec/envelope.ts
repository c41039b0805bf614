// Envelopes: model <-> wire.

import type { Envelope } from "../model/envelope.ts";
import { Envelope as WireEnvelope } from "../gen/muster/v1/envelope.ts";

export function toWireEnvelope(envelope: Envelope): WireEnvelope {
  return {
    payloadType: envelope.payloadType,
    payload: Buffer.from(envelope.payload),
    signatures: envelope.signatures.map(({ keyid, signature }) => ({ keyid, signature: Buffer.from(signature) })),
  };
}

export function fromWireEnvelope(wire: WireEnvelope): Envelope {
  return { payloadType: wire.payloadType, payload: wire.payload, signatures: wire.signatures };
}

/** An envelope as bytes, for a file or a database. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return WireEnvelope.encode(toWireEnvelope(envelope)).finish();
}

/** Reads what encodeEnvelope wrote. Throws when the bytes are no envelope. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return fromWireEnvelope(WireEnvelope.decode(bytes));
}
