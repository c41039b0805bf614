// All problems in one order: by place, then by what they say. Sorted again only when some list is another one.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Problem } from "../fleet/fleet.ts";
import { keepList, sameData } from "./same.ts";

export class ProblemList {
  readonly #texts = new WeakMap<Problem, string>();
  #found: readonly Problem[] = [];
  #sorted: readonly Problem[] = [];

  /** The same array as long as it says the same. */
  sorted(lists: readonly (readonly Problem[])[]): readonly Problem[] {
    const found = lists.flat();
    if (keepList(this.#found, found) === this.#found) return this.#sorted;
    this.#found = found;
    const sorted = found.toSorted((a, b) => byCodeUnits(this.#text(a), this.#text(b)));
    this.#sorted = keepList(this.#sorted, sorted, sameData);
    return this.#sorted;
  }

  #text(problem: Problem): string {
    const known = this.#texts.get(problem);
    if (known !== undefined) return known;
    const { place, code, cluster, message, subject } = problem;
    const line = String(place?.line ?? 0).padStart(9, "0");
    const text = [place?.source ?? "", place?.path ?? "", line, code, cluster ?? "", message, subject ?? ""].join("\0");
    this.#texts.set(problem, text);
    return text;
  }
}
