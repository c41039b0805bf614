// Keeps answers with differences to a size that people can read and a hub can send: what comes first stays whole, and what was left out is
// counted.

import type { Cut, ObjectChange } from "../../view/questions.ts";

export const answerLimits = { rows: 500, objects: 5_000, lines: 50_000 } as const;

type Limits = { readonly [limit in keyof typeof answerLimits]: number };

/** Takes rows and objects in their order until there are enough. An object whose lines are too many keeps its name and fields. */
export class Bounded {
  readonly #limits: Limits;
  #objects = 0;
  #lines = 0;
  #cut: Cut = { rows: 0, objects: 0, lines: 0 };

  constructor(limits: Limits = answerLimits) {
    this.#limits = limits;
  }

  get cut(): Cut {
    return this.#cut;
  }

  rows<Row>(rows: readonly Row[]): readonly Row[] {
    const kept = rows.slice(0, this.#limits.rows);
    this.#cut = { ...this.#cut, rows: this.#cut.rows + rows.length - kept.length };
    return kept;
  }

  objects(objects: readonly ObjectChange[]): readonly ObjectChange[] {
    const kept = objects.slice(0, Math.max(0, this.#limits.objects - this.#objects));
    this.#objects += kept.length;
    this.#cut = { ...this.#cut, objects: this.#cut.objects + objects.length - kept.length };
    return kept.map((object) => this.#withLines(object));
  }

  #withLines(object: ObjectChange): ObjectChange {
    const count = object.lines.length;
    if (this.#lines + count <= this.#limits.lines) {
      this.#lines += count;
      return object;
    }
    this.#cut = { ...this.#cut, lines: this.#cut.lines + count };
    return { ...object, lines: [] };
  }
}
