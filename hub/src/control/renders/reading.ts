// What one request reads: the files of its content and what they need from elsewhere, with everything that was looked at on the way.

import { readInputs, type Inputs, type KeptInputs, type RemoteContent, type RemoteNeed } from "../../render/render.ts";
import type { Tree } from "../../git/git.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import { contentKey, refOf, type ContentRef } from "../sources/content.ts";
import { linkedTree } from "./linked-tree.ts";
import { contentFiles, meantBy, type Meant } from "./needs.ts";
import { witnessed, type Witness } from "./witness.ts";

/** The files that a reference names, or why they are not there. `commit` names their state. */
export type Content =
  | { readonly kind: "there"; readonly key: string; readonly commit: string; readonly tree: Tree }
  | { readonly kind: "failed"; readonly key: string; readonly code: string; readonly message: string };

export type ContentOf = (ref: ContentRef) => Content | Promise<Content>;

/** What was looked at of one content. */
export type Read = { readonly ref: ContentRef; readonly witness: Witness };
/** By content key. */
export type Reads = ReadonlyMap<string, Read>;

export type Refusal = {
  readonly kind: "failed";
  readonly code: string;
  readonly message: string;
  readonly path?: string;
  readonly line?: number;
};

export type Reading = {
  readonly kind: "read";
  readonly tree: Tree;
  readonly inputs: Inputs;
  readonly remotes: ReadonlyMap<string, RemoteContent>;
  files(): ReturnType<typeof readInputs>;
};

/** A base may need others, and those again. */
const roundsMax = 8;

export async function readRequest(
  request: RenderRequest,
  contentOf: ContentOf,
  kept: KeptInputs,
): Promise<{ readonly reading: () => Promise<Reading | Refusal>; readonly reads: Reads }> {
  const reads = new Map<string, Read>();
  const ref = refOf(request);
  const content = await contentOf(ref);
  if (content.kind === "failed") {
    const { key, code, message } = content;
    reads.set(key, { ref, witness: all });
    return { reading: () => Promise.resolve({ kind: "failed", code, message }), reads };
  }
  const { tree, witness } = witnessed(content.tree);
  reads.set(content.key, { ref, witness });
  return { reading: () => read(request, tree, new Needs(request.source, contentOf, reads), kept), reads };
}

async function read(request: RenderRequest, tree: Tree, needs: Needs, kept: KeptInputs): Promise<Reading | Refusal> {
  const { path, helm, kustomize, objects } = request;
  const query = { path, valuesFiles: helm.valuesFiles, values: helm.values, kustomize, objects };
  const linked = linkedTree(tree);
  for (let round = 0; ; round += 1) {
    const inputs = await kept.of(linked, query, needs.given);
    if (inputs.kind === "failed") return inputs;
    const open = inputs.remotes.filter(({ key }) => !needs.tried.has(key));
    if (open.length === 0 || round === roundsMax)
      return { kind: "read", tree, inputs, remotes: needs.given, files: () => readInputs(linked, inputs) };
    for (const need of open) {
      const refusal = await needs.meet(need);
      if (refusal !== undefined) return refusal;
    }
  }
}

/** Anything of it counts: what is not there may come, what is from elsewhere is taken whole. */
const all: Witness = { exact: new Set(), folders: new Set([""]) };

class Needs {
  readonly given = new Map<string, RemoteContent>();
  readonly tried = new Set<string>();
  readonly #source: string;
  readonly #contentOf: ContentOf;
  readonly #reads: Map<string, Read>;

  constructor(source: string, contentOf: ContentOf, reads: Map<string, Read>) {
    this.#source = source;
    this.#contentOf = contentOf;
    this.#reads = reads;
  }

  /** A need that is not allowed stays unmet: the render says so, with file and line. */
  async meet(need: RemoteNeed): Promise<Refusal | undefined> {
    this.tried.add(need.key);
    const meant = meantBy(need, this.#source);
    const found = meant === undefined ? undefined : await this.#find(meant);
    if (found === undefined) return undefined;
    if (found.kind === "failed") {
      if (found.code === forbiddenCode) return undefined;
      const { path, line } = need.at;
      return { kind: "failed", code: found.code, message: found.message, path, ...(line !== undefined && { line }) };
    }
    this.given.set(need.key, await contentFiles(found.tree, found.commit, found.root));
    return undefined;
  }

  async #find({ ref, root, otherwise }: Meant): Promise<(Content & { readonly root: string }) | undefined> {
    const content = await this.#contentOf(ref);
    this.#reads.set(contentKey(ref), { ref, witness: all });
    const passing = content.kind === "failed" && content.code !== pendingCode && content.code !== forbiddenCode;
    if (passing && otherwise !== null) return this.#find(otherwise);
    return { ...content, root };
  }
}

const forbiddenCode = "E_REMOTE_FORBIDDEN";
/** Nothing is wrong: what an App deploys was not fetched yet. */
export const pendingCode = "E_SOURCE_PENDING";
