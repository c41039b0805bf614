// ReplicaSet and ReplicationController: the wanted number is available.

import { conditionOf, wordsOf } from "../conditions.ts";
import { numberAt } from "@muster/proto/model/members";
import { healthy, minute, stillAfter, type Rule } from "../verdict.ts";

export const replicaSet: Rule = (object, { now, since }) => {
  const failure = conditionOf(object, "ReplicaFailure");
  if (failure?.status === "True") return stillAfter(now, failure.since, 30_000, wordsOf(failure), failure.reason);
  const wanted = numberAt(object, "spec", "replicas") ?? 1;
  const available = numberAt(object, "status", "availableReplicas") ?? 0;
  return available >= wanted ? healthy() : stillAfter(now, since, 10 * minute, `${available} of ${wanted} replicas are available`);
};
