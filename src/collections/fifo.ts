/**
 * A first-in, first-out queue from which any item can be deleted in constant time. A plain Set
 * keeps deleted entries for a while and skips them each time its first item is read; this class
 * keeps an iterator instead.
 */
export class Fifo<T> {
  readonly #items = new Set<T>();
  #next: Iterator<T> = this.#items.values();
  #first: T | undefined;

  get size(): number {
    return this.#items.size;
  }

  /** Adds an item at the end; an item that is present keeps its place. */
  add(item: T): void {
    this.#items.add(item);
  }

  /** Deletes an item. @returns whether it was present */
  delete(item: T): boolean {
    if (item === this.#first) this.#first = undefined;
    return this.#items.delete(item);
  }

  /** Returns whether an item is present. */
  has(item: T): boolean {
    return this.#items.has(item);
  }

  /** Returns the oldest item; undefined if the queue is empty. */
  first(): T | undefined {
    if (this.#items.size === 0) return undefined;
    this.#first ??= this.#advance();
    return this.#first;
  }

  #advance(): T | undefined {
    const { done, value } = this.#next.next();
    if (!done) return value;
    this.#next = this.#items.values();
    return this.#next.next().value;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}
