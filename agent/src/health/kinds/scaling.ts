// HorizontalPodAutoscaler and PodDisruptionBudget.

import { conditionOf, wordsOf } from "../conditions.ts";
import { degraded, healthy, minute, progressing, stillAfter, type Rule } from "../verdict.ts";

export const autoscaler: Rule = (object, { now, since }) => {
  const problem = ["AbleToScale", "ScalingActive"]
    .map((type) => conditionOf(object, type))
    .find((condition) => condition?.status === "False" && condition.reason !== "ScalingDisabled");
  // A fresh one has no metrics for some minutes.
  if (problem !== undefined) return stillAfter(now, problem.since ?? since, 5 * minute, wordsOf(problem), problem.reason);
  return conditionOf(object, "AbleToScale") === undefined ? progressing("it has not looked at its target yet") : healthy();
};

export const disruptionBudget: Rule = (object) => {
  const allowed = conditionOf(object, "DisruptionAllowed");
  return allowed?.reason === "SyncFailed" ? degraded(wordsOf(allowed), allowed.reason) : healthy();
};
