// What a render takes from outside the Snapshot: charts of a repository, and remote bases of Kustomize. This room only says what is
// needed and puts in place what is handed in; whether it may be fetched, how, and how it is pinned, is decided elsewhere.

import { createHash } from "node:crypto";
import { RenderFault, type RemoteContent, type RemoteNeed, type Remotes, type SnapshotPath, type SourcePlace } from "./rendered.ts";

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
