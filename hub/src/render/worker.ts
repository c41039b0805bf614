// The thread that renders: it owns one instance of the module, takes one input at a time and answers with its result.

import { parentPort, workerData } from "node:worker_threads";
import { Instance } from "./instance.ts";
import { perform } from "./perform.ts";
import type { RenderFailed, RenderInput, RenderResult } from "./rendered.ts";
import { ModuleExit } from "./sandbox.ts";

export type WorkerSettings = {
  readonly module: WebAssembly.Module;
  readonly clock: number;
  readonly outputMaxBytes: number;
  readonly nodesMax: number;
};

/**
 * `spent`: the instance is dead or has grown too large to keep; the thread has to be replaced.
 * `cpuMs`: what the thread has used up since it began.
 */
export type WorkerAnswer = { readonly result: RenderResult; readonly spent: boolean; readonly cpuMs: number };

// Linear memory never shrinks: after a large render a fresh instance is cheaper than keeping it.
const keptMemoryBytes = 256 * 1024 * 1024;

const settings = workerData as WorkerSettings;
let instance: Instance | undefined;

function started(): Instance {
  instance ??= new Instance(settings.module, settings.clock);
  return instance;
}

async function answer(input: RenderInput): Promise<WorkerAnswer> {
  try {
    const result = await perform(input, started, settings);
    return { result, spent: (instance?.memoryBytes ?? 0) > keptMemoryBytes, cpuMs: cpuMs() };
  } catch (error) {
    return { result: death(error, instance?.said ?? "", input.root), spent: true, cpuMs: cpuMs() };
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

// What Go prints as it dies tells which bound was met. Its words stay here.
function death(error: unknown, said: string, path: string): RenderFailed {
  if (/out of memory|cannot allocate/.test(said))
    return { kind: "failed", code: "E_LIMIT", message: "rendering takes too much memory", path };
  const tooDeep = /stack exceeds|stack overflow/.test(said) || error instanceof RangeError;
  if (tooDeep) return { kind: "failed", code: "E_LIMIT", message: "rendering goes too deep: something includes itself without end", path };
  const why =
    error instanceof ModuleExit || error instanceof WebAssembly.RuntimeError
      ? "the renderer died"
      : "the renderer stopped at an unexpected input";
  return { kind: "failed", code: "E_RENDER", message: why, path };
}

parentPort?.on("message", (input: RenderInput) => {
  void answer(input).then((given) => parentPort?.postMessage(given));
});
started();
