// Answers what resolve needs rendered: files -> Variant -> kept render, or a new one -> Release. Shared by the hub and the offline
// commands. Where trees come from, where renders are kept and when to ask is for the caller.

import { createHmac } from "node:crypto";

import { digestOf, digestOfJson, type Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonValue } from "@muster/proto/model/json";
import { makeRelease, type Release } from "@muster/proto/model/release";

import type { Place } from "../../fleet/fleet.ts";
import type { Tree } from "../../git/git.ts";
import { inputsOf, readInputs, type Inputs, type InputsFailed, type RenderInput, type RenderResult } from "../../render/render.ts";
import type { RenderAnswer, RenderRequest } from "../../resolve/resolve.ts";
import { linkedTree } from "./linked-tree.ts";
import { witnessed, type Witness } from "./witness.ts";

/** A render as it is kept: plain JSON. Only successful ones are. */
export type KeptRender = { readonly answer: Extract<RenderAnswer, { kind: "rendered" }>; readonly warnings: readonly string[] };

/** Renders by Variant. `put` also gets the Release, whose objects the caller keeps where it keeps Releases. */
export type RenderCache = {
  get(variant: Digest): Promise<KeptRender | undefined> | KeptRender | undefined;
  put(variant: Digest, kept: KeptRender, release: Release): Promise<void> | void;
};

/** What Helm templates may ask of a cluster. Part of a Variant only where a chart's text asks. */
export type Capabilities = { readonly kubeVersion: string; readonly apiVersions: readonly string[] | null };

export type RendersOptions = {
  readonly renderer: { render(input: RenderInput, signal?: AbortSignal): Promise<RenderResult> };
  readonly cache: RenderCache;
  readonly contentOf: (request: RenderRequest) => Content | Promise<Content>;
  readonly capabilities?: Capabilities;
  /** Mixed into what templates draw at random, so that nobody who reads the repository can tell it. */
  readonly secret?: Uint8Array;
};

/** An answer with the Variant it is of; null where the files could not even be found. */
export type Answered = RenderAnswer & { readonly variant: Digest | null; readonly warnings: readonly string[]; readonly cached: boolean };

/** The files that a request names, or why they are not there. `key`: the content's name. */
export type Content =
  | { readonly kind: "there"; readonly key: string; readonly tree: Tree }
  | { readonly kind: "failed"; readonly key: string; readonly code: string; readonly message: string };

/** `reads`: what the answer depends on, by content key. */
export type Found = { readonly answered: Answered; readonly reads: ReadonlyMap<string, Witness> };

export type Renders = {
  /**
   * Answers every request, by its key. What is wrong with an App is its answer; the world failing (a damaged repository, a full disk)
   * rejects with an OperationError, and then nothing is known about any of them.
   */
  answer(requests: readonly RenderRequest[], signal: AbortSignal): Promise<ReadonlyMap<Digest, Found>>;
  /** The files of a request, to be rendered with other settings; nothing of it is kept. */
  trial(request: RenderRequest, signal: AbortSignal): Promise<Trial | TrialFailed>;
};

export type TrialFailed = { readonly kind: "failed"; readonly code: string; readonly message: string };

/** Renders of one request's files with changed settings: what draws at random is the same for all of them. */
export type Trial = {
  readonly kind: "trial";
  readonly tree: Tree;
  readonly inputs: Inputs;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** With other `files` in place of its own, where they are given; `trace` as in RenderInput. */
  render(changed: RenderRequest, signal: AbortSignal, more?: Partial<Pick<RenderInput, "files" | "trace">>): Promise<RenderResult>;
};

const atOnce = 4;
const rememberedMax = 200_000;
/** Failures that another try may not meet. */
const passing: ReadonlySet<string> = new Set(["E_TIMEOUT", "E_INTERNAL", "E_LIMIT"]);

export function openRenders(options: RendersOptions): Renders {
  const work = new Work(options);
  return {
    async answer(requests, signal) {
      const answers = new Map<Digest, Found>();
      const pending = requests.values();
      const lane = async () => {
        for (const request of pending) {
          signal.throwIfAborted();
          answers.set(request.key, await work.answer(request, signal));
        }
      };
      await Promise.all(Array.from({ length: atOnce }, lane));
      return answers;
    },
    trial: (request, signal) => work.trial(request, signal),
  };
}

class Work {
  readonly #options: RendersOptions;
  /** Git's id of a file -> SHA-256 of its content: two files that collide in SHA-1 are two files here. */
  readonly #contents = new Map<string, Digest>();
  readonly #failed = new Map<Digest, Answered>();
  readonly #running = new Map<Digest, Promise<Answered>>();

  constructor(options: RendersOptions) {
    this.#options = options;
  }

  async answer(request: RenderRequest, signal: AbortSignal): Promise<Found> {
    const content = await this.#options.contentOf(request);
    if (content.kind === "failed") {
      const { key, code, message } = content;
      return { answered: refused(request, { kind: "failed", code, message }, null), reads: new Map([[key, nothingRead]]) };
    }
    const { tree, witness } = witnessed(content.tree);
    return { answered: await this.#answer(request, tree, signal), reads: new Map([[content.key, witness]]) };
  }

  async #answer(request: RenderRequest, tree: Tree, signal: AbortSignal): Promise<Answered> {
    try {
      const inputs = await inputsOf(linkedTree(tree), queryOf(request));
      if (inputs.kind === "failed") return refused(request, inputs, null);
      const misfit = misfitOf(request, inputs.kind);
      if (misfit !== null) return refused(request, { kind: "failed", code: "E_FIELD", message: misfit }, null);
      const variant = await this.#variantOf(request, tree, inputs);
      return await this.#once(variant, () => this.#known(request, tree, inputs, variant, signal));
    } catch (error) {
      if (!(error instanceof OperationError) || !isOfTheApp(error)) throw error;
      return refused(request, { kind: "failed", code: error.fault?.code ?? "E_RENDER", message: error.message }, null);
    }
  }

  async trial(request: RenderRequest, signal: AbortSignal): Promise<Trial | TrialFailed> {
    const content = await this.#options.contentOf(request);
    if (content.kind === "failed") return content;
    const { tree } = content;
    const inputs = await inputsOf(linkedTree(tree), queryOf(request));
    if (inputs.kind === "failed") return inputs;
    const files = await readInputs(linkedTree(tree), inputs);
    if (!(files instanceof Map)) return files as InputsFailed;
    const seed = this.#seedOf(await this.#variantOf(request, tree, inputs));
    signal.throwIfAborted();
    const capabilities = this.#options.capabilities ?? noCapabilities;
    const render: Trial["render"] = (changed, stop, more = {}) =>
      this.#options.renderer.render({ ...inputOf(changed, inputs, files, seed, capabilities), ...more }, stop);
    return { kind: "trial", tree, inputs, files, render };
  }

  /** Requests for one Variant at the same time are one render. */
  #once(variant: Digest, work: () => Promise<Answered>): Promise<Answered> {
    const running = this.#running.get(variant);
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(variant));
    this.#running.set(variant, started);
    return started;
  }

  async #known(request: RenderRequest, tree: Tree, inputs: Inputs, variant: Digest, signal: AbortSignal): Promise<Answered> {
    const kept = await this.#options.cache.get(variant);
    if (kept !== undefined) return { ...kept.answer, warnings: kept.warnings, variant, cached: true };
    const failed = this.#failed.get(variant);
    if (failed !== undefined) return { ...failed, cached: true };
    const answered = await this.#render(request, tree, inputs, variant, signal);
    if (answered.kind === "failed" && !passing.has(answered.code)) remember(this.#failed, variant, answered);
    return answered;
  }

  async #render(request: RenderRequest, tree: Tree, inputs: Inputs, variant: Digest, signal: AbortSignal): Promise<Answered> {
    const files = await readInputs(linkedTree(tree), inputs);
    if (!(files instanceof Map)) return refused(request, files as InputsFailed, variant);
    const capabilities = this.#options.capabilities ?? noCapabilities;
    const result = await this.#options.renderer.render(inputOf(request, inputs, files, this.#seedOf(variant), capabilities), signal);
    if (result.kind === "failed") return refused(request, result, variant);
    const release = makeRelease(result.objects);
    const answer = {
      kind: "rendered",
      release: release.digest,
      apps: result.apps.map(({ value, source }) => ({ value, place: placeOf(request, source.path, source.line) })),
      objectCount: release.manifest.length,
    } as const;
    await this.#options.cache.put(variant, { answer, warnings: result.warnings }, release);
    return { ...answer, warnings: result.warnings, variant, cached: false };
  }

  /** What the render draws its random numbers from: always the same for one Variant of one hub. */
  #seedOf(variant: Digest): Digest {
    const { secret } = this.#options;
    return secret === undefined ? variant : (createHmac("sha256", secret).update(variant).digest("hex") as Digest);
  }

  /** SHA-256 over everything that the render reads: a name for its outcome. */
  async #variantOf(request: RenderRequest, tree: Tree, inputs: Inputs): Promise<Digest> {
    const files: JsonValue[] = [];
    for (const [path, oid] of inputs.files) files.push([path, await this.#contentOf(tree, oid)]);
    const capabilities = inputs.usesCapabilities ? (this.#options.capabilities ?? noCapabilities) : null;
    const { kind, root, valuesFiles } = inputs;
    const read = { kind, root, files, namespace: request.namespace, ...blockOf(request, kind, valuesFiles), capabilities };
    return digestOfJson(["muster.variant/1", read as unknown as JsonValue]);
  }

  async #contentOf(tree: Tree, oid: string): Promise<Digest> {
    const known = this.#contents.get(oid);
    if (known !== undefined) return known;
    const digest = digestOf(await tree.read(oid));
    if (/^[0-9a-f]{40}$/.test(oid)) remember(this.#contents, oid, digest);
    return digest;
  }
}

/** Of a content that is not there: anything that comes changes it. */
const nothingRead: Witness = { exact: new Set(), folders: new Set([""]) };
const noCapabilities: Capabilities = { kubeVersion: "", apiVersions: null };

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  if (map.size >= rememberedMax) map.clear();
  map.set(key, value);
}

/** What is wrong with one App's files stops only that App; what is wrong with the repository or the disk stops everything. */
function isOfTheApp(error: OperationError): boolean {
  return error.code === "invalid" || error.code === "notFound" || error.code === "limit";
}

function queryOf({ path, helm, kustomize, objects }: RenderRequest) {
  return { path, valuesFiles: helm.valuesFiles, values: helm.values, kustomize, objects };
}

/** Settings that the kind of source has no use for are a mistake, not a wish. */
function misfitOf({ written, path }: RenderRequest, kind: Inputs["kind"]): string | null {
  const own = { helm: "helm", kustomize: "kustomize", objects: "yaml" } as const;
  const is = { helm: "a Helm chart", kustomize: "a kustomization", yaml: "plain YAML" } as const;
  const misfit = written.find((block) => own[block] !== kind);
  return misfit === undefined ? null : `the App has settings under ${misfit}, but ${path} is ${is[kind]}`;
}

/** The settings that count for a kind of source. */
function blockOf({ helm, kustomize, objects }: RenderRequest, kind: Inputs["kind"], valuesFiles: readonly string[]) {
  switch (kind) {
    case "helm":
      return { helm: { releaseName: helm.releaseName, values: helm.values, valuesFiles, skipCrds: helm.skipCrds } };
    case "kustomize":
      return { kustomize };
    case "yaml":
      return { objects };
  }
}

function inputOf(
  request: RenderRequest,
  inputs: Inputs,
  files: ReadonlyMap<string, Uint8Array>,
  seed: Digest,
  { kubeVersion, apiVersions }: Capabilities,
): RenderInput {
  const { kind, root, valuesFiles } = inputs;
  const common = { kind, root, files, namespace: request.namespace ?? undefined, seed };
  const { helm, ...rest } = blockOf(request, kind, valuesFiles) as Partial<Pick<RenderInput, "kustomize" | "objects">> & {
    helm?: Omit<NonNullable<RenderInput["helm"]>, "kubeVersion" | "apiVersions">;
  };
  return { ...common, ...rest, ...(helm && { helm: { ...helm, kubeVersion, apiVersions } }) };
}

type Refusal = { readonly kind: "failed"; readonly code: string; readonly message: string; readonly path?: string; readonly line?: number };

/** Where the App's own document is to blame there is no place in its files: resolve knows the document. */
function refused(request: RenderRequest, { code, message, path, line }: Refusal, variant: Digest | null): Answered {
  const ownFault = path === undefined || (line === undefined && documentFaults.has(code));
  const says = ownFault && path !== undefined ? `${message}: ${path}` : message;
  return {
    kind: "failed",
    code,
    message: says,
    ...(!ownFault && { place: placeOf(request, path, line) }),
    variant,
    warnings: [],
    cached: false,
  };
}

const documentFaults: ReadonlySet<string> = new Set(["E_PATH_MISSING", "E_PATH_ESCAPE", "E_FIELD"]);

function placeOf({ source }: RenderRequest, path: string, line = 1): Place {
  return { source, path, line };
}
