// Answers to render requests over many commits. Each stays until a path changes that its render looked at; what changed is found by path,
// not by going through the answers.

import type { Digest } from "@muster/proto/model/digest";
import type { RenderRequest } from "../../resolve/resolve.ts";
import type { ContentRef } from "../sources/content.ts";
import { passingFailures, type Answered, type Found } from "./renders.ts";
import type { Read, Reads } from "./reading.ts";
import { parentOf } from "./witness.ts";

type Kept = { readonly request: RenderRequest; readonly reads: Reads; readonly variant: Digest | null };

/** Request keys by the path that they looked at, of one content. */
type Index = { readonly ref: ContentRef; readonly exact: Map<string, Set<Digest>>; readonly folders: Map<string, Set<Digest>> };

const retryMs = 60_000;

export class AnswerBook {
  readonly #answers = new Map<Digest, Answered>();
  /** Those that hold Apps. */
  readonly #parents = new Map<Digest, Answered>();
  #told: ReadonlyMap<Digest, Answered> | null = null;
  readonly #kept = new Map<Digest, Kept>();
  readonly #indexes = new Map<string, Index>();
  readonly #stale = new Set<Digest>();
  /** When to try again what failed for a reason that may pass; milliseconds since 1970. */
  readonly #retries = new Map<Digest, number>();

  /** For resolve: the answers by key. */
  get answers(): ReadonlyMap<Digest, Answered> {
    return this.#answers;
  }

  /** Answers that hold Apps, as they are now, for good. */
  get parents(): ReadonlyMap<Digest, Answered> {
    return (this.#told ??= new Map(this.#parents));
  }

  /** Variants of all answers: renders that are in use. */
  get variants(): readonly Digest[] {
    return [...this.#kept.values()].flatMap(({ variant }) => variant ?? []);
  }

  /** The contents that answers depend on, by key. */
  get contents(): readonly (readonly [key: string, ref: ContentRef])[] {
    return [...this.#indexes].map(([key, { ref }]) => [key, ref] as const);
  }

  /** The contents that the answers to these requests depend on, each once. */
  refsOf(keys: Iterable<Digest>): readonly ContentRef[] {
    const refs = new Map<string, ContentRef>();
    for (const key of keys) for (const [content, { ref }] of this.#kept.get(key)?.reads ?? []) refs.set(content, ref);
    return [...refs.values()];
  }

  contentsOf(key: Digest): Iterable<string> {
    return this.#kept.get(key)?.reads.keys() ?? [];
  }

  /** Requests whose answers may not be true any more, until they are settled again; and those that another try may answer better. */
  stale(now: number): readonly RenderRequest[] {
    for (const [key, at] of this.#retries) if (at <= now) this.#stale.add(key);
    return [...this.#stale].flatMap((key) => this.#kept.get(key)?.request ?? []);
  }

  /** True when the answer is another one than before. */
  settle(request: RenderRequest, { answered, reads }: Found, now: number): boolean {
    const { key } = request;
    this.#unindex(key);
    this.#stale.delete(key);
    if (answered.kind === "failed" && passingFailures.has(answered.code)) this.#retries.set(key, now + retryMs);
    else this.#retries.delete(key);
    this.#kept.set(key, { request, reads, variant: answered.variant });
    for (const [content, read] of reads) this.#enter(content, read, key);
    const before = this.#answers.get(key);
    if (before !== undefined && sameAnswer(before, answered)) return false;
    this.#answers.set(key, answered);
    this.#family(key, answered);
    return true;
  }

  /** These paths of a content changed; null: all of it may have. What looked at them is stale. */
  mark(content: string, paths: readonly string[] | null): void {
    const index = this.#indexes.get(content);
    if (index === undefined) return;
    const add = (found: ReadonlySet<Digest> | undefined): void => found?.forEach((key) => this.#stale.add(key));
    if (paths === null) {
      for (const found of [...index.exact.values(), ...index.folders.values()]) add(found);
    }
    for (const path of paths ?? []) {
      add(index.exact.get(path));
      for (let folder = parentOf(path); ; folder = parentOf(folder)) {
        add(index.folders.get(folder));
        if (folder === "") break;
      }
    }
  }

  /** What these Releases are is not to be had any more: their answers are stale. */
  markReleases(releases: ReadonlySet<Digest>): void {
    for (const [key, answer] of this.#answers) if (answer.kind === "rendered" && releases.has(answer.release)) this.#stale.add(key);
  }

  /** Forgets answers to requests that nobody has any more. */
  keepOnly(wanted: (key: Digest) => boolean): void {
    for (const key of this.#answers.keys()) if (!wanted(key)) this.forget(key);
  }

  forget(key: Digest): void {
    this.#unindex(key);
    this.#stale.delete(key);
    this.#retries.delete(key);
    this.#kept.delete(key);
    this.#answers.delete(key);
    this.#family(key, undefined);
  }

  #family(key: Digest, answered: Answered | undefined): void {
    const isParent = answered?.kind === "rendered" && answered.apps.length > 0;
    if (!isParent && !this.#parents.has(key)) return;
    this.#told = null;
    if (isParent) this.#parents.set(key, answered);
    else this.#parents.delete(key);
  }

  #enter(content: string, { ref, witness: { exact, folders } }: Read, key: Digest): void {
    const index = this.#indexes.get(content) ?? { ref, exact: new Map(), folders: new Map() };
    this.#indexes.set(content, index);
    for (const path of exact) put(index.exact, path, key);
    for (const path of folders) put(index.folders, path, key);
  }

  #unindex(key: Digest): void {
    for (const [content, { witness }] of this.#kept.get(key)?.reads ?? []) {
      const { exact, folders } = witness;
      const index = this.#indexes.get(content);
      if (index === undefined) continue;
      for (const path of exact) take(index.exact, path, key);
      for (const path of folders) take(index.folders, path, key);
      if (index.exact.size === 0 && index.folders.size === 0) this.#indexes.delete(content);
    }
  }
}

function put(map: Map<string, Set<Digest>>, path: string, key: Digest): void {
  const known = map.get(path);
  if (known === undefined) map.set(path, new Set([key]));
  else known.add(key);
}

function take(map: Map<string, Set<Digest>>, path: string, key: Digest): void {
  const known = map.get(path);
  known?.delete(key);
  if (known?.size === 0) map.delete(path);
}

/** Whether two answers mean the same to the fleet; which Variant it was, and whether it was kept, does not count. */
function sameAnswer(a: Answered, b: Answered): boolean {
  if (a.kind !== b.kind) return false;
  const { variant: _a, cached: _b, ...left } = a;
  const { variant: _c, cached: _d, ...right } = b;
  return JSON.stringify(left) === JSON.stringify(right);
}
