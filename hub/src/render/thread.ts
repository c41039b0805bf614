// One worker thread with its bounds: time, memory, one job at a time. Whatever ends the thread ends only the job on it.

import { Worker } from "node:worker_threads";
import { boundCpu } from "./cpu-bound.ts";
import type { RenderFailed, RenderInput, RenderResult, Remotes } from "./rendered.ts";
import type { WorkerAnswer, WorkerSettings } from "./worker.ts";

export type ThreadOptions = WorkerSettings & { readonly timeoutMs: number; readonly heapMaxMb: number };

const stackSizeMb = 16;

/** A thread that is ready for one job after the other until it is `spent`. */
export class Thread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  #spent = false;
  #cpuMs = 0; // what it had used up when it answered last

  constructor(options: ThreadOptions) {
    this.#options = options;
    const { module, clock, outputMaxBytes, nodesMax } = options;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { module, clock, outputMaxBytes, nodesMax } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMaxMb, stackSizeMb },
      env: {},
      stdin: false,
    });
    this.#worker.unref();
    this.#worker.on("error", () => (this.#spent = true));
    this.#worker.on("exit", () => (this.#spent = true));
  }

  /** True when the thread must not get another job. */
  get spent(): boolean {
    return this.#spent;
  }

  /** Renders one input. Rejects only when `signal` is aborted; then, and when its CPU time is over, the thread is ended. */
  async render(input: RenderInput, signal: AbortSignal | undefined): Promise<RenderResult> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<RenderResult>();
    const fail = (failure: Omit<RenderFailed, "kind" | "path">): void => {
      this.#spent = true;
      resolve({ kind: "failed", path: input.root, ...failure });
    };
    const onAnswer = ({ result, spent, cpuMs }: WorkerAnswer): void => {
      this.#spent ||= spent;
      this.#cpuMs = cpuMs;
      resolve(result);
    };
    const onError = (error: Error & { code?: string }): void =>
      error.code === "ERR_WORKER_OUT_OF_MEMORY"
        ? fail({ code: "E_LIMIT", message: "rendering takes too much memory" })
        : fail({ code: "E_RENDER", message: "the renderer died" });
    const onExit = (): void => fail({ code: "E_RENDER", message: "the renderer died" });
    const onAbort = (): void => {
      this.#spent = true;
      reject(signal?.reason as Error);
    };
    const seconds = Math.round(this.#options.timeoutMs / 100) / 10;
    using _bound = boundCpu(this.#worker, { maxMs: this.#options.timeoutMs, usedMs: this.#cpuMs }, () =>
      fail({ code: "E_TIMEOUT", message: `rendering takes longer than ${seconds} s` }),
    );
    this.#worker.ref();
    this.#worker.once("message", onAnswer).once("error", onError).once("exit", onExit);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      this.#worker.postMessage({ ...input, files: own(input.files), ...(input.remotes && { remotes: ownRemotes(input.remotes) }) });
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#worker.off("message", onAnswer).off("error", onError).off("exit", onExit);
      this.#worker.unref();
      if (this.#spent) await this.end();
    }
  }

  /** Ends the thread, also in the middle of a loop. */
  async end(): Promise<void> {
    this.#spent = true;
    await this.#worker.terminate();
  }
}

// Posting a view copies all of the memory that it looks at: a blob cut out of a pack would take the whole pack along.
function own(files: RenderInput["files"]): RenderInput["files"] {
  return new Map([...files].map(([path, bytes]) => [path, bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)]));
}

function ownRemotes(remotes: Remotes): Remotes {
  return new Map([...remotes].map(([key, content]) => [key, { ...content, files: own(content.files) }]));
}
