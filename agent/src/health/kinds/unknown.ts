// Kinds that nobody told us of: their conditions by the custom names, and else that they exist.

import { conditionsOf } from "../conditions.ts";
import { at, timeAt } from "@muster/proto/model/members";
import { byCondition, healthy, inTime, minute, progressing, type Rule } from "../verdict.ts";

const telling = ["Ready", "Available", "Succeeded"];

export const unknownKind: Rule = (object, moment) => {
  const conditions = conditionsOf(object);
  for (const type of telling) {
    const condition = conditions.find((it) => it.type === type);
    if (condition !== undefined) return byCondition(condition, moment, 10 * minute);
  }
  const status = at(object, "status");
  if (status !== undefined && JSON.stringify(status) !== "{}") return healthy("it reports no readiness");
  // Its controller may not have seen it yet; or it has none.
  return inTime(
    moment.now,
    timeAt(object, "metadata", "creationTimestamp"),
    30_000,
    progressing("it has no status yet", "NoStatus"),
    healthy("", "NoStatus"),
  );
};
