// What a person asks of one agent, signed like a bundle. An act (redeliver) is durable on the hub and idempotent by its id; a look
// (inspect) lives as long as somebody waits for its answer.

import { canonicalJson } from "./canonical.ts";
import type { AppKey, ObjectIdentity } from "./identity.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

export const commandPayloadType = "application/vnd.muster.command.v1+json";

/** The parts of a look: how objects and what they own are, their bodies, the cluster's events about them, released against live. */
export const inspectParts = ["tree", "objects", "events", "diff"] as const;
export type InspectPart = (typeof inspectParts)[number];

export type InspectArgs = {
  readonly app: AppKey;
  readonly parts: readonly InspectPart[];
  /** Only this object, and what it owns; null: all of the App. */
  readonly object: ObjectIdentity | null;
  /** Leave managedFields in the bodies. */
  readonly managedFields: boolean;
};

export type RedeliverArgs = { readonly app: AppKey };

/** What each kind of command says beside its head. */
export type CommandArgs = { readonly inspect: InspectArgs; readonly redeliver: RedeliverArgs };
export type CommandKind = keyof CommandArgs;

export const commandKinds = ["inspect", "redeliver"] as const satisfies readonly CommandKind[];

/** For whom a command is, and until when. Times are RFC 3339, UTC. */
export type CommandHead = {
  readonly fleet: string;
  readonly cluster: string;
  readonly clusterUid: string;
  /** Of the newest bundle that this hub signed for the cluster, 0 before the first: an agent obeys no hub that was overtaken. */
  readonly epoch: number;
  readonly id: string;
  readonly notBefore: string | null;
  readonly expiresAt: string;
  readonly actor: string;
};

export type CommandBody = { readonly [K in CommandKind]: { readonly kind: K; readonly args: CommandArgs[K] } }[CommandKind];
export type Command = CommandHead & CommandBody;

/** No command is good for longer: an agent remembers its id until then. */
export const commandLifeMaxMs = 24 * 3_600_000;

/** The text that is signed. */
export function commandText(command: Command): string {
  return canonicalJson(command as unknown as JsonValue);
}

/** What a signed payload says: a command, or why it is none that we know. */
export type ReadCommand = { readonly kind: "command"; readonly command: Command } | { readonly kind: "unknown"; readonly message: string };

/** Reads a command whose signature was verified; what it says about audience and time is not judged here. Never throws. */
export function readCommand(text: string): ReadCommand {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unknown("not readable");
  }
  if (!isJsonObject(value)) return unknown("not readable");
  const wrong = Object.entries(headFields).find(([field, check]) => !check((value as JsonObject)[field]));
  if (wrong !== undefined) return unknown(`${wrong[0]} is missing or malformed`);
  const { kind, args } = value;
  if (typeof kind !== "string" || !Object.hasOwn(argChecks, kind)) return unknown("not a command that this agent knows; upgrade the agent");
  if (!isJsonObject(args) || !argChecks[kind as CommandKind](args)) return unknown(`malformed arguments of ${kind}`);
  return { kind: "command", command: value as unknown as Command };
}

const unknown = (message: string): ReadCommand => ({ kind: "unknown", message });

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
const isTime = (value: unknown): boolean => typeof value === "string" && !Number.isNaN(Date.parse(value));

const headFields = {
  fleet: isText,
  cluster: isText,
  clusterUid: isText,
  epoch: (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
  id: (value: unknown) => typeof value === "string" && /^[0-9a-zA-Z-]{8,64}$/.test(value),
  notBefore: (value: unknown) => value === null || isTime(value),
  expiresAt: isTime,
  actor: isText,
} satisfies Record<keyof CommandHead, (value: unknown) => boolean>;

const argChecks = {
  inspect: ({ app, parts, object, managedFields }: JsonObject) =>
    isText(app) &&
    Array.isArray(parts) &&
    parts.every((part) => (inspectParts as readonly unknown[]).includes(part)) &&
    (object === null || isIdentity(object)) &&
    typeof managedFields === "boolean",
  redeliver: ({ app }: JsonObject) => isText(app),
} satisfies Record<CommandKind, (args: JsonObject) => boolean>;

/** True for an object that has the four members of an identity. */
export function isIdentity(value: unknown): value is ObjectIdentity {
  return isJsonObject(value) && ["group", "kind", "namespace", "name"].every((field) => typeof value[field] === "string");
}
