// What every App is worked out with: the clusters, what selects them, what is rendered, which Sources there are.

import { nearest } from "../fleet/fleet.ts";
import type { Clusters } from "./clusters.ts";
import type { RequestBook } from "./request-book.ts";
import type { Rollouts } from "./rollouts.ts";
import type { Selections } from "./selections.ts";

export type Desk = {
  readonly clusters: Clusters;
  readonly selections: Selections;
  readonly requests: RequestBook;
  readonly sources: SourceNames;
  readonly rollouts: Rollouts;
};

/** The names of Sources. */
export class SourceNames {
  #names: ReadonlySet<string> = new Set();

  /** True when that changed something. */
  update(names: ReadonlySet<string>): boolean {
    const same = names.size === this.#names.size && [...names].every((name) => this.#names.has(name));
    this.#names = names;
    return !same;
  }

  /** Null when there is such a Source, or none is named; else what to say of it. */
  unknown(name: string | null): string | null {
    if (name === null || this.#names.has(name)) return null;
    const meant = nearest(name, [...this.#names].toSorted());
    return `names the Source ${name}, which does not exist${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  }
}
