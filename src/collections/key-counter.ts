/** Counts by key. A key with a count of zero uses no memory. */
export class KeyCounter<Key extends string = string> {
  readonly #counts = new Map<Key, number>();

  /** Returns the count of a key. */
  of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Adds one to the count of a key. */
  add(key: Key): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  /** Subtracts one from the count of a key. */
  remove(key: Key): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }

  /** Returns the keys with a count above zero. */
  entries(): Iterable<[Key, number]> {
    return this.#counts;
  }
}
