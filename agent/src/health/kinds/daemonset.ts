// DaemonSet: updated and available on each node that wants it.

import { numberAt, textAt } from "@muster/proto/model/members";
import { healthy, minute, stillAfter, type Rule } from "../verdict.ts";

export const daemonSet: Rule = (object, { now, since }) => {
  const count = (name: string): number => numberAt(object, "status", name) ?? 0;
  const desired = count("desiredNumberScheduled");
  const onDelete = textAt(object, "spec", "updateStrategy", "type") === "OnDelete";
  const updated = count("updatedNumberScheduled");
  if (updated < desired && !onDelete) return stillAfter(now, since, 10 * minute, `${updated} of ${desired} nodes are updated`);
  const available = count("numberAvailable");
  if (available < desired) return stillAfter(now, since, 10 * minute, `available on ${available} of ${desired} nodes`);
  return healthy(updated < desired ? `${desired - updated} pods of the old revision stay until they are deleted (OnDelete)` : "");
};
