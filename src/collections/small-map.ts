/**
 * A map that usually holds one entry, which then costs no more than its place in this object; a
 * `Map` makes room for four at once. The order of its values is not that of insertion.
 */
export class SmallMap<Key extends string | number, Value> {
  #key: Key | undefined;
  #value: Value | undefined;
  /** The entries beside that one. */
  #others: Map<Key, Value> | undefined;

  /** Number of entries. */
  get size(): number {
    return (this.#key === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  /** Returns the value of a key; undefined if there is none. */
  get(key: Key): Value | undefined {
    return key === this.#key ? this.#value : this.#others?.get(key);
  }

  /** Puts an entry; replaces the one with the same key. */
  set(key: Key, value: Value): void {
    const isFree = this.#key === undefined && this.#others?.has(key) !== true;
    if (isFree || key === this.#key) {
      this.#key = key;
      this.#value = value;
      return;
    }
    this.#others ??= new Map();
    this.#others.set(key, value);
  }

  /** Deletes an entry. Does nothing if there is none. */
  delete(key: Key): void {
    if (key === this.#key) {
      this.#key = undefined;
      this.#value = undefined;
    } else if (this.#others?.delete(key) === true && this.#others.size === 0) {
      this.#others = undefined;
    }
  }

  /** Iterates over the values; the current one may be deleted. */
  *values(): Generator<Value> {
    if (this.#key !== undefined) yield this.#value as Value;
    if (this.#others !== undefined) yield* this.#others.values();
  }
}
