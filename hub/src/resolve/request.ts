// A render's inputs with the cluster removed (a Variant): equal inputs are one request, whoever asks.

import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { HelmSettings, KustomizeSettings, Layer, ObjectFiles, Place, Remote, Settings } from "../fleet/fleet.ts";

export type RenderRequest = {
  readonly key: Digest;
  readonly source: string;
  /** Null: the Source's own Snapshot. */
  readonly revision: string | null;
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
};

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
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly place?: Place };

/** The request of settled settings. `source` and `revision` say where the App's document lies. */
export function renderRequest(
  settings: Settings,
  merged: Layer,
  objects: ObjectFiles,
  source: string,
  revision: string | null,
  name: string,
): RenderRequest {
  const inputs = {
    source,
    revision: settings.revision ?? revision,
    remote: null,
    path: settings.path,
    kind: null,
    namespace: settings.namespace,
    helm: { ...settings.helm, releaseName: settings.helm.releaseName ?? name },
    kustomize: settings.kustomize,
    objects,
    written: written(merged, objects),
  };
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
