// What an agent answers to a look: an App as its API server gives it now. Secrets are masked before it leaves the cluster (mask.ts).

import { isIdentity } from "./command.ts";
import type { Digest } from "./digest.ts";
import type { AppKey, ObjectIdentity } from "./identity.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import type { Health } from "./status.ts";

/** Reaching one of them is said in `notes`. */
export const inspectionLimits = {
  objects: 1_000,
  children: 1_000,
  events: 200,
  fieldsPerObject: 200,
  managersPerObject: 20,
  valueChars: 4_096,
  /** Of the answer, compressed and not. */
  answerBytes: 16 * 1024 * 1024,
  answerTextBytes: 64 * 1024 * 1024,
  chunkBytes: 64 * 1024,
} as const;

/** One object of the App, or one that such an object owns (`owner` is its owner's uid). Times are RFC 3339, UTC. */
export type InspectedObject = {
  readonly identity: ObjectIdentity;
  /** null: it is not there, or could not be read: then `message` says why. */
  readonly uid: string | null;
  readonly owner: string | null;
  /** False for what the App does not declare (any more). */
  readonly declared: boolean;
  readonly health: Health;
  readonly message: string;
  /** When it was made; null when it is not there. */
  readonly since: string | null;
  /** Where bodies were asked for, masked. */
  readonly body: JsonObject | null;
  /** Where the difference was asked for. */
  readonly diff: ObjectDiff | null;
};

/** One field whose live value is not the released one. A value that is not there is absent; long texts are cut. */
export type FieldDiff = {
  readonly path: string;
  readonly released?: JsonValue;
  readonly live?: JsonValue;
  /** Who holds it on the live object; `unknown` when nobody does. */
  readonly manager: string;
};

/** Fields that others manage beside ours. */
export type OtherManager = {
  readonly manager: string;
  readonly operation: string;
  readonly time: string | null;
  readonly fields: readonly string[];
};

export type ObjectDiff = {
  /** `undeclared`: on the cluster, ours, and no longer in the Release. `unknown`: it could not be compared, `message` says why. */
  readonly state: "same" | "differs" | "missing" | "undeclared" | "unknown";
  readonly message: string;
  readonly ours: readonly FieldDiff[];
  readonly others: readonly OtherManager[];
};

export type ClusterEvent = {
  readonly object: ObjectIdentity;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly by: string;
  readonly count: number;
  readonly firstSeen: string | null;
  readonly lastSeen: string;
};

export type Inspection = {
  readonly app: AppKey;
  readonly takenAt: string;
  /** What is applied: the Release that was begun last; null when none was. */
  readonly release: Digest | null;
  readonly pin: Digest | null;
  /** Objects of the App, by identity, then what they own. */
  readonly objects: readonly InspectedObject[];
  /** Newest first. */
  readonly events: readonly ClusterEvent[];
  /** What is missing here and why: a bound that was reached, a kind that may not be listed. */
  readonly notes: readonly string[];
};

/** Reads an answer. Throws a TypeError that says what is wrong with it: an agent may send anything. */
export function parseInspection(text: string): Inspection {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value) || typeof value["app"] !== "string" || typeof value["takenAt"] !== "string")
    throw new TypeError("the answer is no inspection");
  for (const member of ["objects", "events", "notes"])
    if (!Array.isArray(value[member])) throw new TypeError(`the answer has no list of ${member}`);
  const answer = value as unknown as Inspection;
  if (!answer.objects.every(isObject)) throw new TypeError("an object of the answer is malformed");
  if (!answer.events.every(isEvent)) throw new TypeError("an event of the answer is malformed");
  if (!answer.notes.every((note) => typeof note === "string")) throw new TypeError("a note of the answer is malformed");
  return answer;
}

const healths: ReadonlySet<unknown> = new Set<Health>(["healthy", "progressing", "degraded", "suspended", "missing", "unknown"]);
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === "string";
const isTime = (value: unknown): boolean => typeof value === "string" && !Number.isNaN(Date.parse(value));

function isObject(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { identity, uid, owner, declared, health, message, since, body, diff } = value;
  return (
    isIdentity(identity) &&
    isTextOrNull(uid) &&
    isTextOrNull(owner) &&
    typeof declared === "boolean" &&
    healths.has(health) &&
    typeof message === "string" &&
    (since === null || isTime(since)) &&
    (body === null || isJsonObject(body)) &&
    (diff === null || isDiff(diff))
  );
}

const diffStates: ReadonlySet<unknown> = new Set<ObjectDiff["state"]>(["same", "differs", "missing", "undeclared", "unknown"]);

function isDiff(value: unknown): boolean {
  if (!isJsonObject(value) || !diffStates.has(value["state"]) || typeof value["message"] !== "string") return false;
  const { ours, others } = value;
  if (!Array.isArray(ours) || !Array.isArray(others)) return false;
  const isField = (field: unknown): boolean =>
    isJsonObject(field) && typeof field["path"] === "string" && typeof field["manager"] === "string";
  const isOther = (other: unknown): boolean =>
    isJsonObject(other) &&
    typeof other["manager"] === "string" &&
    typeof other["operation"] === "string" &&
    isTextOrNull(other["time"]) &&
    Array.isArray(other["fields"]) &&
    other["fields"].every((field) => typeof field === "string");
  return ours.every(isField) && others.every(isOther);
}

function isEvent(value: unknown): boolean {
  if (!isJsonObject(value) || !isIdentity(value["object"])) return false;
  const texts = ["type", "reason", "message", "by"].every((member) => typeof value[member] === "string");
  return texts && isTextOrNull(value["firstSeen"]) && isTime(value["lastSeen"]) && typeof value["count"] === "number";
}

/** True when the live cluster is not as it was released: what `muster diff --live` exits with. */
export function differs(inspection: Inspection): boolean {
  return inspection.objects.some(({ diff }) => diff !== null && diff.state !== "same");
}
