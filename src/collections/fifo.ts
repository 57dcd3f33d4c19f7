/**
 * Things in the order in which they came, each of which may leave at any time. A Set of its own
 * keeps the places of what has left its head for a while, and looks at all of them each time that
 * its first item is asked for; this one goes on from where it was.
 */
export class Fifo<T> {
  readonly #items = new Set<T>();
  #next: Iterator<T> = this.#items.values();
  #first: T | undefined;

  get size(): number {
    return this.#items.size;
  }

  /** Adds an item at the end; it stays in its place if it is there. */
  add(item: T): void {
    this.#items.add(item);
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    if (item === this.#first) this.#first = undefined;
    return this.#items.delete(item);
  }

  /** The one that came first. */
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
