// The policy `immediate`: everything at once, no waves and no gates.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { ReasonCode } from "@muster/proto/model/reasons";

/** One App on one cluster whose admitted pin differs from the released one. */
export type Moving = { readonly app: AppKey; readonly cluster: ClusterName; readonly pin: Digest; readonly auto: boolean };

export type Release = { readonly app: AppKey; readonly cluster: ClusterName; readonly pin: Digest };
export type Wait = { readonly app: AppKey; readonly cluster: ClusterName; readonly reason: ReasonCode; readonly message: string };
export type Decision = { readonly releases: readonly Release[]; readonly waits: readonly Wait[] };

/** Releases all that moves by itself; what has `sync.auto: false` waits for a hand. */
export function releaseImmediately(wants: readonly Moving[]): Decision {
  const releases: Release[] = [];
  const waits: Wait[] = [];
  for (const { app, cluster, pin, auto } of wants) {
    if (auto) releases.push({ app, cluster, pin });
    else waits.push({ app, cluster, reason: "WaitingForHand", message: "sync.auto is false" });
  }
  return { releases, waits };
}
