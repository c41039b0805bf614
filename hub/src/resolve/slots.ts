// Values by slot. A slot is a small number that stands for a cluster as long as it is in the fleet, so that work is kept by position
// without moving when clusters come and go. Few values are kept in a map, many in an array.

const fewMax = 32;
/** An array may be this many times longer than what it holds. */
const sparseMax = 8;

export class SlotMap<T> {
  readonly #few = new Map<number, T>();
  #many: (T | undefined)[] | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(slot: number): T | undefined {
    return this.#many === null ? this.#few.get(slot) : this.#many[slot];
  }

  has(slot: number): boolean {
    return this.get(slot) !== undefined;
  }

  set(slot: number, value: T): void {
    if (!this.has(slot)) this.#size += 1;
    if (this.#many === null) {
      this.#few.set(slot, value);
      if (this.#size > fewMax && slot < this.#size * sparseMax) this.#spread();
      return;
    }
    while (this.#many.length < slot) this.#many.push(undefined);
    this.#many[slot] = value;
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.#size -= 1;
    if (this.#many === null) this.#few.delete(slot);
    else this.#many[slot] = undefined;
  }

  /** In no particular order. The value that is handed over may be deleted meanwhile, or set anew. */
  each(visit: (value: T, slot: number) => void): void {
    if (this.#many === null) {
      for (const [slot, value] of this.#few) visit(value, slot);
      return;
    }
    for (let slot = 0; slot < this.#many.length; slot += 1) {
      const value = this.#many[slot];
      if (value !== undefined) visit(value, slot);
    }
  }

  #spread(): void {
    const slots = [...this.#few.keys()];
    const last = Math.max(...slots);
    if (last >= this.#size * sparseMax) return;
    const many: (T | undefined)[] = [];
    while (many.length <= last) many.push(undefined);
    for (const [slot, value] of this.#few) many[slot] = value;
    this.#few.clear();
    this.#many = many;
  }
}

/** A set of slots, a bit each. */
export class SlotSet {
  #words = new Uint32Array(4);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(slot: number): boolean {
    return (((this.#words[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1;
  }

  add(slot: number): void {
    this.put(slot, true);
  }

  clear(): void {
    if (this.#size > 0) this.#words.fill(0);
    this.#size = 0;
  }

  /** True when that changed something. */
  put(slot: number, member: boolean): boolean {
    if (this.has(slot) === member) return false;
    const word = slot >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    this.#words[word] = (this.#words[word] ?? 0) ^ (1 << (slot & 31));
    this.#size += member ? 1 : -1;
    return true;
  }

  /** Rising. */
  each(visit: (slot: number) => void): void {
    if (this.#size === 0) return;
    for (let word = 0; word < this.#words.length; word += 1) {
      for (let bits = this.#words[word] ?? 0; bits !== 0; bits &= bits - 1) visit(word * 32 + 31 - Math.clz32(bits & -bits));
    }
  }

  #grow(words: number): void {
    const next = new Uint32Array(Math.max(words, this.#words.length * 2));
    next.set(this.#words);
    this.#words = next;
  }
}
