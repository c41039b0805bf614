// The words of this room: what a render takes and what it gives.

import type { ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";

export type RenderKind = "helm" | "kustomize" | "yaml";

/** Paths are inside the Snapshot: "/" between folders, none in front; "" is the repository root. */
export type SnapshotPath = string;

export type SourcePlace = { readonly path: SnapshotPath; readonly line?: number };

export type HelmInput = {
  readonly releaseName: string;
  readonly values: JsonObject;
  /** Laid under `values`, in order. */
  readonly valuesFiles: readonly SnapshotPath[];
  readonly skipCrds: boolean;
  /** As in `.Capabilities.KubeVersion`; "": what Helm assumes. */
  readonly kubeVersion: string;
  /** All that `.Capabilities.APIVersions` holds (`apps/v1`, `apps/v1/Deployment`); null: what Helm assumes. */
  readonly apiVersions: readonly string[] | null;
};

/** What an App lays over a kustomization, in the spelling of Kustomize's own fields. */
export type KustomizeInput = {
  readonly images?: readonly JsonValue[];
  readonly patches?: readonly JsonValue[];
  /** Folders, relative to the App's root. */
  readonly components?: readonly string[];
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  readonly labels?: JsonObject;
  readonly annotations?: JsonObject;
  readonly replicas?: readonly JsonValue[];
};

/** Which files of a folder of plain YAML are read; patterns are relative to the root. */
export type ObjectsInput = { readonly include: readonly string[]; readonly exclude: readonly string[]; readonly recurse: boolean };

export type RemoteNeed =
  | {
      readonly kind: "chart";
      /** For the map of what was fetched: equal needs have equal keys. */
      readonly key: string;
      /** `https://…` of an index, or `oci://…` without the chart's name. */
      readonly repo: string;
      readonly name: string;
      /** A version or a range; null: the newest. */
      readonly version: string | null;
      readonly at: SourcePlace;
    }
  | {
      readonly kind: "base";
      readonly key: string;
      /** As it is written: a file's address, or a repository with path and ref in Kustomize's spelling. */
      readonly url: string;
      readonly at: SourcePlace;
    };

export type RemoteContent = {
  /** Names the content: it goes into Inputs.digest. */
  readonly digest: string;
  /** A chart with or without its own folder in front; the files of a repository; or the one file. */
  readonly files: ReadonlyMap<SnapshotPath, Uint8Array>;
  /** What a base's address means among the files: a folder ("" by default) or a file. */
  readonly root?: SnapshotPath;
};

/** By the key of the need. */
export type Remotes = ReadonlyMap<string, RemoteContent>;

export type RenderInput = {
  readonly kind: RenderKind;
  readonly root: SnapshotPath;
  /** Every file that the render may read, links already resolved. */
  readonly files: ReadonlyMap<SnapshotPath, Uint8Array>;
  /** What was fetched for Inputs.remotes; a need without its content is E_REMOTE_FORBIDDEN. */
  readonly remotes?: Remotes;
  /** Tell what made each object of a kustomization (RenderedObject.trace), for `explain`. */
  readonly trace?: boolean;
  /** For namespaced objects that name none. */
  readonly namespace: string | undefined;
  readonly helm?: HelmInput;
  readonly kustomize?: KustomizeInput;
  readonly objects?: ObjectsInput;
  /** Hex. Where templates ask for random bytes, they follow from it. */
  readonly seed: string;
};

/** How Kustomize came to an object: the file or generator that it begins with, and the transformers that changed it, in order. */
export type ObjectTrace = {
  readonly origin: SourcePlace;
  /** The kind of the generator that made it. */
  readonly generator?: string;
  readonly transformers: readonly { readonly kind: string; readonly at: SourcePlace }[];
};

export type RenderedObject = {
  readonly identity: ObjectIdentity;
  readonly object: JsonObject;
  /** Helm: the template, and the document's line where it is certain. Kustomize: the file that the object begins with, where it is certain, else the kustomization. */
  readonly source: SourcePlace;
  readonly trace?: ObjectTrace;
};

/** A document of group muster.dev as it was rendered: it gives birth to an App and is never sent to a cluster. */
export type RenderedApp = { readonly value: JsonObject; readonly source: SourcePlace };

export type Rendered = {
  readonly kind: "rendered";
  /** Sorted by identity. */
  readonly objects: readonly RenderedObject[];
  readonly apps: readonly RenderedApp[];
  readonly warnings: readonly string[];
};

export type RenderFailed = {
  readonly kind: "failed";
  readonly code: RenderCode;
  /** Lower case; never quotes a file or a value. */
  readonly message: string;
  readonly path?: string;
  readonly line?: number;
};

export type RenderResult = Rendered | RenderFailed;

export const renderCodes = [
  "E_ARCHIVE", // a packed subchart is broken or hostile
  "E_CHART", // Chart.yaml or the chart's layout
  "E_CYCLE", // a kustomization includes itself
  "E_DEPTH", // lists in lists in lists
  "E_DUPLICATE_OBJECT",
  "E_EMPTY_RENDER",
  "E_ENCODING",
  "E_INTERNAL", // our own fault
  "E_KUBE_VERSION",
  "E_KUSTOMIZE",
  "E_LFS_POINTER",
  "E_LIMIT", // memory, output, number of objects
  "E_NAME_INVALID", // the name or version of a chart
  "E_NONDETERMINISTIC", // two renders of the same inputs differ
  "E_NUMBER",
  "E_OBJECT_INVALID",
  "E_PATH_ESCAPE",
  "E_PATH_MISSING",
  "E_REMOTE_FORBIDDEN",
  "E_RENDER", // a fault inside Helm or Kustomize
  "E_RESERVED_KEY",
  "E_TEMPLATE",
  "E_TIMEOUT",
  "E_VALUES", // values that do not fit the chart's schema
  "E_YAML",
  "E_YAML_DEPTH",
  "E_YAML_DUPKEY",
  "E_YAML_LIMIT",
  "E_YAML_MERGE",
  "E_YAML_TAG",
] as const;

export type RenderCode = (typeof renderCodes)[number];

const known: ReadonlySet<string> = new Set(renderCodes);

/** True for the codes above: what comes back from the module is checked with it. */
export function isRenderCode(code: string): code is RenderCode {
  return known.has(code);
}

/** Thrown inside a render, and turned into a RenderFailed at its end. */
export class RenderFault extends Error {
  readonly code: RenderCode;
  readonly place: SourcePlace | undefined;

  constructor(code: RenderCode, message: string, place?: SourcePlace) {
    super(message);
    this.code = code;
    this.place = place;
  }
}
