/**
 * A cache of bounded size, in two generations. When the young one is full it becomes the old one,
 * and entries of the former old one that were not used since are dropped. In contrast to a map that
 * deletes its oldest entry for each new one, it never iterates over deleted entries.
 */
export class BoundedCache<Value> {
  readonly #generationMax: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** @param entriesMax - maximum entries; at least the newest half stays */
  constructor(entriesMax: number) {
    this.#generationMax = Math.ceil(entriesMax / 2);
  }

  /** Returns the cached value of a name; undefined if there is none. */
  get(name: string): Value | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  /** Caches a value. */
  set(name: string, value: Value): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }
}
