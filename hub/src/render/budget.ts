// How much one render may hold in JavaScript's memory, counted in keys and values before they are made. A heap limit alone
// is not enough: V8 ends the whole process when a single allocation no longer fits.

import { RenderFault } from "./rendered.ts";

/** Counts down over all documents of one render. */
export class NodeBudget {
  #left: number;

  constructor(most: number) {
    this.#left = most;
  }

  get left(): number {
    return this.#left;
  }

  /** Throws E_LIMIT when there is not as much left. */
  spend(nodes: number, path: string): void {
    this.#left -= nodes;
    if (this.#left < 0) throw new RenderFault("E_LIMIT", "the documents of the App hold too many keys and values", { path });
  }
}

/** At most as many keys and values as a JSON text can hold, by its commas and brackets. */
export function nodesInJson(bytes: Uint8Array): number {
  let count = 1;
  for (const byte of bytes) {
    if (byte === 0x2c || byte === 0x3a || byte === 0x5b || byte === 0x7b) count += 1;
  }
  return count;
}
