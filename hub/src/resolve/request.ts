// A render's inputs with the cluster removed (a Variant): equal inputs are one request, whoever asks.

import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { ClusterFacts } from "@muster/proto/model/status";
import type { HelmSettings, KustomizeSettings, Layer, ObjectFiles, Place, Remote, Settings } from "../fleet/fleet.ts";

export type RenderRequest = {
  readonly key: Digest;
  /** Where it lies, or the Source that allows `remote`. */
  readonly source: string;
  /** Null: the Source's own Snapshot, or what the remote means by default. */
  readonly revision: string | null;
  /** Null: it lies in the Source. */
  readonly remote: Remote | null;
  /** Folder in the repository, `.` for its root; kustomize.path is part of it. */
  readonly path: string;
  /** Null: found out by the files. */
  readonly kind: "helm" | "kustomize" | "yaml" | null;
  readonly namespace: string | null;
  readonly helm: HelmSettings & { readonly releaseName: string };
  readonly kustomize: KustomizeSettings;
  readonly objects: ObjectFiles;
  /** Which of these blocks the App itself says: one that does not fit the kind of source is worth an error. */
  readonly written: readonly ("helm" | "kustomize" | "objects")[];
  /** Null: nothing is said of clusters, and a chart that asks is answered with `asks`. */
  readonly capabilities: RequestCapabilities | null;
};

/** What a chart is told of a cluster: only what it asks for. Null: Helm's default. */
export type RequestCapabilities = {
  /** The minor version only: `v1.36.0`. */
  readonly kubeVersion: string | null;
  /** Sorted. */
  readonly apiVersions: readonly string[] | null;
};

/** What a chart's text asks of a cluster. `groups`: as it writes them, `apps/v1` or `apps/v1/Deployment`. */
export type AskedCapabilities = { readonly version: boolean; readonly groups: readonly string[] | "all" };

export type RenderAnswer =
  | {
      readonly kind: "rendered";
      /** Of the objects that go to clusters; Apps are not among them. */
      readonly release: Digest;
      /** Objects of Muster's group, with their place in the repository. */
      readonly apps: readonly { readonly value: JsonObject; readonly place: Place }[];
      /** Objects that go to clusters. */
      readonly objectCount: number;
    }
  /** To a request without capabilities, by a chart that reads some: it has to be asked once for each kind of cluster. */
  | { readonly kind: "asks"; readonly capabilities: AskedCapabilities }
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly place?: Place };

/** Where the content of an App, or of the App that rendered it, starts. */
export type Start = { readonly source: string; readonly revision: string | null; readonly remote: Remote | null };

/** The request of settled settings. */
export function renderRequest(settings: Settings, merged: Layer, objects: ObjectFiles, start: Start, name: string): RenderRequest {
  const { source, remote } = start;
  return keyed({
    source,
    revision: settings.revision ?? start.revision,
    remote,
    path: settings.path,
    kind: null,
    namespace: settings.namespace,
    helm: { ...settings.helm, releaseName: settings.helm.releaseName ?? name },
    kustomize: settings.kustomize,
    objects,
    written: written(merged, objects),
    capabilities: null,
  });
}

/** The same request for clusters of one kind. */
export function withCapabilities(request: RenderRequest, capabilities: RequestCapabilities): RenderRequest {
  return { ...request, capabilities, key: digestOfJson({ of: request.key, capabilities }) };
}

/** What of a cluster's facts a chart is told. Without facts: Helm's defaults. */
export function capabilitiesOf({ version, groups }: AskedCapabilities, facts: ClusterFacts | null): RequestCapabilities {
  if (facts === null) return { kubeVersion: null, apiVersions: null };
  const asksGroups = groups === "all" || groups.length > 0;
  const has = groups === "all" ? facts.apiVersions : facts.apiVersions.filter((each) => groups.includes(each));
  return { kubeVersion: version ? minorOf(facts.kubernetesVersion) : null, apiVersions: asksGroups ? has.toSorted() : null };
}

/** `v1.36.3+k3s1` is `v1.36.0`: a patch release renders nothing anew. */
function minorOf(version: string): string {
  const minor = /^v?(\d+\.\d+)/.exec(version)?.[1];
  return minor === undefined ? version : `v${minor}.0`;
}

function keyed(inputs: Omit<RenderRequest, "key">): RenderRequest {
  return { key: digestOfJson(inputs as unknown as JsonValue), ...inputs };
}

function written(merged: Layer, objects: ObjectFiles): RenderRequest["written"] {
  const says = (key: "helm" | "kustomize"): boolean => Object.keys(merged[key] ?? {}).length > 0;
  const plain = objects.recurse && objects.exclude.length === 0 && objects.include.join() === "*";
  return [
    ...(says("helm") ? ["helm" as const] : []),
    ...(says("kustomize") ? ["kustomize" as const] : []),
    ...(plain ? [] : ["objects" as const]),
  ];
}
