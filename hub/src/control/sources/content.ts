// What a render reads, by name: the Snapshot of a Source, the same Source at another revision, a repository or a chart elsewhere. Says which
// address that is, and whether the Source that the App's document lies in allows it.

import { digestOf } from "@muster/proto/model/digest";
import { allowedRemote, type AllowedRemote, type Remote, type Source } from "../../fleet/fleet.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";

/** `revision` null: what is in force. `source` is where the App's document lies, or the Source that it names. */
export type ContentRef = { readonly source: string; readonly revision: string | null; readonly remote: Remote | RemoteFile | null };

/** A single file on a web server: a base of a kustomization. */
export type RemoteFile = { readonly kind: "file"; readonly url: string };

/** What the hub knows of a Source's settings, whether they stand in Git or in its own configuration. */
export type SourceSpec = {
  readonly name: string;
  readonly kind: "git" | "oci" | "helm";
  readonly url: string;
  readonly revision: string | null;
  readonly path: string;
  readonly pollMs: number;
  readonly secretRef: string | null;
  readonly submodules: boolean;
  readonly mirrors: readonly string[];
  readonly remotes: readonly AllowedRemote[];
  /** Credentials may go over plain http. Only the hub's own configuration can say so. */
  readonly insecure: boolean;
};

/** What a document of kind Source says. */
export const specOf = (source: Source): SourceSpec => ({ ...source, insecure: false });

/** The content of a request. */
export const refOf = ({ source, revision, remote }: RenderRequest): ContentRef => ({ source, revision, remote });

/** Where something is fetched from, and with what. */
export type ContentAddress = {
  /** Unique in the hub: where it is kept, how it is shown. */
  readonly key: string;
  readonly kind: "git" | "chart" | "artifact" | "file";
  readonly url: string;
  /** Credentials are for what is at this URL or below it. */
  readonly scope: string;
  /** Branch, tag, range or commit; version or range of a chart. */
  readonly revision: string | null;
  /** Of a chart. */
  readonly chart: string | null;
  readonly pollMs: number;
  readonly secretRef: string | null;
  readonly submodules: boolean;
  readonly mirrors: readonly string[];
  readonly remotes: readonly AllowedRemote[];
  readonly insecure: boolean;
};

export type Refused = { readonly code: string; readonly message: string };

/** Of all Apps with one content the same text. The content of a Source's own Snapshot has the Source's name. */
export function contentKey({ source, revision, remote }: ContentRef): string {
  const at = (text: string | null): string => (text === null ? "" : ` @ ${text}`);
  if (remote === null) return revision === null ? source : `${source}@${revision}`;
  if (remote.kind === "chart") return `${source} chart ${remote.repo ?? ""} ${remote.chart}${at(revision ?? remote.version)}`;
  return `${source} ${remote.kind} ${remote.url}${remote.kind === "git" ? at(revision) : ""}`; // no URL has a space
}

/** The name of the folder that a content is kept in. */
export function contentFolder(key: string): string {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(key) ? key : digestOf(key).slice(0, 40);
}

/** The address of a Source's own Snapshot. */
export function sourceAddress(spec: SourceSpec): ContentAddress {
  const { kind, name, url, revision, pollMs, secretRef, submodules, mirrors, remotes, insecure } = spec;
  const rest = { pollMs, secretRef, submodules, mirrors, remotes, insecure };
  return { key: name, kind: kind === "oci" ? "artifact" : "git", url, scope: url, revision, chart: null, ...rest };
}

/** The address of what a request names, or why it may not be fetched. */
export function contentAddress(ref: ContentRef, specs: ReadonlyMap<string, SourceSpec>): ContentAddress | Refused {
  const spec = specs.get(ref.source);
  if (spec === undefined) return { code: "E_SOURCE_UNKNOWN", message: `there is no Source ${ref.source}` };
  const own = { ...sourceAddress(spec), key: contentKey(ref) };
  if (ref.remote === null) {
    if (spec.kind === "helm")
      return { code: "E_FIELD", message: `Source ${spec.name} is a Helm repository: name a chart of it in source.helm` };
    return { ...own, revision: ref.revision ?? spec.revision };
  }
  const remote = ref.remote;
  if (remote.kind === "chart" && remote.repo === null) {
    if (spec.kind !== "helm") return { code: "E_FIELD", message: `Source ${spec.name} is no Helm repository` };
    return { ...own, kind: "chart", chart: remote.chart, revision: ref.revision ?? remote.version };
  }
  const url = remote.kind === "chart" ? (remote.repo ?? "") : remote.url;
  const allowed = allowedRemote(spec.remotes, url);
  if (allowed === null) return forbidden(spec.name, url);
  const elsewhere = { ...own, url, scope: allowed.url, secretRef: allowed.secretRef, mirrors: [], submodules: false };
  if (remote.kind !== "chart") return { ...elsewhere, kind: remote.kind, revision: ref.revision };
  return { ...elsewhere, kind: "chart", chart: remote.chart, revision: ref.revision ?? remote.version };
}

export function forbidden(source: string, url: string): Refused {
  const says = source === "root" ? "root.remotes of the hub's configuration" : `remotes of Source ${source}`;
  return { code: "E_REMOTE_FORBIDDEN", message: `${url} may not be fetched: ${says} does not name it` };
}
