// The rendering module, compiled: a process does that once for each file and memory limit, however many Renderers it opens.

import { readFile, stat } from "node:fs/promises";
import { limitMemory } from "./memory-limit.ts";

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The module at this path with `memoryMaxBytes` as its bound. Compiling takes a second of CPU the first time. */
export async function compiledModule(path: string, memoryMaxBytes: number): Promise<WebAssembly.Module> {
  const { mtimeMs, size } = await stat(path);
  const key = `${path} ${mtimeMs} ${size} ${memoryMaxBytes}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const compiling = compile(path, memoryMaxBytes);
  compiled.set(key, compiling);
  compiling.catch(() => compiled.delete(key));
  return compiling;
}

async function compile(path: string, memoryMaxBytes: number): Promise<WebAssembly.Module> {
  return WebAssembly.compile(limitMemory(await readFile(path), memoryMaxBytes));
}
