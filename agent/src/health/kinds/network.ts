// Service, and the Gateway API: Gateway, GatewayClass, routes.

import type { JsonObject } from "@muster/proto/model/json";
import { conditionOf, conditionsOf, wordsOf } from "../conditions.ts";
import { numberAt, objectsAt, textAt } from "@muster/proto/model/members";
import { byCondition, healthy, minute, progressing, stillAfter, type Rule, type Verdict } from "../verdict.ts";

export const service: Rule = (object, { now, since }) => {
  if (textAt(object, "spec", "type") !== "LoadBalancer") return healthy();
  const hasAddress = objectsAt(object, "status", "loadBalancer", "ingress").length > 0;
  return hasAddress ? healthy() : stillAfter(now, since, 10 * minute, "its load balancer has no address yet");
};

export const gateway: Rule = (object, moment) => {
  const accepted = byCondition(conditionOf(object, "Accepted"), moment, 60_000);
  return accepted.health === "healthy" ? byCondition(conditionOf(object, "Programmed"), moment, 10 * minute) : accepted;
};

export const gatewayClass: Rule = (object, moment) => byCondition(conditionOf(object, "Accepted"), moment, 60_000);

/** Every parent has to accept the route and to find what it refers to. */
export const route: Rule = (object, { now, since }) => {
  const parents = objectsAt(object, "status", "parents");
  if (parents.length === 0) return progressing("no gateway has accepted it yet");
  for (const parent of parents) {
    const problem = parentProblem(parent, numberAt(object, "metadata", "generation"), now, since);
    if (problem !== undefined) return problem;
  }
  return healthy();
};

function parentProblem(parent: JsonObject, generation: number | undefined, now: number, since: number | undefined): Verdict | undefined {
  const name = textAt(parent, "parentRef", "name") ?? "";
  const conditions = conditionsOf(parent, generation, ["conditions"]);
  for (const type of ["Accepted", "ResolvedRefs"]) {
    const condition = conditions.find((it) => it.type === type);
    if (condition === undefined) return progressing(`gateway ${name} has not reported ${type} yet`);
    if (condition.status !== "True")
      return stillAfter(now, condition.since ?? since, 60_000, `gateway ${name}: ${wordsOf(condition)}`, condition.reason);
  }
  return undefined;
}
