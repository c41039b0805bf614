// CPU of another process with its threads, by the scheduler's own count. Linux only: elsewhere there is none.

import { readdir, readFile } from "node:fs/promises";

/** Milliseconds since its start, of the threads that it has now; undefined where it cannot be told. */
export async function processCpuMs(pid: number): Promise<number | undefined> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")));
    return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
  } catch {
    return undefined;
  }
}
