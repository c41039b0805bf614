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
  return held.apis.filter((name) => asked(name) && !has.some((each) => speaksOfApi(each, name)));
}

/** The same for an App that its parent renders no more. `parentIsThere`: the parent itself is still declared. */
export function vanishedBelow(held: HeldApp | null, { apis }: HeldCluster, parentIsThere: (parent: AppKey) => boolean): readonly string[] {
  if (held?.apis === undefined || apis === undefined || held.parent === null || !parentIsThere(held.parent)) return noApis;
  return held.apis.filter((name) => apis === null || !apis.some((each) => speaksOfApi(each, name)));
}
