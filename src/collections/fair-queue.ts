import { Fifo } from './fifo.js';

/**
 * A queue with round robin among shares, such as the tenants of a relay: an item waits for one item
 * of each other share, not for all items. All operations take constant time.
 */
export class FairQueue<T> {
  readonly #shareOf: (item: T) => string;
  /** Items by share, in order of arrival. */
  readonly #shares = new Map<string, Fifo<T>>();
  /** Shares with items, in order of their turns. */
  readonly #turns = new Fifo<string>();
  #size = 0;

  /** @param shareOf - returns the share of an item; constant while the item waits */
  constructor(shareOf: (item: T) => string) {
    this.#shareOf = shareOf;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the number of a share's items. */
  countOf(share: string): number {
    return this.#shares.get(share)?.size ?? 0;
  }

  /** Adds an item at the end of its share. */
  add(item: T): void {
    const share = this.#shareOf(item);
    let items = this.#shares.get(share);
    if (!items) {
      items = new Fifo();
      this.#shares.set(share, items);
      this.#turns.add(share);
    }
    this.#size -= items.size;
    items.add(item);
    this.#size += items.size;
  }

  /** Removes an item; no effect if it is absent. */
  delete(item: T): void {
    const share = this.#shareOf(item);
    const items = this.#shares.get(share);
    if (!items?.delete(item)) return;
    this.#size -= 1;
    if (items.size === 0) this.#leave(share);
  }

  /** Removes and returns the next item; undefined if the queue is empty. */
  take(): T | undefined {
    const share = this.#turns.first();
    if (share === undefined) return undefined;
    const items = this.#shares.get(share) as Fifo<T>;
    const item = items.first() as T;
    items.delete(item);
    this.#size -= 1;
    this.#turns.delete(share);
    if (items.size > 0) this.#turns.add(share);
    else this.#shares.delete(share);
    return item;
  }

  #leave(share: string): void {
    this.#shares.delete(share);
    this.#turns.delete(share);
  }
}
