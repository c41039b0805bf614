// A resolver of names for tests, in the place of `dns.lookup`: every name leads to the given addresses.

type Found = { readonly address: string; readonly family: number };

/** Give it to `t.mock.method(dns, "lookup", ...)`; restored at the test's end. Each call takes the next list, the last one for ever. */
export function leadingTo(...answers: readonly (readonly string[])[]): (name: string, options: object, done: Done) => void {
  let calls = 0;
  return (_, __, done) => {
    const addresses = answers[Math.min(calls, answers.length - 1)] ?? [];
    calls += 1;
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    queueMicrotask(() => done(null, found));
  };
}

type Done = (error: null, found: readonly Found[]) => void;
