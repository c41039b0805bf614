// Why a pin moved, said from what differs between then and now. Pure: who finds out what differs is control/asking.

import type { Cause, FieldChange } from "./questions.ts";

export type CauseFacts = {
  /** The cluster's first bundle. */
  readonly first: boolean;
  /** An approval came with it. */
  readonly approved: boolean;
  readonly move: "appeared" | "changed" | "left";
  /** What differs between the commits; null where one of them is not at hand any more. */
  readonly seen: {
    /** Files that the App's render reads. */
    readonly files: readonly string[];
    /** Files with the documents that make its settings. */
    readonly documents: readonly string[];
    /** Of its settings, masked. */
    readonly settings: readonly FieldChange[];
    /** Of the cluster: labels, annotations, values. */
    readonly cluster: readonly FieldChange[];
    /** Layers that count now and did not, and the other way round. */
    readonly layers: readonly string[];
  } | null;
};

const pathsMax = 20;
const few = (paths: readonly string[]): readonly string[] => paths.slice(0, pathsMax);

/** The causes, the strongest first. Never empty. */
export function causesOf({ first, approved, move, seen }: CauseFacts): readonly Cause[] {
  const causes: Cause[] = [];
  if (first) causes.push({ kind: "newCluster", detail: "the first bundle of this cluster", paths: [] });
  if (move === "left")
    causes.push({
      kind: "removed",
      detail: "the App is gone from Git, or the cluster from its targets",
      paths: few(seen?.documents ?? []),
    });
  if (move === "appeared" && !first) causes.push({ kind: "newApp", detail: "the App is new here", paths: few(seen?.documents ?? []) });
  if (seen !== null) {
    if (seen.files.length > 0)
      causes.push({ kind: "files", detail: `${seen.files.length} of the files that it is rendered from`, paths: few(seen.files) });
    if (seen.cluster.length > 0) causes.push({ kind: "clusterLabels", detail: `of the cluster: ${fieldsText(seen.cluster)}`, paths: [] });
    if (seen.layers.length > 0) causes.push({ kind: "layers", detail: `other layers count: ${seen.layers.join(", ")}`, paths: [] });
    if (seen.settings.length > 0) causes.push({ kind: "document", detail: fieldsText(seen.settings), paths: few(seen.documents) });
  }
  if (approved) causes.push({ kind: "approval", detail: "a held change was approved", paths: [] });
  if (causes.length > 0) return causes;
  const detail =
    seen === null
      ? "the commit before is not at hand any more"
      : "nothing in Git: facts of the cluster, a token's labels, or a decision of the hub";
  return [{ kind: "unknown", detail, paths: [] }];
}

const fieldsMax = 5;

function fieldsText(fields: readonly FieldChange[]): string {
  const shown = fields.slice(0, fieldsMax).map(({ path, from, to }) => `${path} ${wordOf(from)} -> ${wordOf(to)}`);
  return fields.length > fieldsMax ? `${shown.join("; ")}; and ${fields.length - fieldsMax} more` : shown.join("; ");
}

const wordOf = (value: FieldChange["from"]): string => (value === undefined ? "nothing" : JSON.stringify(value));
