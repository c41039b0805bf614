// Server-side apply, create and JSON patch: the writes that put something there.

import { fieldManager as ourManager, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { aboutObject, kindMissing, metadataOf, objectIn, scoped, write, type Caller } from "./caller.ts";
import type { Mapping } from "./discovered.ts";
import { conflictOf, readStatus, refusalOf, warningsOf, type Conflict, type Refusal } from "./kube-answer.ts";
import { collectionPath, objectPath, query, selfOf } from "./paths.ts";
import { retryAfterMs, type Answer } from "./transport.ts";

export type Applied = {
  readonly kind: "applied";
  /** `unchanged`: the server wrote nothing. */
  readonly outcome: "created" | "configured" | "unchanged";
  readonly object: JsonObject;
  /** What the server wants people to know: deprecations, unusual fields. */
  readonly warnings: readonly string[];
};
export type ApplyResult = Applied | Conflict | Refusal;

export type ApplyOptions = {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** The resourceVersion last seen: an answer with the same one means that nothing was written. */
  readonly knownVersion?: string;
};

/**
 * Server-side apply of an object as it is given (guards such as uid and resourceVersion are the caller's to put in). Throws an
 * OperationError: "unavailable" when it is not known whether it was written, "invalid" for what is no object.
 */
export async function apply(caller: Caller, object: JsonObject, options: ApplyOptions): Promise<ApplyResult> {
  const target = await targetOf(caller, object);
  if (target.kind === "refused") return target;
  const { mapping, id, body } = target;
  const manager = options.fieldManager ?? ourManager;
  const path =
    objectPath(mapping, id) +
    query({ fieldManager: manager, fieldValidation: "Strict", force: options.force ? "true" : undefined, dryRun: dryRun(options) });
  const askedAt = Date.now();
  const answer = await write(caller, aboutObject(id).subject, { method: "PATCH", path, contentType: "application/apply-patch+yaml", body });
  const tookMs = Date.now() - askedAt;
  return settled(caller, answer, id, (written) => outcomeOf(answer, written, manager, options.knownVersion, tookMs));
}

/**
 * A plain POST, for namespaces and hooks. An object of that name that is there already is refused with `raced`. Throws like apply; a
 * write with `generateName` whose outcome is not known must not be repeated.
 */
export async function create(caller: Caller, object: JsonObject, options: { readonly dryRun?: boolean } = {}): Promise<Applied | Refusal> {
  const target = await targetOf(caller, object);
  if (target.kind === "refused") return target;
  const { mapping, id, body } = target;
  const path =
    collectionPath(mapping, id.namespace) + query({ fieldManager: ourManager, fieldValidation: "Strict", dryRun: dryRun(options) });
  const answer = await write(caller, aboutObject(id).subject, { method: "POST", path, contentType: "application/json", body });
  return unconflicted(await settled(caller, answer, id, () => "created"));
}

export type PatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: JsonValue }
  | { readonly op: "remove"; readonly path: string };

/** A JSON patch. A stale `replace /metadata/resourceVersion` and an absent object are refused with `raced`. Throws like apply. */
export async function patchJson(
  caller: Caller,
  id: ObjectIdentity,
  operations: readonly PatchOperation[],
  options: { readonly version?: string; readonly dryRun?: boolean } = {},
): Promise<Applied | Refusal> {
  const mapping = await caller.kinds.lookUp(id.group, id.kind, options.version);
  if (mapping === undefined) return kindMissing(id, options.version);
  const path =
    objectPath(mapping, scoped(id, mapping)) + query({ fieldManager: ourManager, fieldValidation: "Strict", dryRun: dryRun(options) });
  const answer = await write(caller, aboutObject(id).subject, {
    method: "PATCH",
    path,
    contentType: "application/json-patch+json",
    body: operations,
  });
  return unconflicted(await settled(caller, answer, id, () => "configured"));
}

const dryRun = (options: { readonly dryRun?: boolean }): string | undefined => (options.dryRun ? "All" : undefined);

type Target = { readonly kind: "target"; readonly mapping: Mapping; readonly id: ObjectIdentity; readonly body: JsonObject };

async function targetOf(caller: Caller, object: JsonObject): Promise<Target | Refusal> {
  const { identity, version } = selfOf(object);
  const mapping = await caller.kinds.lookUp(identity.group, identity.kind, version);
  if (mapping === undefined) return kindMissing(identity, version);
  const id = scoped(identity, mapping);
  if (id === identity) return { kind: "target", mapping, id, body: object };
  const { namespace: _, ...metadata } = metadataOf(object);
  return { kind: "target", mapping, id, body: { ...object, metadata } };
}

async function settled(
  caller: Caller,
  answer: Answer,
  id: ObjectIdentity,
  outcome: (written: JsonObject) => Applied["outcome"],
): Promise<ApplyResult> {
  const about = aboutObject(id);
  if (answer.status >= 200 && answer.status < 300) {
    const written = objectIn(answer, about.subject);
    return {
      kind: "applied",
      outcome: outcome(written),
      object: written,
      warnings: warningsOf(answer.headers["warning"] as string | undefined),
    };
  }
  const status = readStatus(answer.status, answer.body);
  const conflict = conflictOf(status);
  if (conflict !== undefined) return conflict;
  const refusal = refusalOf(status, about, retryAfterMs(answer, caller.limits));
  // A path that should be there is not: its CRD went away, or this server has not seen it yet.
  if (refusal.reason === "KindMissing") await caller.kinds.refresh();
  return refusal;
}

function unconflicted(result: ApplyResult): Applied | Refusal {
  return result.kind === "conflict"
    ? { kind: "refused", reason: "ApplyFailed", message: result.message, fields: result.conflicts.map((it) => it.field), retry: "raced" }
    : result;
}

/**
 * 201 is created. The known version again means that nothing was written; so does an entry of our manager that is older than the
 * request, both by the server's clock: the server renews its time with each apply that changes something.
 */
function outcomeOf(
  answer: Answer,
  written: JsonObject,
  manager: string,
  knownVersion: string | undefined,
  tookMs: number,
): Applied["outcome"] {
  if (answer.status === 201) return "created";
  const metadata = metadataOf(written);
  if (knownVersion !== undefined && metadata["resourceVersion"] === knownVersion) return "unchanged";
  const entryAt = entryTime(metadata, manager);
  const answeredAt = Date.parse(answer.headers.date ?? "");
  return entryAt < answeredAt - tookMs - 1_000 ? "unchanged" : "configured";
}

function entryTime(metadata: JsonObject, manager: string): number {
  const entries = Array.isArray(metadata["managedFields"]) ? (metadata["managedFields"] as readonly JsonValue[]).filter(isJsonObject) : [];
  const ours = entries.find(
    (entry) => entry["manager"] === manager && entry["operation"] === "Apply" && entry["subresource"] === undefined,
  );
  return typeof ours?.["time"] === "string" ? Date.parse(ours["time"]) : NaN;
}
