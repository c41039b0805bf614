// Whether a bundle may be acted on: signature, audience, schema, and that (epoch, generation) only rises. Asked for what comes over the
// wire and for what lies on our own disk alike.

import { bundleDigest, bundlePayloadType, bundleSchema, parseBundle, type Bundle } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { Envelope } from "@muster/proto/model/envelope";
import type { AcceptedBundle } from "@muster/proto/model/session";
import type { RefusalCode } from "@muster/proto/model/status";
import type { Audience } from "./audience.ts";
import { signedBy, signedHeld, signsNew, type Trust } from "./trust.ts";

export type { Audience } from "./audience.ts";
export { verifyCommand, type CommandVerdict } from "./command.ts";
export { walkTrust, type Trust } from "./trust.ts";

export const bundleBytesMax = 32 * 1024 * 1024;

/** Features of bundles that this agent understands, beside the schema itself. */
export const knownFeatures: ReadonlySet<string> = new Set();

export type Verdict =
  | { readonly kind: "accepted"; readonly bundle: Bundle; readonly digest: Digest }
  | { readonly kind: "same"; readonly bundle: Bundle; readonly digest: Digest }
  | {
      readonly kind: "refused";
      readonly code: RefusalCode;
      readonly message: string;
      readonly epoch: number;
      readonly generation: number;
      readonly digest: string;
    };

/** Judges a bundle that arrived, against the newest accepted one. */
export function verifyBundle(envelope: Envelope, trust: Trust, audience: Audience, accepted: AcceptedBundle | null): Verdict {
  const read = readBundle(envelope, trust, audience, signsNew);
  if (read.kind !== "accepted" || accepted === null) return read;
  const { bundle, digest } = read;
  const refuse = (code: RefusalCode, message: string): Verdict => refused(code, message, bundle, digest);
  if (bundle.epoch < accepted.epoch) return refuse("E_EPOCH", `epoch ${bundle.epoch} after epoch ${accepted.epoch} was accepted`);
  if (bundle.epoch === accepted.epoch && bundle.signer !== accepted.signer)
    return refuse("E_EQUIVOCATION", `a second signer in epoch ${bundle.epoch}`);
  if (bundle.generation < accepted.generation)
    return refuse("E_ROLLBACK", `generation ${bundle.generation} after ${accepted.generation} was accepted`);
  if (bundle.generation > accepted.generation) return read;
  return digest === accepted.digest
    ? { kind: "same", bundle, digest }
    : refuse("E_EQUIVOCATION", `generation ${bundle.generation} with other content`);
}

/** Judges the bundle that lies on our own disk: everything but what it is newer than. */
export function verifyHeldBundle(envelope: Envelope, trust: Trust, audience: Audience): Verdict {
  return readBundle(envelope, trust, audience, signedHeld);
}

function readBundle(envelope: Envelope, trust: Trust, audience: Audience, allowed: typeof signsNew): Verdict {
  if (envelope.payload.length > bundleBytesMax) return refused("E_LIMIT", `larger than ${bundleBytesMax} bytes`);
  if (envelope.payloadType !== bundlePayloadType) return refused("E_UNSUPPORTED", "not a bundle of a known type");
  const keyid = signedBy(envelope, trust, allowed);
  if (keyid === undefined) return refused("E_BAD_SIG", "no signature by a key that this agent trusts");
  let text: string;
  let bundle: Bundle;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(envelope.payload);
    bundle = parseBundle(text);
  } catch (error) {
    return refused("E_MALFORMED", error instanceof TypeError ? error.message : "not JSON");
  }
  const digest = bundleDigest(text);
  const refuse = (code: RefusalCode, message: string): Verdict => refused(code, message, bundle, digest);
  const unknown = bundle.critical.filter((feature) => !knownFeatures.has(feature));
  if (bundle.schema !== bundleSchema) return refuse("E_UNSUPPORTED", `schema ${bundle.schema}; this agent knows ${bundleSchema}`);
  if (unknown.length > 0) return refuse("E_UNSUPPORTED", `needs ${unknown.join(", ")}; upgrade the agent`);
  if (bundle.fleet !== audience.fleet || bundle.cluster !== audience.cluster || bundle.clusterUid !== audience.clusterUid) {
    return refuse("E_AUDIENCE", `it is for cluster ${bundle.cluster} of fleet ${bundle.fleet}`);
  }
  if (bundle.signer !== keyid) return refuse("E_BAD_SIG", "it names another signer than the one who signed it");
  return { kind: "accepted", bundle, digest };
}

function refused(code: RefusalCode, message: string, bundle?: Bundle, digest = ""): Verdict {
  return { kind: "refused", code, message, epoch: bundle?.epoch ?? 0, generation: bundle?.generation ?? 0, digest };
}
