// Puts single wishes together: what is asked for in one turn of the event loop, or while an earlier lot is on its way, goes as one.

/**
 * `bring` gets a lot of ids and says whether it tried. The function that comes back resolves with that once its id's lot is done, and
 * throws what `bring` threw for that lot.
 */
export function gatherer(bring: (ids: readonly string[]) => Promise<boolean>): (id: string) => Promise<boolean> {
  let waiting: { readonly ids: Set<string>; readonly done: Promise<boolean> } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const start = () => {
    const ids = new Set<string>();
    const before = last;
    const done = (async () => {
      await before.catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      waiting = undefined; // who asks from now on goes with the next lot
      return bring([...ids]);
    })();
    last = done;
    done.catch(() => undefined); // each who asked hears of it
    return { ids, done };
  };
  return (id) => {
    waiting ??= start();
    waiting.ids.add(id);
    return waiting.done;
  };
}
