// The JSON of the answers to people's questions: explain, diff, preview, where, why-changed. Plain types only, fields are only ever added,
// secret values are masked before they get here.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { Place, Problem } from "./api.ts";

/** Clusters that one row names; how many there are is said beside them. */
export const namesMax = 100;

/** Who changed a file last, as far as the history at hand tells. */
export type ChangedBy = { readonly commit: string; readonly author: string; readonly at: string; readonly subject: string };

/** What an expression read, and where that stands. */
export type TakenRow = { readonly ref: string; readonly value: JsonValue; readonly place: Place | null };

/** One layer that says something about a field. */
export type SaidRow = {
  /** `chart`, `values file x.yaml`, `kustomization`, `App`, `targets[1]`, `default`. */
  readonly layer: string;
  /** As written, with its expressions. */
  readonly value: JsonValue;
  /** The very field; null for a default of the language. */
  readonly place: Place | null;
  /** Of the file; null where it is not known. */
  readonly changed: ChangedBy | null;
  readonly taken: readonly TakenRow[];
};

/** A setting: who says what about it, low to high. The last one won. */
export type SettingRow = {
  readonly path: string;
  /** After merging and expressions. */
  readonly value: JsonValue;
  readonly said: readonly SaidRow[];
};

/** A field of an object that is sent to the cluster. */
export type FieldRow = {
  readonly identity: ObjectIdentity;
  readonly path: string;
  readonly value: JsonValue;
  /** The template or manifest that the object began with. */
  readonly place: Place | null;
  /** What of a kustomization changed the object on its way, in order. */
  readonly transformers: readonly { readonly kind: string; readonly place: Place }[];
  /** Settings that move it when they are changed, found by rendering with each of them changed. */
  readonly movedBy: readonly SettingRow[];
  /** How many settings were tried, of how many there are. */
  readonly tried: { readonly count: number; readonly of: number };
};

/** `GET /api/v1/explain?app=&cluster=&path=&object=&all=` */
export type ExplainAnswer = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly commit: string | null;
  readonly kind: "helm" | "kustomize" | "yaml" | null;
  readonly settings: readonly SettingRow[];
  readonly fields: readonly FieldRow[];
};

/** `from` or `to` is absent where the field is. */
export type FieldChange = { readonly path: string; readonly from?: JsonValue; readonly to?: JsonValue };

export type ObjectChange = {
  readonly kind: "added" | "deleted" | "changed";
  readonly identity: ObjectIdentity;
  /** Of a changed object, at most 100. */
  readonly fields: readonly FieldChange[];
  /** Unified YAML. */
  readonly lines: readonly string[];
};

/** What an answer leaves out since it would be too large: rows, objects of the rows that it has, lines of the objects that it has. */
export type Cut = { readonly rows: number; readonly objects: number; readonly lines: number };

/** One change of one App, the same on all its clusters. */
export type DiffRow = {
  readonly app: AppKey;
  readonly clusters: readonly ClusterName[];
  /** Null: the App is not there. */
  readonly from: Digest | null;
  readonly to: Digest | null;
  /** Why `to` is not released, where it waits. */
  readonly reason: string;
  readonly objects: readonly ObjectChange[];
  /** What of the agent's policy differs (sync, namespace). */
  readonly policy: readonly FieldChange[];
};

/** `GET /api/v1/diff?app=&cluster=`: what Git wants now against what is released. */
export type DiffAnswer = {
  readonly commit: string | null;
  readonly asOf: string;
  readonly items: readonly DiffRow[];
  readonly equal: number;
  readonly cut: Cut;
};

/** An App on both sides of a comparison of environments. `clusters`: one of each side that was compared. */
export type ParityRow = {
  readonly app: AppKey;
  readonly side: "left" | "right" | "differs" | "equal";
  readonly left: readonly ClusterName[];
  readonly right: readonly ClusterName[];
  readonly images: readonly FieldChange[];
  readonly settings: readonly FieldChange[];
  readonly objects: readonly ObjectChange[];
};

/** `GET /api/v1/parity?left=&right=&app=` */
export type ParityAnswer = {
  readonly commit: string | null;
  readonly left: { readonly name: string; readonly clusters: readonly ClusterName[] };
  readonly right: { readonly name: string; readonly clusters: readonly ClusterName[] };
  readonly items: readonly ParityRow[];
};

/** What becomes of one App on clusters with equal changes. `from` and `to` are those of the first. */
export type PreviewChange = {
  readonly app: AppKey;
  readonly kind: "added" | "changed" | "removed" | "released";
  readonly from: Digest | null;
  readonly to: Digest | null;
  readonly objects: readonly ObjectChange[];
  readonly policy: readonly FieldChange[];
  /** Where the guards would hold it, which ones. */
  readonly held: readonly string[];
  /** Why it could not be had. */
  readonly reason: string;
};

export type PreviewRow = { readonly clusters: readonly ClusterName[]; readonly changes: readonly PreviewChange[] };

/** `GET /api/v1/preview?revision=&source=` */
export type PreviewAnswer = {
  readonly source: string;
  readonly revision: string;
  readonly commit: string;
  readonly against: string | null;
  readonly clusters: { readonly total: number; readonly changed: number };
  readonly rows: readonly PreviewRow[];
  /** Problems that the revision has and the present does not. */
  readonly problems: readonly Problem[];
  readonly solved: readonly Problem[];
  /** Of all rows, also those that were cut. */
  readonly counts: { readonly added: number; readonly changed: number; readonly deleted: number; readonly held: number };
  readonly cut: Cut;
};

export type WhereState = "runs" | "released" | "waits";

/** One App, the same on all these clusters. */
export type WhereRow = {
  /** At most `namesMax`, by name. */
  readonly clusters: readonly ClusterName[];
  readonly clusterCount: number;
  readonly app: AppKey;
  /** Acknowledged by the agent; released and not yet acknowledged; wanted by Git and not released. */
  readonly state: WhereState;
  readonly release: Digest;
  /** What of `source` it was made from: a commit, or a version. */
  readonly commit: string | null;
  /** The content that `commit` is of: a Source's name, or what an App takes from elsewhere. Null where that is not known. */
  readonly source: string | null;
  /** What matched: the image, or the commit. */
  readonly found: string;
};

/** `GET /api/v1/where?what=&after=`. `total` rows in all; `next`, where there are more: the `after` of the rest. */
export type WhereAnswer = {
  readonly what: string;
  readonly as: "commit" | "image" | "release";
  readonly items: readonly WhereRow[];
  readonly total: number;
  readonly next: string | null;
  /** Clusters of all rows, by state. */
  readonly states: Readonly<Record<WhereState, number>>;
  /** How far back commits could be compared; null where it was not needed. */
  readonly history: { readonly commits: number; readonly complete: boolean } | null;
  /** Releases that were not looked into, since there are too many. */
  readonly unseen: number;
  readonly asOf: string;
};

export type CauseKind =
  "files" | "document" | "layers" | "clusterLabels" | "newCluster" | "newApp" | "removed" | "approval" | "policy" | "unknown";

/** What moved a pin. `paths`: of the repository, those that the App reads. */
export type Cause = { readonly kind: CauseKind; readonly detail: string; readonly paths: readonly string[] };

/** `source`: what it is a commit of. */
export type CommitRow = ChangedBy & { readonly source: string };

/** One move, the same on all these clusters; `at` and `generation` are those of the first. */
export type WhyRow = {
  readonly app: AppKey;
  /** At most `namesMax`. */
  readonly clusters: readonly ClusterName[];
  readonly clusterCount: number;
  /** Content -> commits before and after, of what differs. */
  readonly sources: readonly { readonly source: string; readonly from: string | null; readonly to: string | null }[];
  readonly at: string;
  readonly generation: number;
  readonly from: { readonly release: Digest | null; readonly commit: string | null };
  readonly to: { readonly release: Digest | null; readonly commit: string | null };
  readonly causes: readonly Cause[];
  readonly commits: readonly CommitRow[];
  /** False: the history at hand ends before `from`. */
  readonly complete: boolean;
  readonly counts: { readonly added: number; readonly changed: number; readonly deleted: number } | null;
};

/**
 * `GET /api/v1/why-changed?what=&app=&after=`: newest first. `what` is a cluster, or an App: then its last move on every cluster that has
 * it. `total` rows in all; `next`, where there are more: the `after` of the rest.
 */
export type WhyAnswer = {
  /** Null: an App was asked for. */
  readonly cluster: ClusterName | null;
  readonly app: AppKey | null;
  readonly items: readonly WhyRow[];
  readonly total: number;
  readonly next: string | null;
};

/** `GET /api/v1/names`: for completion. */
export type NamesAnswer = { readonly apps: readonly string[]; readonly clusters: readonly string[]; readonly groups: readonly string[] };
