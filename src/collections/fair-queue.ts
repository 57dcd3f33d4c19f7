import { Fifo } from './fifo.js';

/**
 * Things that wait for their turn, which goes round among those whose they are, such as the tenants
 * of a relay: who has one waits for one of each other's, not for all of them. Each operation costs
 * the same however many wait.
 */
export class FairQueue<T> {
  readonly #shareOf: (item: T) => string;
  /** By share, each in the order in which its items came; and the shares, by whose turn is next. */
  readonly #shares = new Map<string, Fifo<T>>();
  readonly #turns = new Fifo<string>();
  #size = 0;

  /** @param shareOf - whose an item is; does not change while it waits */
  constructor(shareOf: (item: T) => string) {
    this.#shareOf = shareOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of a share wait. */
  countOf(share: string): number {
    return this.#shares.get(share)?.size ?? 0;
  }

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

  delete(item: T): void {
    const share = this.#shareOf(item);
    const items = this.#shares.get(share);
    if (!items?.delete(item)) return;
    this.#size -= 1;
    if (items.size === 0) this.#leave(share);
  }

  /** Takes the next one out. */
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
