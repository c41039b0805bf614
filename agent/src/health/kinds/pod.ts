// Pod: ready, or done; degraded for what only a person can mend.

import type { JsonObject } from "@muster/proto/model/json";
import { conditionOf, wordsOf } from "../conditions.ts";
import { objectsAt, textAt } from "@muster/proto/model/members";
import { degraded, failed, healthy, progressing, stillAfter, type Rule } from "../verdict.ts";

/** Why a container waits although nothing will change by waiting. */
const stuck: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

export const pod: Rule = (object, { now }) => {
  const phase = textAt(object, "status", "phase");
  if (phase === "Succeeded") return healthy("it has finished");
  if (phase === "Failed")
    return failed(
      textAt(object, "status", "message") ?? whyTerminated(object) ?? "it has failed",
      textAt(object, "status", "reason") ?? "Failed",
    );
  const container = containers(object).find((it) => stuck.has(textAt(it, "state", "waiting", "reason") ?? ""));
  if (container !== undefined) return waiting(container);
  const scheduled = conditionOf(object, "PodScheduled");
  if (scheduled?.reason === "Unschedulable") return stillAfter(now, scheduled.since, 60_000, wordsOf(scheduled), scheduled.reason);
  const ready = conditionOf(object, "Ready");
  return ready?.status === "True" ? healthy() : progressing(ready === undefined ? "it is not ready yet" : wordsOf(ready), ready?.reason);
};

function containers(object: JsonObject): readonly JsonObject[] {
  return [...objectsAt(object, "status", "initContainerStatuses"), ...objectsAt(object, "status", "containerStatuses")];
}

function waiting(container: JsonObject): ReturnType<Rule> {
  const reason = textAt(container, "state", "waiting", "reason") ?? "";
  const words = textAt(container, "state", "waiting", "message");
  return degraded(`container ${textAt(container, "name") ?? ""}: ${words ?? reason}`, reason);
}

function whyTerminated(object: JsonObject): string | undefined {
  for (const container of containers(object)) {
    const reason = textAt(container, "state", "terminated", "reason");
    if (reason !== undefined && reason !== "Completed") return `container ${textAt(container, "name") ?? ""}: ${reason}`;
  }
  return undefined;
}
