// StatefulSet: all replicas ready, those above the partition updated, and without a partition one revision.

import type { JsonObject } from "@muster/proto/model/json";
import { numberAt, textAt } from "@muster/proto/model/members";
import { healthy, minute, stillAfter, type Rule } from "../verdict.ts";

export const statefulSet: Rule = (object, { now, since }) => {
  const missing = whatIsMissing(object);
  if (missing !== undefined) return stillAfter(now, since, 10 * minute, missing);
  const onDelete = textAt(object, "spec", "updateStrategy", "type") === "OnDelete";
  return healthy(onDelete && !oneRevision(object) ? "pods of the old revision stay until they are deleted (OnDelete)" : "");
};

function whatIsMissing(object: JsonObject): string | undefined {
  const wanted = numberAt(object, "spec", "replicas") ?? 1;
  const count = (name: string): number => numberAt(object, "status", name) ?? 0;
  if (count("readyReplicas") < wanted) return `${count("readyReplicas")} of ${wanted} replicas are ready`;
  if (count("replicas") > wanted) return `${count("replicas") - wanted} replicas more than wanted`;
  if (textAt(object, "spec", "updateStrategy", "type") === "OnDelete") return undefined;
  const partition = numberAt(object, "spec", "updateStrategy", "rollingUpdate", "partition") ?? 0;
  const toUpdate = Math.max(0, wanted - partition);
  if (count("updatedReplicas") < toUpdate) return `${count("updatedReplicas")} of ${toUpdate} replicas are updated`;
  return partition === 0 && !oneRevision(object) ? "its revisions differ" : undefined;
}

function oneRevision(object: JsonObject): boolean {
  return textAt(object, "status", "currentRevision") === textAt(object, "status", "updateRevision");
}
