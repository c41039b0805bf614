// Which renders are asked for now, by whom, and what was answered. Those who asked are told when an answer changes.

import type { Digest } from "@muster/proto/model/digest";
import { Moments } from "./moments.ts";
import type { RenderAnswer, RenderRequest } from "./request.ts";

/** Who asked. */
export type Asking = { answered(): void };

type Entry = { readonly request: RenderRequest; readonly askers: Set<Asking>; answer: RenderAnswer | undefined };

export class RequestBook {
  readonly #entries = new Map<Digest, Entry>();
  readonly #requests = new Map<Digest, RenderRequest>();
  readonly #open = new Set<Digest>();
  readonly #moments = new Moments<Digest, RenderRequest>();
  #renders: ReadonlyMap<Digest, RenderAnswer> = new Map();

  /** A live view. */
  get requests(): ReadonlyMap<Digest, RenderRequest> {
    return this.#requests;
  }

  /** What is asked for now, for good. */
  freeze(): { readonly get: (key: Digest) => RenderRequest | undefined } {
    return { get: this.#moments.take((key) => this.#requests.get(key)) };
  }

  /** Requests without an answer, in no particular order. */
  get open(): readonly RenderRequest[] {
    return [...this.#open].flatMap((key) => this.#requests.get(key) ?? []);
  }

  /** Takes the answers as they are now. `changed`: keys of which the answer may differ; undefined: any. */
  update(renders: ReadonlyMap<Digest, RenderAnswer>, changed: ReadonlySet<Digest> | undefined): void {
    this.#renders = renders;
    for (const key of changed ?? this.#entries.keys()) {
      const entry = this.#entries.get(key);
      const answer = renders.get(key);
      if (entry === undefined || entry.answer === answer) continue;
      this.#answer(entry, answer);
      for (const asker of entry.askers) asker.answered();
    }
  }

  ask(request: RenderRequest, asker: Asking): void {
    const known = this.#entries.get(request.key);
    if (known !== undefined) {
      known.askers.add(asker);
      return;
    }
    const entry: Entry = { request, askers: new Set([asker]), answer: undefined };
    this.#entries.set(request.key, entry);
    this.#moments.changing(request.key, () => undefined);
    this.#requests.set(request.key, request);
    this.#answer(entry, this.#renders.get(request.key));
  }

  drop({ key }: RenderRequest, asker: Asking): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.askers.delete(asker);
    if (entry.askers.size > 0) return;
    this.#entries.delete(key);
    this.#moments.changing(key, () => entry.request);
    this.#requests.delete(key);
    this.#open.delete(key);
  }

  answerOf({ key }: RenderRequest): RenderAnswer | undefined {
    return this.#entries.get(key)?.answer;
  }

  #answer(entry: Entry, answer: RenderAnswer | undefined): void {
    entry.answer = answer;
    if (answer === undefined) this.#open.add(entry.request.key);
    else this.#open.delete(entry.request.key);
  }
}
