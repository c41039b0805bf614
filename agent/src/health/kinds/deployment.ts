// Deployment: first the rollout, by counts; once it is finished for this generation, its own condition Available.

import { conditionOf, wordsOf } from "../conditions.ts";
import { at, numberAt } from "@muster/proto/model/members";
import { failed, healthy, inTime, degraded, progressing, stillAfter, suspended, type Rule } from "../verdict.ts";

export const deployment: Rule = (object, { now }) => {
  if (at(object, "spec", "paused") === true) return suspended("its rollout is paused");
  const rollout = conditionOf(object, "Progressing");
  if (rollout?.reason === "ProgressDeadlineExceeded") return failed(wordsOf(rollout), rollout.reason);
  const failure = conditionOf(object, "ReplicaFailure");
  if (failure?.status === "True") return stillAfter(now, failure.since, 30_000, wordsOf(failure), failure.reason);

  const wanted = numberAt(object, "spec", "replicas") ?? 1;
  const count = (name: string): number => numberAt(object, "status", name) ?? 0;
  const [total, updated, available] = [count("replicas"), count("updatedReplicas"), count("availableReplicas")];
  if (updated < wanted) return progressing(`${updated} of ${wanted} replicas are updated`);
  if (total > updated) return progressing(`${total - updated} old replicas are still there`);
  if (rollout?.reason !== "NewReplicaSetAvailable" && available < updated)
    return progressing(`${available} of ${updated} replicas are available`);

  const availability = conditionOf(object, "Available");
  if (availability === undefined) return wanted === 0 ? healthy() : progressing("its availability is not reported yet");
  if (availability.status === "True") return healthy(available < updated ? `${available} of ${updated} replicas are available` : "");
  const words = `${available} of ${updated} replicas are available`;
  return inTime(now, availability.since, 30_000, progressing(words, availability.reason), degraded(words, availability.reason));
};
