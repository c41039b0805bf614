// Answers what resolve needs rendered: files -> Variant -> kept render, or a new one -> Release. Shared by the hub and the offline
// commands. Where trees come from, where renders are kept and when to ask is for the caller.

import { createHmac } from "node:crypto";

import { digestOf, digestOfJson, type Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonValue } from "@muster/proto/model/json";
import { makeRelease, type Release } from "@muster/proto/model/release";

import type { Place } from "../../fleet/fleet.ts";
import type { Tree } from "../../git/git.ts";
import { KeptInputs, type Inputs, type RenderInput, type RenderResult } from "../../render/render.ts";
import type { RenderAnswer, RenderRequest } from "../../resolve/resolve.ts";
import { readRequest, type ContentOf, type Reading, type Reads, type Refusal } from "./reading.ts";

export type { Content, ContentOf, Reads } from "./reading.ts";

/** A render as it is kept: plain JSON. Only successful ones are. */
export type KeptRender = { readonly answer: Extract<RenderAnswer, { kind: "rendered" }>; readonly warnings: readonly string[] };

/** Renders by Variant. `put` also gets the Release, whose objects the caller keeps where it keeps Releases. */
export type RenderCache = {
  get(variant: Digest): Promise<KeptRender | undefined> | KeptRender | undefined;
  put(variant: Digest, kept: KeptRender, release: Release): Promise<void> | void;
};

export type RendersOptions = {
  readonly renderer: { render(input: RenderInput, signal?: AbortSignal): Promise<RenderResult> };
  readonly cache: RenderCache;
  readonly contentOf: ContentOf;
  /** Mixed into what templates draw at random, so that nobody who reads the repository can tell it. */
  readonly secret?: Uint8Array;
};

/** An answer with the Variant it is of; null where the files could not even be found. */
export type Answered = RenderAnswer & { readonly variant: Digest | null; readonly warnings: readonly string[]; readonly cached: boolean };

/** `reads`: what the answer depends on, by content key. */
export type Found = { readonly answered: Answered; readonly reads: Reads };

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
export const passingFailures: ReadonlySet<string> = new Set(["E_TIMEOUT", "E_INTERNAL", "E_LIMIT"]);

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
  readonly #inputs = new KeptInputs();
  readonly #failed = new Map<Digest, Answered>();
  readonly #running = new Map<Digest, Promise<Answered>>();

  constructor(options: RendersOptions) {
    this.#options = options;
  }

  async answer(request: RenderRequest, signal: AbortSignal): Promise<Found> {
    const { reading, reads } = await readRequest(request, this.#options.contentOf, this.#inputs);
    try {
      return { answered: await this.#answer(request, await reading(), signal), reads };
    } catch (error) {
      if (!(error instanceof OperationError) || !isOfTheApp(error)) throw error;
      const code = error.fault?.code ?? "E_RENDER";
      return { answered: refused(request, { kind: "failed", code, message: error.message }, null), reads };
    }
  }

  async #answer(request: RenderRequest, reading: Reading | Refusal, signal: AbortSignal): Promise<Answered> {
    if (reading.kind === "failed") return refused(request, reading, null);
    const { kind, capabilities, usesCapabilities } = reading.inputs;
    const misfit = misfitOf(request, kind);
    if (misfit !== null) return refused(request, { kind: "failed", code: "E_FIELD", message: misfit }, null);
    if (usesCapabilities && request.capabilities === null)
      return { kind: "asks", capabilities, variant: null, warnings: [], cached: false };
    const variant = await this.#variantOf(request, reading);
    return this.#once(variant, () => this.#known(request, reading, variant, signal));
  }

  async trial(request: RenderRequest, signal: AbortSignal): Promise<Trial | TrialFailed> {
    const { reading: open } = await readRequest(request, this.#options.contentOf, this.#inputs);
    const reading = await open();
    if (reading.kind === "failed") return reading;
    const files = await reading.files();
    if (!(files instanceof Map)) return files as Refusal;
    const seed = this.#seedOf(await this.#variantOf(request, reading));
    signal.throwIfAborted();
    const render: Trial["render"] = (changed, stop, more = {}) =>
      this.#options.renderer.render({ ...inputOf(changed, reading, files, seed), ...more }, stop);
    return { kind: "trial", tree: reading.tree, inputs: reading.inputs, files, render };
  }

  /** Requests for one Variant at the same time are one render. */
  #once(variant: Digest, work: () => Promise<Answered>): Promise<Answered> {
    const running = this.#running.get(variant);
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(variant));
    this.#running.set(variant, started);
    return started;
  }

  async #known(request: RenderRequest, reading: Reading, variant: Digest, signal: AbortSignal): Promise<Answered> {
    const kept = await this.#options.cache.get(variant);
    if (kept !== undefined) return { ...kept.answer, warnings: kept.warnings, variant, cached: true };
    const failed = this.#failed.get(variant);
    if (failed !== undefined) return { ...failed, cached: true };
    const answered = await this.#render(request, reading, variant, signal);
    if (answered.kind === "failed" && !passingFailures.has(answered.code)) remember(this.#failed, variant, answered);
    return answered;
  }

  async #render(request: RenderRequest, reading: Reading, variant: Digest, signal: AbortSignal): Promise<Answered> {
    const files = await reading.files();
    if (!(files instanceof Map)) return refused(request, files as Refusal, variant);
    const result = await this.#options.renderer.render(inputOf(request, reading, files, this.#seedOf(variant)), signal);
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
  async #variantOf(request: RenderRequest, { tree, inputs, remotes }: Reading): Promise<Digest> {
    const files: JsonValue[] = [];
    for (const [path, oid] of inputs.files) files.push([path, await this.#contentOf(tree, oid)]);
    const capabilities = inputs.usesCapabilities ? request.capabilities : null;
    const { kind, root, valuesFiles } = inputs;
    const block = blockOf(request, kind, valuesFiles);
    const elsewhere = remotes.size === 0 ? {} : { remotes: Object.fromEntries([...remotes].map(([key, { digest }]) => [key, digest])) };
    const read = { kind, root, files, namespace: request.namespace, ...block, capabilities, ...elsewhere };
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

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  if (map.size >= rememberedMax) map.clear();
  map.set(key, value);
}

/** What is wrong with one App's files stops only that App; what is wrong with the repository or the disk stops everything. */
function isOfTheApp(error: OperationError): boolean {
  return error.code === "invalid" || error.code === "notFound" || error.code === "limit";
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
  { inputs: { kind, root, valuesFiles }, remotes }: Reading,
  files: ReadonlyMap<string, Uint8Array>,
  seed: Digest,
): RenderInput {
  const common = { kind, root, files, remotes, namespace: request.namespace ?? undefined, seed };
  const { helm, ...rest } = blockOf(request, kind, valuesFiles) as Partial<Pick<RenderInput, "kustomize" | "objects">> & {
    helm?: Omit<NonNullable<RenderInput["helm"]>, "kubeVersion" | "apiVersions">;
  };
  const { kubeVersion, apiVersions } = request.capabilities ?? { kubeVersion: null, apiVersions: null };
  return { ...common, ...rest, ...(helm && { helm: { ...helm, kubeVersion: kubeVersion ?? "", apiVersions } }) };
}

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
