// Waiting until a definition is served or a namespace is usable: what stands on it is written then.

import type { JsonObject } from "@muster/proto/model/json";
import { pause } from "@muster/proto/waiting/waiting";

import { healthOf } from "../health/health.ts";
import type { Kube } from "../kube/kube.ts";
import type { ApplyStep } from "../plan/plan.ts";
import { failureText } from "./site.ts";

export const readyTimes = { firstPauseMs: 5, pauseMaxMs: 500, deadlineMs: 60_000 } as const;

/** Resolves when it is ready, or after a minute, or when aborted: whoever needs it then finds out for itself. */
export async function waitReady(kube: Kube, step: ApplyStep, answer: JsonObject, signal: AbortSignal): Promise<void> {
  const until = Date.now() + readyTimes.deadlineMs;
  let live = answer;
  for (
    let pauseMs: number = readyTimes.firstPauseMs;
    !signal.aborted && Date.now() < until;
    pauseMs = Math.min(readyTimes.pauseMaxMs, pauseMs * 2)
  ) {
    if (healthOf(live, Date.now()).health === "healthy" && (await isServed(kube, step))) return;
    await pause(pauseMs, signal);
    const found = await kube.get(step.identity).catch((error: unknown) => failureText(error));
    if (typeof found !== "string" && found.kind === "found") live = found.object;
  }
}

async function isServed(kube: Kube, step: ApplyStep): Promise<boolean> {
  if (step.traits.defines === null) return true;
  const { group, kind } = step.traits.defines;
  if (kube.mapping(group, kind) !== undefined) return true;
  await kube.discover(true).catch(() => undefined); // not knowing is as good as not served: asked again in a moment
  return kube.mapping(group, kind) !== undefined;
}
