// Values as they were at a moment, of something that is changed in place. Taking a moment costs nothing; each value that changes after it
// is kept once, for the newest moment alone, and earlier ones look there. A moment that nobody holds any more is collected.

class Link<Key, Value> {
  readonly was = new Map<Key, Value | undefined>();
  next: Link<Key, Value> | null = null;
}

export class Moments<Key, Value> {
  #newest: Link<Key, Value> | null = null;

  /** To be called before the value of a key changes. `was` is asked once for each key and moment; its answer may not change later. */
  changing(key: Key, was: () => Value | undefined): void {
    const newest = this.#newest;
    if (newest !== null && !newest.was.has(key)) newest.was.set(key, was());
  }

  /** The values of now, for good. `live`: what they are at the time of the question. */
  take(live: (key: Key) => Value | undefined): (key: Key) => Value | undefined {
    const link = new Link<Key, Value>();
    if (this.#newest !== null) this.#newest.next = link;
    this.#newest = link;
    return (key) => {
      for (let at: Link<Key, Value> | null = link; at !== null; at = at.next) if (at.was.has(key)) return at.was.get(key);
      return live(key);
    };
  }
}
