// Two renders of the same inputs have to be equal byte for byte, or no two hubs would ever agree on a Release. Most that draws lots is
// made deterministic (sandbox.ts, module/functions.go); this finds what is left. Pure.

import { canonicalJson } from "@muster/proto/model/canonical";
import { identityKey, showIdentity } from "@muster/proto/model/identity";
import type { Rendered, RenderedObject, RenderFailed, RenderResult } from "./rendered.ts";

/** A second render of one in so many Variants costs 3 % of the rendering. */
export const checkEveryDefault = 32;

/** True for one of `every` seeds, always the same ones; 0: for none. */
export function isChecked(seed: string, every: number): boolean {
  return every > 0 && Number.parseInt(seed.slice(0, 8) || "0", 16) % every === 0;
}

/** The first result, or E_NONDETERMINISTIC with the first object that differs in the second. */
export function equalOrFailed(first: Rendered, second: RenderResult): Rendered | RenderFailed {
  if (second.kind === "failed") return failedAt(first.objects[0], "one of them fails", "");
  const others = new Map(second.objects.map((each) => [identityKey(each.identity), each]));
  const differing = first.objects.find((each) => textOf(others.get(identityKey(each.identity))) !== textOf(each));
  if (differing !== undefined) return failedAt(differing, "they differ in", showIdentity(differing.identity));
  if (first.objects.length !== second.objects.length) return failedAt(first.objects[0], "they differ in", "the number of objects");
  const apps = (of: Rendered): string => canonicalJson(of.apps.map(({ value }) => value));
  return apps(first) === apps(second) ? first : failedAt(first.objects[0], "they differ in", "an App");
}

function textOf(object: RenderedObject | undefined): string {
  return object === undefined ? "" : canonicalJson(object.object);
}

function failedAt(object: RenderedObject | undefined, how: string, what: string): RenderFailed {
  const message = `two renders of the same inputs are not equal: ${how} ${what}`.trimEnd();
  return { kind: "failed", code: "E_NONDETERMINISTIC", message, ...(object && { path: object.source.path }) };
}
