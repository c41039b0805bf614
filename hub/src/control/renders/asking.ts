// Keeps the answers to render requests true from commit to commit: looks at what changed in each content, asks again only for what looked
// at it, and says which answers are others now.

import type { Digest } from "@muster/proto/model/digest";
import { changes, type Snapshot } from "../../git/git.ts";
import type { RenderAnswer, RenderRequest } from "../../resolve/resolve.ts";
import type { ContentRef } from "../sources/content.ts";
import type { Contents } from "../sources/fleet-sources.ts";
import { AnswerBook } from "./answer-book.ts";
import { pendingCode } from "./reading.ts";
import { openRenders, type Content, type Found, type Renders, type RendersOptions } from "./renders.ts";

export type AskingOptions = Omit<RendersOptions, "contentOf"> & {
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** So many paths of one commit are looked up one by one; beyond, everything of the content counts as changed. */
const pathsMax = 50_000;
/** Answers that nobody asks for any more are kept up to this many: a revert finds them. */
const spareMax = 1_000;

export class Asking {
  readonly #options: AskingOptions;
  readonly #renders: Renders;
  readonly #book = new AnswerBook();
  /** The Snapshot that the answers of a content are of; null: it was not there. */
  readonly #seen = new Map<string, Snapshot | null>();
  #contents: Contents | undefined;
  #count = 0;
  #wanted: ReadonlyMap<Digest, RenderRequest> = new Map();

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#renders = openRenders({ ...options, contentOf: (ref) => this.#contentOf(ref) });
  }

  get answers(): ReadonlyMap<Digest, RenderAnswer> {
    return this.#book.answers;
  }

  /** Answers that hold Apps, as they are now, for good. */
  get parents(): ReadonlyMap<Digest, RenderAnswer> {
    return this.#book.parents;
  }

  /** Variants of all answers: renders that are in use. */
  get variants(): readonly Digest[] {
    return this.#book.variants;
  }

  /** Has Releases that are damaged on disk rendered again, with the next `freshen`. */
  doubt(releases: ReadonlySet<Digest>): void {
    this.#book.markReleases(releases);
  }

  /** Brings all answers to these contents. The keys of those that are others now. Stays unfinished when it rejects: call it again. */
  async freshen(contents: Contents, signal: AbortSignal): Promise<ReadonlySet<Digest>> {
    this.#contents = contents;
    for (const [key, ref] of this.#book.contents) await this.#look(key, ref, contents);
    const stale = this.#book.stale(this.#options.now());
    for (const { key } of stale) if (!this.#wanted.has(key)) this.#book.forget(key); // asked anew when somebody wants it again
    return this.answer(
      stale.filter(({ key }) => this.#wanted.has(key)),
      signal,
    );
  }

  /** Answers requests from the contents of the last `freshen`. The keys of answers that are others now. */
  async answer(requests: readonly RenderRequest[], signal: AbortSignal): Promise<ReadonlySet<Digest>> {
    const changed = new Set<Digest>();
    if (requests.length === 0) return changed;
    const found = await this.#renders.answer(requests, signal);
    const at = this.#options.now();
    this.#count += requests.length;
    for (const request of requests) {
      if (this.#book.settle(request, found.get(request.key) as Found, at)) changed.add(request.key);
    }
    return changed;
  }

  /** Counts every answer that was given: what depends on answers is as it was while this is the same. */
  get count(): number {
    return this.#count;
  }

  /** The contents that the answers to these requests depend on, each once. */
  refsOf(requests: ReadonlyMap<Digest, RenderRequest>): readonly ContentRef[] {
    return this.#book.refsOf(requests.keys());
  }

  /** Keys of the contents that an answer depends on. */
  contentsOf(request: Digest): Iterable<string> {
    return this.#book.contentsOf(request);
  }

  /** What is asked for now. Forgets answers that nobody asks for, when there are many. */
  tidy(requests: ReadonlyMap<Digest, RenderRequest>): void {
    this.#wanted = requests;
    if (this.#book.answers.size > requests.size + spareMax) this.#book.keepOnly((key) => requests.has(key));
    const known = new Set(this.#book.contents.map(([key]) => key));
    for (const key of this.#seen.keys()) if (!known.has(key)) this.#seen.delete(key);
  }

  async #look(key: string, ref: ContentRef, contents: Contents): Promise<void> {
    const state = contents.of(ref);
    const now = state.kind === "there" ? state.snapshot : null;
    const before = this.#seen.get(key) ?? null;
    if (now === before && now !== null) return;
    this.#book.mark(key, now === null || before === null ? null : await changedPaths(before, now));
    this.#seen.set(key, now);
  }

  #contentOf(ref: ContentRef): Content {
    const state = this.#contents?.of(ref);
    if (state === undefined) throw new TypeError("a render before any content");
    if (state.kind === "pending") {
      const { key } = state;
      return { kind: "failed", key, code: pendingCode, message: `${key} is being fetched` };
    }
    if (state.kind === "failed") return state;
    const { key, snapshot } = state;
    if (!this.#seen.has(key)) this.#seen.set(key, snapshot);
    return { kind: "there", key, commit: snapshot.commit, tree: snapshot.tree };
  }
}

/** Null: too many to look at one by one. */
async function changedPaths(before: Snapshot, after: Snapshot): Promise<readonly string[] | null> {
  if (before.commit === after.commit) return [];
  const paths: string[] = [];
  for await (const { path } of changes(before, after, "")) {
    paths.push(path);
    if (paths.length > pathsMax) return null;
  }
  return paths;
}
