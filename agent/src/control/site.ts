// What the loops of one cluster share: the API server, the disk, what is known of our objects. One object, built once by body.ts.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AppKey } from "@muster/proto/model/identity";

import type { Cache } from "../cache/cache.ts";
import { serviceAccountUser, type Kube, type KubeActions } from "../kube/kube.ts";
import type { AppRecords } from "./app-records.ts";
import type { DriftLog } from "./drift-log.ts";
import type { Lanes, Turns } from "./lanes.ts";
import type { Ledger } from "./ledger.ts";
import type { AgentLog } from "./log.ts";
import type { Problems } from "./problems.ts";
import type { Sightings } from "./sightings.ts";

export type Site = {
  readonly kube: Kube;
  readonly cache: Cache;
  readonly fleet: string;
  readonly ownNamespace: string | null;
  readonly ledger: Ledger;
  readonly records: AppRecords;
  readonly sightings: Sightings;
  readonly problems: Problems;
  readonly drifts: DriftLog;
  /** For the writes of a round; heals have lanes of their own, so that a large round does not hold them up. */
  readonly lanes: Lanes;
  /** One write at a time for each object. */
  readonly turns: Turns;
  /** The policy that an App's objects are written under. */
  readonly policies: Map<AppKey, AgentPolicy>;
  /** Objects that an autoscaler of ours resizes, by identity. */
  readonly scaled: Set<string>;
  /** Apps whose pods crash, of those that a rollout watches, and with which pin. */
  readonly crashes: Map<AppKey, { readonly pin: Digest; readonly message: string }>;
  readonly now: () => number;
  readonly log: AgentLog;
  /** Called with blobs that were found absent or damaged. */
  readonly onLost: (digests: readonly Digest[]) => void;
};

export const siteBounds = { writesInFlight: 16, healsInFlight: 8 } as const;

/** Who acts for an App: the agent itself, or the service account that its policy names. Throws OperationError `invalid`. */
export function actorFor(site: Site, policy: AgentPolicy): KubeActions {
  if (policy.serviceAccount === null) return site.kube;
  const slash = policy.serviceAccount.indexOf("/");
  const namespace = slash === -1 ? (policy.namespace ?? "") : policy.serviceAccount.slice(0, slash);
  return site.kube.as(serviceAccountUser(namespace, policy.serviceAccount.slice(slash + 1)));
}

/** The message of a failure, for a problem: what failed and why, never a value. */
export function failureText(error: unknown): string {
  return error instanceof OperationError ? error.message : `unexpected: ${messageOf(error)}`;
}
