// What a render takes from elsewhere: charts that Chart.yaml or a kustomization names, and remote bases. Each is a content of its own, allowed
// by the App's Source, pinned and looked at as any other.

import { digestOf } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { Tree } from "../../git/git.ts";
import { parseRemoteBase } from "../../remote/remote.ts";
import type { RemoteContent, RemoteNeed } from "../../render/render.ts";
import type { ContentRef } from "../sources/content.ts";
import { fileName } from "../sources/remote-watched.ts";

/** The content of a need, and where in it the render has to look; `otherwise`: where to look when the first is not there. */
export type Meant = { readonly ref: ContentRef; readonly root: string; readonly otherwise: Meant | null };

const filesMax = 5_000;
const bytesMax = 64 * 1024 * 1024;

/** Undefined for an address that names nothing that could be fetched. */
export function meantBy(need: RemoteNeed, source: string): Meant | undefined {
  if (need.kind === "chart") {
    const { repo, name: chart, version } = need;
    return { ref: { source, revision: null, remote: { kind: "chart", repo, chart, version } }, root: "", otherwise: null };
  }
  const base = parseRemoteBase(need.url);
  if (base === null) return undefined;
  const repository = base.kind === "git" ? base : base.otherwise;
  const cloned: Meant | null =
    repository === null
      ? null
      : { ref: { source, revision: repository.ref, remote: { kind: "git", url: repository.url } }, root: repository.path, otherwise: null };
  if (base.kind === "git") return cloned ?? undefined;
  return { ref: { source, revision: null, remote: { kind: "file", url: base.url } }, root: fileName, otherwise: cloned };
}

const known = new WeakMap<Tree, Promise<ReadonlyMap<string, Uint8Array>>>();

/** All files of a content. Throws E_LIMIT when they are too many. */
export async function contentFiles(tree: Tree, commit: string, root: string): Promise<RemoteContent> {
  const files = known.get(tree) ?? allFiles(tree);
  known.set(tree, files);
  return { digest: digestOf(`${commit} ${root}`), files: await files, root };
}

async function allFiles(tree: Tree): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const { kind, name } of await tree.list(folder)) {
      if (kind === "refused" || kind === "submodule") continue;
      const path = folder === "" ? name : `${folder}/${name}`;
      if (kind === "tree") {
        await walk(path);
        continue;
      }
      const entry = kind === "symlink" ? await tree.entry(path).catch(() => undefined) : await tree.entry(path);
      if (entry?.kind !== "blob") continue;
      const content = await tree.read(entry.oid);
      bytes += content.length;
      if (files.size >= filesMax || bytes > bytesMax) throw tooMuch();
      files.set(path, content);
    }
  };
  await walk("");
  return files;
}

const tooMuch = (): OperationError =>
  new OperationError("limit", "remote", `a base from elsewhere has more than ${filesMax} files or ${bytesMax} bytes`, undefined, {
    code: "E_LIMIT",
    remedy: "commit a copy of what is needed",
  });
