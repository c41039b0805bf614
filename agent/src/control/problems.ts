// What stands in the way, object by object: refused writes, refused deletes, contested fields. One problem of a kind per object.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { ReasonCode } from "@muster/proto/model/reasons";

/** `write` and `delete` make the App fail or wait; `drift` shows what is not healed; `note` only informs. */
export type ProblemSort = "write" | "delete" | "drift" | "note";

export type Problem = {
  readonly app: AppKey;
  readonly identity: ObjectIdentity;
  readonly sort: ProblemSort;
  readonly reason: ReasonCode;
  readonly message: string;
  readonly sinceMs: number;
};

export class Problems {
  readonly #byKey = new Map<string, Problem>();
  readonly #onChange: (app: AppKey) => void;

  constructor(onChange: (app: AppKey) => void) {
    this.#onChange = onChange;
  }

  set(problem: Problem): void {
    const key = `${problem.sort} ${identityKey(problem.identity)}`;
    const old = this.#byKey.get(key);
    if (old?.app === problem.app && old.reason === problem.reason && old.message === problem.message) return;
    this.#byKey.set(key, old?.reason === problem.reason && old.app === problem.app ? { ...problem, sinceMs: old.sinceMs } : problem);
    this.#onChange(problem.app);
  }

  clear(identity: ObjectIdentity, ...sorts: readonly ProblemSort[]): void {
    for (const sort of sorts) {
      const key = `${sort} ${identityKey(identity)}`;
      const old = this.#byKey.get(key);
      if (old === undefined) continue;
      this.#byKey.delete(key);
      this.#onChange(old.app);
    }
  }

  of(app: AppKey): readonly Problem[] {
    return [...this.#byKey.values()]
      .filter((problem) => problem.app === app)
      .toSorted((a, b) => byCodeUnits(identityKey(a.identity), identityKey(b.identity)));
  }

  get(identity: ObjectIdentity, sort: ProblemSort): Problem | undefined {
    return this.#byKey.get(`${sort} ${identityKey(identity)}`);
  }

  /** Forgets problems of writes that nobody attempts any more. */
  keepOnly(sort: ProblemSort, app: AppKey, wanted: ReadonlySet<string>): void {
    for (const problem of this.of(app)) {
      if (problem.sort === sort && !wanted.has(identityKey(problem.identity))) this.clear(problem.identity, sort);
    }
  }
}
