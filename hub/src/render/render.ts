// Renders Apps: Helm charts, kustomizations and plain YAML become the normalised objects of a Release, in worker threads
// that run Helm's and Kustomize's own code as one WebAssembly module. What to render and when is decided elsewhere.

import { compiledModule } from "./compiled.ts";
import { findModule } from "./module-path.ts";
import type { RenderInput, RenderResult } from "./rendered.ts";
import { Thread, type ThreadOptions } from "./thread.ts";
import { checkEveryDefault, equalOrFailed, isChecked } from "./twice.ts";

export type { AskedCapabilities } from "./capabilities.ts";
export { inputsOf, readInputs, type Inputs, type InputsFailed, type InputsQuery } from "./inputs.ts";
export { KeptInputs } from "./kept-inputs.ts";
export type { Tree, TreeEntry } from "./tree.ts";
export type {
  HelmInput,
  KustomizeInput,
  ObjectsInput,
  ObjectTrace,
  RemoteContent,
  RemoteNeed,
  Remotes,
  Rendered,
  RenderCode,
  RenderedApp,
  RenderedObject,
  RenderFailed,
  RenderInput,
  RenderKind,
  RenderResult,
  SnapshotPath,
  SourcePlace,
} from "./rendered.ts";

export type RendererOptions = {
  /** The built module; else $MUSTER_RENDER_MODULE, `.tools/render.wasm` of the checkout, `render.wasm` beside the package. */
  readonly modulePath?: string | undefined;
  /** Threads (1). Each takes about 50 MB when idle. */
  readonly workers?: number;
  /** CPU time of one render (60,000); by the clock it may take ten times as long. */
  readonly timeoutMs?: number;
  /** Linear memory of one render (1,024). */
  readonly memoryMaxMb?: number;
  /** JavaScript heap of one thread (1,024): room for the two million keys and values that one render may have. */
  readonly heapMaxMb?: number;
  /** Keys and values that one render may have (2,000,000). */
  readonly nodesMax?: number;
  /** Text that one render gives back (64 MiB). */
  readonly outputMaxBytes?: number;
  /** One of so many Variants, always the same ones, is rendered twice and compared (32; 1: each, 0: none): E_NONDETERMINISTIC. */
  readonly checkEvery?: number;
  /** The unix time in seconds that every template sees (2026-01-01): fixed, so that `now` and certificates do not change. */
  readonly clock?: number;
};

const mebibyte = 1024 * 1024;
const defaultClock = Date.UTC(2026, 0, 1) / 1000;

/** A pool of rendering threads. Dispose of it at the end. */
export class Renderer {
  readonly #options: ThreadOptions;
  readonly #threadsMax: number;
  readonly #idle: Thread[] = [];
  readonly #busy = new Set<Thread>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  readonly #checkEvery: number;
  #places: number;

  private constructor(options: ThreadOptions, threadsMax: number, checkEvery: number) {
    this.#options = options;
    this.#checkEvery = checkEvery;
    this.#threadsMax = threadsMax;
    this.#places = threadsMax;
    this.#idle.push(new Thread(options));
  }

  /** Finds and compiles the module (a quarter of a second) and starts the first thread. Throws with the remedy when there is no module. */
  static async open(options: RendererOptions = {}): Promise<Renderer> {
    const path = await findModule(options.modulePath, process.env["MUSTER_RENDER_MODULE"]);
    const module = await compiledModule(path, (options.memoryMaxMb ?? 1024) * mebibyte);
    const thread = {
      module,
      clock: options.clock ?? defaultClock,
      outputMaxBytes: options.outputMaxBytes ?? 64 * mebibyte,
      nodesMax: options.nodesMax ?? 2_000_000,
      timeoutMs: options.timeoutMs ?? 60_000,
      heapMaxMb: options.heapMaxMb ?? 1024,
    };
    return new Renderer(thread, Math.max(1, options.workers ?? 1), options.checkEvery ?? checkEveryDefault);
  }

  /**
   * Renders one App. What is wrong with the input, takes too long or too much is a result of kind "failed".
   * Rejects only with the reason of `signal`, or when the Renderer is disposed of.
   */
  async render(input: RenderInput, signal?: AbortSignal): Promise<RenderResult> {
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const { result, thread } = await this.#once(input, stop);
    if (result.kind === "failed" || input.kind === "yaml" || !isChecked(input.seed, this.#checkEvery)) return result;
    return equalOrFailed(result, (await this.#once(input, stop, thread)).result);
  }

  // `other`: the thread that rendered it already, which is taken again only when there is no second one.
  async #once(input: RenderInput, stop: AbortSignal, other?: Thread): Promise<{ result: RenderResult; thread: Thread }> {
    await this.#place(stop);
    const thread = this.#freshThread(other);
    this.#busy.add(thread);
    try {
      return { result: await thread.render(input, stop), thread };
    } finally {
      this.#busy.delete(thread);
      if (!thread.spent) this.#idle.push(thread);
      this.#leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the renderer was closed"));
    await Promise.all([...this.#idle, ...this.#busy].map((thread) => thread.end()));
  }

  #freshThread(other?: Thread): Thread {
    const at = this.#idle.findLastIndex((thread) => thread !== other);
    const [idle] = at === -1 && this.#threadsMax > 1 ? [] : this.#idle.splice(at, 1);
    return idle === undefined || idle.spent ? new Thread(this.#options) : idle;
  }

  // As many renders run as there are threads; the others wait in order.
  async #place(stop: AbortSignal): Promise<void> {
    stop.throwIfAborted();
    if (this.#places > 0) {
      this.#places -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(resolve);
      if (at !== -1) this.#waiting.splice(at, 1);
      reject(stop.reason as Error);
    };
    this.#waiting.push(resolve);
    stop.addEventListener("abort", onAbort, { once: true });
    await promise.finally(() => stop.removeEventListener("abort", onAbort));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#places = Math.min(this.#threadsMax, this.#places + 1);
    else next();
  }
}
