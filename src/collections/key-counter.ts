/** How many things there are of each key. A key of which there are none takes no room. */
export class KeyCounter<Key extends string = string> {
  readonly #counts = new Map<Key, number>();

  /** How many there are of a key. */
  of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: Key): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: Key): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }

  /** Those of which there are any. */
  entries(): Iterable<[Key, number]> {
    return this.#counts;
  }
}
