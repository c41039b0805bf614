// Which clusters a group holds, and which ones a wave of a rollout is for.

import type { ClusterName } from "@muster/proto/model/identity";
import type { ClusterGroup } from "./kinds.ts";
import type { WavePolicy } from "./rollout-policy.ts";
import { selects } from "./selector.ts";

/** As much of a cluster as selecting needs. */
export type Selectable = { readonly name: ClusterName; readonly labels: Readonly<Record<string, string>> };
export type Membership = (cluster: Selectable) => boolean;

/** A selector and named members, united. */
export function groupMembership({ members, selector }: ClusterGroup): Membership {
  const named = new Set(members);
  return ({ name, labels }) => named.has(name) || selects(selector, labels);
}

/** Whom a wave is for, however many of them it takes. A group that does not exist holds nobody: resolving has refused it. */
export function waveMembership(
  { clusters, group }: Pick<WavePolicy, "clusters" | "group">,
  groups: ReadonlyMap<string, ClusterGroup>,
): Membership {
  if (clusters !== null) return ({ labels }) => selects(clusters, labels);
  if (group === null) return () => true;
  const found = groups.get(group);
  return found === undefined ? () => false : groupMembership(found);
}
