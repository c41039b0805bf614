// Job and CronJob.

import { conditionOf, wordsOf } from "../conditions.ts";
import { at, numberAt, objectsAt, timeAt } from "@muster/proto/model/members";
import { failed, healthy, progressing, suspended, type Rule } from "../verdict.ts";

export const job: Rule = (object) => {
  const failure = conditionOf(object, "Failed");
  if (failure?.status === "True") return failed(wordsOf(failure), failure.reason);
  if (conditionOf(object, "Complete")?.status === "True") return healthy("it has finished");
  if (at(object, "spec", "suspend") === true) return suspended("the Job is suspended");
  const succeeded = numberAt(object, "status", "succeeded") ?? 0;
  return progressing(`${succeeded} of ${numberAt(object, "spec", "completions") ?? 1} completions`);
};

export const cronJob: Rule = (object) => {
  if (at(object, "spec", "suspend") === true) return suspended("the CronJob is suspended");
  const scheduled = timeAt(object, "status", "lastScheduleTime");
  const succeeded = timeAt(object, "status", "lastSuccessfulTime");
  const running = objectsAt(object, "status", "active").length > 0;
  const unfinished = scheduled !== undefined && !running && (succeeded === undefined || succeeded < scheduled);
  return healthy(unfinished ? "its last run did not succeed" : "");
};
