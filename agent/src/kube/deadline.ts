// One signal out of a time limit and others, that leaves no timer and no listener behind.

/** The time limit of a `deadline` was reached. */
export class TookTooLong extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`);
  }
}

export type Deadline = { readonly signal: AbortSignal } & Disposable;

/** Aborted after `ms`, with a TookTooLong, or when one of `parents` is, with its reason. Dispose it when the work is done. */
export function deadline(ms: number, parents: readonly AbortSignal[]): Deadline {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new TookTooLong(ms)), ms);
  const listeners = parents.map((parent) => {
    const abort = (): void => own.abort(parent.reason);
    if (parent.aborted) abort();
    else parent.addEventListener("abort", abort, { once: true });
    return () => parent.removeEventListener("abort", abort);
  });
  return {
    signal: own.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      for (const forget of listeners) forget();
    },
  };
}
