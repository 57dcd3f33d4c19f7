/** How many things there are of each key. A key of which there are none takes no room. */
export class KeyCounter {
  readonly #counts = new Map<string, number>();

  /** How many there are of a key. */
  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
