// Whether a command may be carried out: signature, audience, epoch, time.

import { commandLifeMaxMs, commandPayloadType, readCommand, type Command } from "@muster/proto/model/command";
import type { Envelope } from "@muster/proto/model/envelope";
import type { Audience } from "./audience.ts";
import { signedBy, signsNew, type Trust } from "./trust.ts";

/** The largest command: arguments name one App and one object. */
export const commandBytesMax = 16 * 1024;

export type CommandVerdict =
  | { readonly kind: "command"; readonly command: Command }
  /** `id` is empty where nothing of it can be believed. */
  | { readonly kind: "refused"; readonly id: string; readonly code: string; readonly message: string };

/**
 * Reads a command for this cluster. `epoch` is that of the accepted bundle, 0 without one; `now` is milliseconds since 1970. Nothing of a
 * payload is looked at before its signature is verified.
 */
export function verifyCommand(envelope: Envelope, trust: Trust, audience: Audience, epoch: number, now: number): CommandVerdict {
  if (envelope.payload.length > commandBytesMax) return refused("", "E_LIMIT", `larger than ${commandBytesMax} bytes`);
  if (envelope.payloadType !== commandPayloadType || signedBy(envelope, trust, signsNew) === undefined)
    return refused("", "E_BAD_SIG", "not signed by the hub");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(envelope.payload);
  } catch {
    return refused("", "E_MALFORMED", "not readable");
  }
  const read = readCommand(text);
  if (read.kind === "unknown") return refused(idIn(text), "E_UNSUPPORTED", read.message);
  const { command } = read;
  const { id, notBefore, expiresAt } = command;
  if (command.fleet !== audience.fleet || command.cluster !== audience.cluster || command.clusterUid !== audience.clusterUid)
    return refused("", "E_AUDIENCE", "for another cluster");
  if (command.epoch < epoch) return refused(id, "E_EPOCH", `from epoch ${command.epoch}, after epoch ${epoch} was accepted`);
  if (Date.parse(expiresAt) <= now) return refused(id, "E_EXPIRED", `expired at ${expiresAt}`);
  if (Date.parse(expiresAt) > now + commandLifeMaxMs) return refused(id, "E_EXPIRED", `good until ${expiresAt}: longer than allowed`);
  if (notBefore !== null && Date.parse(notBefore) > now) return refused(id, "E_NOT_YET", `not before ${notBefore}`);
  return { kind: "command", command };
}

const refused = (id: string, code: string, message: string): CommandVerdict => ({ kind: "refused", id, code, message });

/** The id of what the hub signed and we do not understand, so that whoever waits is told. */
function idIn(text: string): string {
  return /"id":"([0-9a-zA-Z-]{8,64})"/.exec(text)?.[1] ?? "";
}
