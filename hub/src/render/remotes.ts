// What a render takes from outside the Snapshot: charts of a repository, and remote bases of Kustomize. This room only says what is
// needed and puts in place what is handed in; whether it may be fetched, how, and how it is pinned, is decided elsewhere.

import { createHash } from "node:crypto";
import { RenderFault, type SnapshotPath, type SourcePlace } from "./rendered.ts";

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

export const noRemotes: Remotes = new Map();

export function chartNeed(repo: string, name: string, version: string | null, at: SourcePlace): RemoteNeed {
  return { kind: "chart", key: `chart ${repo} ${name} ${version ?? "*"}`, repo, name, version, at };
}

export function baseNeed(url: string, at: SourcePlace): RemoteNeed {
  return { kind: "base", key: `base ${url}`, url, at };
}

/** What a render says that was not given what it needs. Names the address, never a password that stands in it. */
export function forbidden(need: RemoteNeed): RenderFault {
  const [what, remedy] =
    need.kind === "chart"
      ? [`chart ${need.name} ${need.version ?? ""} of ${shown(need.repo)}`, "run `helm dependency build` and commit the result"]
      : [shown(need.url), "commit a copy"];
  const message = `${what.replace("  ", " ")} lies outside the repository: allow it in the Source's \`remotes\`, or ${remedy}`;
  return new RenderFault("E_REMOTE_FORBIDDEN", message, need.at);
}

function shown(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.:-]*:\/\/)[^/@\s]*@/i, "$1");
}

const mount = "../remote/";

/** The folder, seen from the Snapshot's root, that holds what was fetched for a need. */
export function remoteFolder(key: string): SnapshotPath {
  return mount + createHash("sha256").update(key).digest("hex").slice(0, 16);
}

/** A path below such a folder, cut in two: the folder, and what is inside; undefined for a path of the Snapshot. */
export function insideRemote(path: SnapshotPath): { readonly folder: string; readonly inside: string } | undefined {
  if (!path.startsWith(mount)) return undefined;
  const end = path.indexOf("/", mount.length);
  return end === -1 ? { folder: path, inside: "" } : { folder: path.slice(0, end), inside: path.slice(end + 1) };
}

/** The files of a chart, named from the folder of its Chart.yaml. Throws E_ARCHIVE when there is none. */
export function chartFiles(content: RemoteContent, need: RemoteNeed): ReadonlyMap<SnapshotPath, Uint8Array> {
  const { files } = content;
  if (files.has("Chart.yaml")) return files;
  const top = [...files.keys()].find((path) => /^[^/]+\/Chart\.yaml$/.test(path))?.replace("Chart.yaml", "");
  if (top === undefined) throw new RenderFault("E_ARCHIVE", "what was fetched holds no Chart.yaml", need.at);
  return new Map([...files].flatMap(([path, bytes]) => (path.startsWith(top) ? [[path.slice(top.length), bytes] as const] : [])));
}
