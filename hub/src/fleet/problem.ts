// What can be wrong with what people wrote, said with its place. The one shape of it for reading, resolving and admitting.

import type { ClusterName } from "@muster/proto/model/identity";

/** A place in a Source. Lines and columns count from 1. */
export type Place = { readonly source: string; readonly path: string; readonly line: number; readonly column?: number };

export type Problem = {
  /** A FleetCode, a code of the YAML reader, or what a render answered. */
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly remedy?: string;
  readonly place?: Place;
  /** The field inside the document at `place`, where the place could not be told closer yet. */
  readonly at?: readonly (string | number)[];
  /** `App default//guestbook`, `Cluster berlin`. */
  readonly subject?: string;
  /** Where it is about one Placement only. */
  readonly cluster?: ClusterName;
};

/** Codes of the rooms fleet, resolve and admit -> what they mean. Errors start with E, warnings with W. */
export const fleetCodes = {
  E_UNKNOWN_KIND: "the group is Muster's, the kind or version is not",
  E_UNKNOWN_KEY: "a key that the kind does not have",
  E_FIELD: "a value of the wrong type, or none where one is needed",
  E_NAME_INVALID: "a name that is no DNS label",
  E_LABEL: "a label's key or value breaks the rules of Kubernetes",
  E_SELECTOR: "a selector that is empty or malformed",
  E_DURATION: "a duration that cannot be read or is out of bounds",
  E_ROLLOUT_FIELD: "a field of a rollout with a value that does not fit",
  E_ROLLOUT_WAVES: "waves that do not go together, none, or too many",
  E_ROLLOUT_BUDGET: "a budget of a rollout that is no count or share, or that can never be met",
  E_ROLLOUT_GATE: "a gate of a rollout that is none, is said twice, or stands where it means nothing",
  E_ROLLOUT_ZONE: "a window in a time zone that there is not",
  E_EXPRESSION: "an expression that cannot be read",
  E_VAR_UNDEFINED: "an expression names something that the cluster does not have",
  E_PATH_ESCAPE: "a path leaves the repository",
  E_NOT_SUPPORTED_YET: "a field of the language that this version does not act on yet",
  E_DUPLICATE_APP: "two documents with one App key",
  E_DUPLICATE_CLUSTER: "two documents with one cluster name",
  E_DUPLICATE_GROUP: "two documents with one group name",
  E_DUPLICATE_SOURCE: "two documents with one Source name",
  E_SOURCE_PLACE: "a Source is declared in another Source than the root one",
  W_SOURCE_UNFETCHED: "a Source was never fetched, so that nothing can be said to be gone",
  E_SOURCE_UNKNOWN: "an App names a Source that does not exist",
  E_UNKNOWN_GROUP: "a target names a ClusterGroup that does not exist",
  E_TENANT: "a child App names another Tenant than its parent",
  E_CYCLE: "an App renders itself, directly or through its children",
  E_DEPTH: "Apps of Apps nested too deep",
  E_LIMIT: "more than Muster takes",
  E_NO_TARGETS: "an App without targets that renders no Apps",
  E_EMPTY_RENDER: "a render without objects",
  E_DEPENDENCY_UNKNOWN: "dependsOn names an App that does not exist",
  E_DEPENDENCY_CYCLE: "dependsOn leads back to where it started",
  E_OWNERSHIP_CONFLICT: "two Apps declare one object differently on one cluster",
  E_PROTECTED: "an object of Muster's own agent",
  E_SOURCE_EMPTIED: "a Source that held documents holds none any more",
  E_PATH_MISSING: "the path of a Source does not exist any more",
  E_SELECTOR_EMPTIED: "an App that ran on clusters matches none any more",
  W_SELECTOR_EMPTIED: "the same, where nothing is deleted for it",
  E_SHRINK: "so much of one origin goes at once that a person has to agree",
  W_ROLLOUT_NOT_YET: "a rollout in waves, which this version releases to all at once",
  W_ROLLOUT_IMMEDIATE: "an App that is released to many clusters at once",
  W_ROLLOUT_REST: "clusters that no wave takes, so that they form a last one",
  W_ROLLOUT_CANARY: "nobody says which cluster is first, so that it is chosen by hash",
  W_NO_CLUSTERS: "a selector that matches no cluster",
  W_UNKNOWN_CLUSTER: "a cluster is named that does not exist",
  W_DEPENDENCY_ELSEWHERE: "dependsOn names an App that is not on this cluster",
  W_NOT_SENT: "objects that are rendered and sent nowhere",
  W_DUPLICATE_SERVER: "two Clusters with one server URL",
} as const;

export type FleetCode = keyof typeof fleetCodes;
