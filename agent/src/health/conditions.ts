// An object's conditions, without those that speak of an older generation.

import type { JsonObject } from "@muster/proto/model/json";
import { numberAt, objectsAt, textAt, timeAt } from "@muster/proto/model/members";

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** Since when it has this status, in milliseconds since 1970. */
  readonly since: number | undefined;
};

/** The conditions under `path`, which is `status.conditions` unless another is given. `generation` is the object's. */
export function conditionsOf(
  object: JsonObject,
  generation = numberAt(object, "metadata", "generation"),
  path = ["status", "conditions"],
): readonly Condition[] {
  return objectsAt(object, ...path)
    .filter((it) => generation === undefined || (numberAt(it, "observedGeneration") ?? generation) >= generation)
    .map((it) => ({
      type: textAt(it, "type") ?? "",
      status: textAt(it, "status") ?? "Unknown",
      reason: textAt(it, "reason") ?? "",
      message: textAt(it, "message") ?? "",
      since: timeAt(it, "lastTransitionTime"),
    }));
}

export function conditionOf(object: JsonObject, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** What a condition says, in words: its message, else its reason, else its type. */
export function wordsOf(condition: Condition): string {
  return condition.message || condition.reason || `${condition.type} is ${condition.status}`;
}
