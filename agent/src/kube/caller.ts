// What every verb works with: the connection, the known kinds, who we act as, and how one call is sent.

import { OperationError } from "@muster/proto/model/failure";
import { showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import type { AllBounds } from "./bounds.ts";
import type { Mapping } from "./discovered.ts";
import type { KindDirectory } from "./discovery.ts";
import type { Refusal } from "./kube-answer.ts";
import type { Answer, Transport } from "./transport.ts";

/** Compatible with pino. */
export type KubeLog = {
  info(fields: { readonly [name: string]: unknown }, message: string): void;
  warn(fields: { readonly [name: string]: unknown }, message: string): void;
};

export type Caller = {
  readonly transport: Transport;
  readonly kinds: KindDirectory;
  readonly limits: AllBounds;
  readonly log: KubeLog;
  readonly impersonation: { readonly [name: string]: string | readonly string[] };
};

export const metadataAs = (form: "PartialObjectMetadata" | "PartialObjectMetadataList"): string =>
  `application/json;as=${form};g=meta.k8s.io;v=v1`;

/** A read. */
export function read(caller: Caller, subject: string, path: string, accept: string, signal?: AbortSignal): Promise<Answer> {
  const headers = { ...caller.impersonation, accept };
  return caller.transport.request({ method: "GET", path, headers, subject, write: false, timeoutMs: caller.limits.readTimeoutMs }, signal);
}

type Write = { readonly method: "POST" | "PATCH" | "DELETE"; readonly path: string; readonly contentType: string; readonly body: unknown };

/** A write, with a JSON body that is sent as it is given. */
export function write(caller: Caller, subject: string, { method, path, contentType, body }: Write): Promise<Answer> {
  const headers = { ...caller.impersonation, accept: "application/json", "content-type": contentType };
  const text = JSON.stringify(body);
  return caller.transport.request({ method, path, headers, body: text, subject, write: true, timeoutMs: caller.limits.writeTimeoutMs });
}

export function aboutObject(id: ObjectIdentity): { readonly subject: string; readonly group: string; readonly kind: string } {
  return { subject: showIdentity(id), group: id.group, kind: id.kind };
}

/** The object in an answer. Throws an OperationError("unavailable") when there is none: something else answered. */
export function objectIn(answer: Answer, subject: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(answer.body);
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value)) throw new OperationError("unavailable", subject, `${subject}: the answer is not a JSON object`);
  return value;
}

/** The metadata of an object, empty when it has none. */
export function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object["metadata"]) ? object["metadata"] : {};
}

/** Items of built-in lists lack their kind, and metadata-only ones name another: each says what it is of. */
export function named(object: JsonObject, mapping: Mapping): JsonObject {
  const apiVersion = mapping.group === "" ? mapping.version : `${mapping.group}/${mapping.version}`;
  return { ...object, apiVersion, kind: mapping.kind };
}

/** Without the namespace that the API server would drop in silence on a cluster-scoped kind. */
export function scoped(id: ObjectIdentity, mapping: Mapping): ObjectIdentity {
  return mapping.namespaced || id.namespace === "" ? id : { ...id, namespace: "" };
}

export function kindMissing(id: ObjectIdentity, version: string | undefined): Refusal {
  const at = version === undefined ? "" : ` at version ${version}`;
  return {
    kind: "refused",
    reason: "KindMissing",
    message: `the cluster does not know the kind ${id.group === "" ? id.kind : `${id.kind}.${id.group}`}${at}`,
    fields: [],
    retry: "later",
    retryAfterMs: 5_000,
  };
}
