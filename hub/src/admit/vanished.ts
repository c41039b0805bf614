// APIs that a released render was told of and that the cluster does not report any more. What a render loses with them nobody took out of
// Git: an API service may be away, or its definitions were deleted. It waits until they are back, or until somebody says that it is meant.

import type { AppKey } from "@muster/proto/model/identity";
import { speaksOfApi, type Placement } from "../resolve/resolve.ts";
import type { HeldApp, HeldCluster } from "./verdict.ts";

export const noApis: readonly string[] = [];

/** Names that the chart still asks for and is told no more. */
export function vanishedFrom(held: HeldApp | null, { told }: Pick<Placement, "told">): readonly string[] {
  if (held?.apis === undefined || told === null || told === undefined) return noApis;
  const { asks, has } = told;
  const asked = (name: string): boolean => asks === "all" || asks.some((each) => speaksOfApi(each, name));
  // Who looks at all is told of groups only.
  const isThere = (name: string): boolean => isIn(has, name) || (asks === "all" && has.some((group) => name.startsWith(`${group}/`)));
  return held.apis.filter((name) => asked(name) && !isThere(name));
}

/** The same for an App that its parent renders no more. `isDeclared`: one of those above it that is still there may have lost the rest. */
export function vanishedBelow(held: HeldApp | null, { apis }: HeldCluster, isDeclared: (app: AppKey) => boolean): readonly string[] {
  if (held?.apis === undefined || apis === undefined) return noApis;
  const above = held.ancestors ?? (held.parent === null ? [] : [held.parent]);
  return above.some(isDeclared) ? held.apis.filter((name) => apis === null || !isIn(apis, name)) : noApis;
}

/** A version is there by any of its kinds; a kind only by itself: its definition may be gone, and the version not. */
const isIn = (names: readonly string[], name: string): boolean => names.some((each) => each === name || each.startsWith(`${name}/`));
