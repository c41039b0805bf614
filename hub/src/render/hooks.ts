// Hooks: objects that run at a moment of a deployment instead of being kept. They stay in the Release with their annotations, for the
// agent; what no deployment ever runs is left out, so that a changed test is no change of a cluster. Pure.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

const helmHook = "helm.sh/hook";
const argoHook = "argocd.argoproj.io/hook";
const neverRun: ReadonlySet<string> = new Set(["test", "test-success", "test-failure", "pre-rollback", "post-rollback"]);

/** True for an object that Helm's or Argo CD's annotations make a hook. */
export function isHook(object: JsonObject): boolean {
  const annotations = annotationsOf(object);
  return annotations[helmHook] !== undefined || annotations[argoHook] !== undefined;
}

/** True for a hook of Helm that is only for `helm test` or `helm rollback`. What Argo CD's annotations say goes first. */
export function isNeverRun(object: JsonObject): boolean {
  const { [helmHook]: helm, [argoHook]: argo } = annotationsOf(object);
  const events = argo === undefined ? eventsOf(helm) : [];
  return events.length > 0 && events.every((event) => neverRun.has(event));
}

function eventsOf(hook: JsonValue | undefined): readonly string[] {
  if (typeof hook !== "string") return [];
  return hook.split(",").flatMap((event) => (event.trim() === "" ? [] : [event.trim().toLowerCase()]));
}

function annotationsOf(object: JsonObject): JsonObject {
  const metadata = object["metadata"];
  const annotations = isJsonObject(metadata) ? metadata["annotations"] : undefined;
  return isJsonObject(annotations) ? annotations : {};
}
