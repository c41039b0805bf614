// The typed form of what people wrote: defaults filled in, names checked, nothing left to validate.

import type { AgentPolicy, IgnoreRule } from "@muster/proto/model/bundle";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { Place, Problem } from "./problem.ts";
import type { RolloutPolicy } from "./rollout-policy.ts";
import type { Selector } from "./selector.ts";
import type { FleetKind } from "./tables.ts";

/** Fields as written, checked but not filled: layers merge before defaults are put in. */
export type Layer = JsonObject;

export type TargetSelect =
  | { readonly by: "selector"; readonly selector: Selector }
  | { readonly by: "group"; readonly group: string }
  | { readonly by: "cluster"; readonly cluster: ClusterName };

export type Target = {
  readonly select: TargetSelect;
  /** Null where the target does not say: an earlier target's word stays. */
  readonly deploy: boolean | null;
  /** Any of revision, namespace, helm, kustomize, sync, rollout. */
  readonly layer: Layer;
};

export type ObjectFiles = { readonly include: readonly string[]; readonly exclude: readonly string[]; readonly recurse: boolean };

/**
 * What an App deploys that no Source of the fleet holds: a Git repository, or a chart. `repo` is the URL of a Helm repository or an
 * oci:// folder; null: that of the Source which the App names.
 */
export type Remote =
  | { readonly kind: "git"; readonly url: string }
  | { readonly kind: "chart"; readonly repo: string | null; readonly chart: string; readonly version: string | null };

/** Where what an App deploys lies. `source` null: in the Source that its document lies in. */
export type Origin = { readonly source: string | null; readonly remote: Remote | null };

export type App = {
  readonly key: AppKey;
  readonly tenant: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly origin: Origin;
  /** path and any of revision, namespace, helm, kustomize, sync, rollout, as written. */
  readonly layer: Layer;
  readonly objects: ObjectFiles;
  readonly targets: readonly Target[];
  /** Sorted, each once. */
  readonly dependsOn: readonly AppKey[];
  /** The App's own word on it; a target may override it for its clusters. */
  readonly onLeave: "orphan" | "delete";
  readonly children: "delete" | "orphan";
};

export type Cluster = {
  readonly name: ClusterName;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly values: JsonObject;
  readonly server: string;
  readonly timezone: string | null;
  readonly paused: boolean;
};

export type ClusterGroup = {
  readonly name: string;
  readonly selector: Selector;
  readonly members: readonly ClusterName[];
};

/** What may be fetched from elsewhere: what is at this URL or below it. */
export type AllowedRemote = { readonly url: string; readonly secretRef: string | null };

export type Source = {
  readonly name: string;
  readonly tenant: string;
  readonly kind: "git" | "oci" | "helm";
  readonly url: string;
  /** Null: the remote's HEAD branch, or an artifact's newest version. */
  readonly revision: string | null;
  /** Normalised; `.` is the root. */
  readonly path: string;
  readonly secretRef: string | null;
  readonly pollMs: number;
  readonly submodules: boolean;
  readonly mirrors: readonly string[];
  readonly remotes: readonly AllowedRemote[];
  /** For its Apps that say nothing of their own. */
  readonly defaultRollout?: RolloutPolicy;
};

export type FleetDocument = { readonly key: string; readonly place: Place } & (
  | { readonly kind: "App"; readonly value: App }
  | { readonly kind: "Cluster"; readonly value: Cluster }
  | { readonly kind: "ClusterGroup"; readonly value: ClusterGroup }
  | { readonly kind: "Source"; readonly value: Source }
);

/** What one file says. */
export type ParsedFile = {
  readonly source: string;
  readonly path: string;
  readonly documents: readonly FleetDocument[];
  readonly problems: readonly Problem[];
  /** The file, or a document of it that cannot be told apart, could not be read: what it last held stays. */
  readonly broken: boolean;
  /** Documents that are there and are not readable: their last good forms stay. */
  readonly brokenKeys: readonly string[];
};

/** How documents are called in messages and as incumbents: `App default//web`, `Cluster berlin`. */
export function documentKey(kind: FleetKind, name: string): string {
  return `${kind} ${name}`;
}

export type HelmSettings = {
  readonly releaseName: string | null;
  readonly values: JsonObject;
  readonly valuesFiles: readonly string[];
  readonly skipCrds: boolean;
};

export type KustomizeSettings = {
  readonly images: readonly JsonValue[];
  readonly patches: readonly JsonObject[];
  readonly components: readonly string[];
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly replicas: readonly { readonly name: string; readonly count: number }[];
};

export type SyncSettings = {
  readonly auto: boolean;
  readonly prune: boolean;
  readonly heal: boolean;
  readonly createNamespace: boolean;
  readonly adopt: AgentPolicy["adopt"];
  readonly onLeave: "orphan" | "delete";
  readonly serviceAccount: string | null;
  readonly timeoutMs: number;
  readonly ignore: readonly IgnoreRule[];
};

/** All layers of one App on one cluster, merged, expressions replaced, defaults filled in. */
export type Settings = {
  /** Normalised; kustomize.path is part of it. */
  readonly path: string;
  readonly revision: string | null;
  readonly namespace: string | null;
  readonly helm: HelmSettings;
  readonly kustomize: KustomizeSettings;
  readonly sync: SyncSettings;
  /** Null: nothing is said. */
  readonly rollout: RolloutPolicy | null;
};
