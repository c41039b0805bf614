// Kinds of widespread add-ons: cert-manager, Argo Rollouts, Flagger, Flux, External Secrets, Sealed Secrets, Knative, Crossplane.

import { conditionOf, wordsOf } from "../conditions.ts";
import { at, textAt } from "@muster/proto/model/members";
import { byCondition, degraded, healthy, minute, progressing, suspended, type Rule, type Verdict } from "../verdict.ts";

export const certificate: Rule = (object, moment) => {
  const issuing = conditionOf(object, "Issuing");
  const ready = byCondition(conditionOf(object, "Ready"), moment, 10 * minute);
  return issuing?.status === "True" && ready.health !== "degraded" ? progressing(wordsOf(issuing), issuing.reason) : ready;
};

export const issuer: Rule = (object, moment) => byCondition(conditionOf(object, "Ready"), moment, 10 * minute);

const phases: { readonly [phase: string]: (message: string) => Verdict } = {
  Healthy: (message) => healthy(message),
  Progressing: (message) => progressing(message || "its rollout goes on"),
  // A step of its canary waits for time or for a person: it is on its way.
  Paused: (message) => progressing(message || "its canary waits", "Paused"),
  Degraded: (message) => degraded(message || "its rollout failed", "Degraded"),
};

export const rollout: Rule = (object) => {
  if (at(object, "spec", "paused") === true) return suspended("its rollout is paused");
  const phase = textAt(object, "status", "phase") ?? "";
  const known = Object.hasOwn(phases, phase) ? phases[phase] : undefined;
  return known?.(textAt(object, "status", "message") ?? "") ?? progressing("it has not reported a phase yet");
};

/** Phases of Flagger in which nothing is on its way; in all others its canary is. */
const endedPhases: { readonly [phase: string]: (message: string) => Verdict } = {
  Initialized: () => healthy(),
  Succeeded: () => healthy(),
  Failed: (message) => degraded(message || "its canary failed", "Failed"),
};

export const canary: Rule = (object) => {
  if (at(object, "spec", "suspend") === true) return suspended("its analysis is suspended");
  const phase = textAt(object, "status", "phase") ?? "";
  const ended = Object.hasOwn(endedPhases, phase) ? endedPhases[phase] : undefined;
  const promoted = conditionOf(object, "Promoted");
  return ended?.(promoted === undefined ? "" : wordsOf(promoted)) ?? progressing(`its canary is ${phase || "not begun"}`, phase);
};

export const flux: Rule = (object, moment) =>
  at(object, "spec", "suspend") === true
    ? suspended("its reconciliation is suspended")
    : byCondition(conditionOf(object, "Ready"), moment, 10 * minute);

/** Healthy when all these conditions are True; degraded when one is False for a minute. */
export const conditionsTrue =
  (...types: readonly string[]): Rule =>
  (object, moment) => {
    const verdicts = types.map((type) => byCondition(conditionOf(object, type), moment, minute));
    return verdicts.find((it) => it.health === "degraded") ?? verdicts.find((it) => it.health !== "healthy") ?? healthy();
  };
