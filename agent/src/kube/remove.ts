// Deleting: always with the uid of the object that was meant, and with a stated propagation.

import { isJsonObject } from "@muster/proto/model/json";
import type { ObjectIdentity } from "@muster/proto/model/identity";
import { aboutObject, kindMissing, metadataOf, objectIn, scoped, write, type Caller } from "./caller.ts";
import { readStatus, refusalOf, type Refusal } from "./kube-answer.ts";
import { objectPath } from "./paths.ts";
import { retryAfterMs, type Answer } from "./transport.ts";

export type RemoveOptions = {
  /** Of the object that is meant: another one of the same name is left alone. */
  readonly uid: string;
  /** Background when not given. Without any, the server would orphan the pods of a Job. */
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  /** The version to delete at; else the server's preferred one. */
  readonly version?: string;
};

export type RemoveResult =
  | { readonly kind: "deleted" }
  | { readonly kind: "absent" }
  /** Accepted; it stays until its finalizers, its grace period or its dependents are done. */
  | { readonly kind: "pending"; readonly finalizers: readonly string[] }
  | { readonly kind: "otherUid" }
  | Refusal;

/** Deletes one object. Throws an OperationError("unavailable") when it is not known whether it was deleted. */
export async function remove(caller: Caller, id: ObjectIdentity, options: RemoveOptions): Promise<RemoveResult> {
  const mapping = await caller.kinds.lookUp(id.group, id.kind, options.version);
  if (mapping === undefined) return kindMissing(id, options.version);
  const about = aboutObject(id);
  const body = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    preconditions: { uid: options.uid },
    propagationPolicy: options.propagation ?? "Background",
  };
  const path = objectPath(mapping, scoped(id, mapping));
  const answer = await write(caller, about.subject, { method: "DELETE", path, contentType: "application/json", body });
  if (answer.status >= 200 && answer.status < 300) return removed(answer, about.subject);
  const status = readStatus(answer.status, answer.body);
  if (status.code === 404 && status.details.name !== "") return { kind: "absent" };
  if (status.code === 409 && /UID in (the )?precondition/.test(status.message)) return { kind: "otherUid" };
  const refusal = refusalOf(status, about, retryAfterMs(answer, caller.limits));
  if (refusal.reason === "KindMissing") await caller.kinds.refresh();
  return refusal;
}

/** The server answers with a Status, or with the object: as it was when it is gone, or as it is when something still holds it. */
function removed(answer: Answer, subject: string): RemoveResult {
  const object = objectIn(answer, subject);
  if (object["kind"] === "Status") return { kind: "deleted" };
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers: ofMetadata } = metadataOf(object);
  const spec = isJsonObject(object["spec"]) ? object["spec"] : {};
  const finalizers = [ofMetadata, object["kind"] === "Namespace" ? spec["finalizers"] : []].flat().filter((it) => typeof it === "string");
  const held = finalizers.length > 0 || (typeof deletionGracePeriodSeconds === "number" && deletionGracePeriodSeconds > 0);
  return typeof deletionTimestamp === "string" && held ? { kind: "pending", finalizers } : { kind: "deleted" };
}
