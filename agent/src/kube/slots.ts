// So many at a time, first come, first served.

export type Slots = {
  /** Waits for a slot; dispose it to give it back. Throws the signal's reason when that is aborted first. */
  take(signal: AbortSignal): Promise<Disposable>;
};

export function slots(max: number): Slots {
  let free = max;
  const waiting: (() => void)[] = [];
  const slot = (): Disposable => {
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      },
    };
  };
  const take = (signal: AbortSignal): Promise<Disposable> => {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (free > 0) {
      free -= 1;
      return Promise.resolve(slot());
    }
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener("abort", abort);
        resolve(slot());
      };
      const abort = (): void => {
        waiting.splice(waiting.indexOf(turn), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      waiting.push(turn);
    });
  };
  return { take };
}
