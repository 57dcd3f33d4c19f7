import { FairQueue } from './fair-queue.js';

/** Value of `wheelBucket` in items that are due but not returned yet. */
const RIPE = -1;

/** An item with at most one deadline. Only the wheel writes `wheelBucket`. */
export interface Timed {
  wheelBucket?: number | undefined;
}

/**
 * Deadlines of many items, in buckets of time. Setting, moving and clearing a deadline takes
 * constant time, and a turn visits due items only (Varghese and Lauck, "Hashed and hierarchical
 * timing wheels", 1987). An item fires up to one bucket late, never early.
 */
export class TimingWheel<T extends Timed> {
  readonly #bucketMs: number;
  readonly #buckets = new Map<number, Set<T>>();
  #turned: number;
  /**
   * Due items by share, in order of their buckets; after a gap longer than the number of buckets,
   * in the order in which the buckets were created.
   */
  readonly #ripe: FairQueue<T>;

  /**
   * @param bucketMs - resolution, ms
   * @param now - monotonic ms
   * @param shareOf - returns an item's share: if more are due than a turn takes, shares take turns
   */
  constructor(bucketMs: number, now: number, shareOf: (item: T) => string = () => '') {
    this.#bucketMs = bucketMs;
    this.#ripe = new FairQueue(shareOf);
    this.#turned = Math.floor(now / bucketMs);
  }

  /**
   * Sets the item's only deadline.
   * @param at - monotonic ms
   */
  set(item: T, at: number): void {
    const bucket = Math.max(Math.ceil(at / this.#bucketMs), this.#turned + 1);
    if (item.wheelBucket === bucket) return;
    this.clear(item);
    let items = this.#buckets.get(bucket);
    if (!items) {
      items = new Set();
      this.#buckets.set(bucket, items);
    }
    items.add(item);
    item.wheelBucket = bucket;
  }

  /** Clears the item's deadline, if it has one. */
  clear(item: T): void {
    if (item.wheelBucket === undefined) return;
    const items = this.#buckets.get(item.wheelBucket);
    items?.delete(item);
    if (items?.size === 0) this.#buckets.delete(item.wheelBucket);
    if (item.wheelBucket === RIPE) this.#ripe.delete(item);
    item.wheelBucket = undefined;
  }

  /** Whether the last turn left items that are due. */
  get ripe(): boolean {
    return this.#ripe.size > 0;
  }

  /**
   * Removes and returns items that are due at `now` (monotonic ms).
   * @param itemsMax - maximum items to return; the rest waits for the next turn
   */
  turn(now: number, itemsMax: number = Number.POSITIVE_INFINITY): T[] {
    this.#ripen(Math.floor(now / this.#bucketMs));
    const due: T[] = [];
    while (due.length < itemsMax) {
      const item = this.#ripe.take();
      if (item === undefined) break;
      item.wheelBucket = undefined;
      due.push(item);
    }
    return due;
  }

  #ripen(until: number): void {
    if (until - this.#turned > this.#buckets.size) {
      for (const bucket of this.#buckets.keys()) if (bucket <= until) this.#take(bucket);
    } else {
      for (let bucket = this.#turned + 1; bucket <= until; bucket++) this.#take(bucket);
    }
    this.#turned = Math.max(this.#turned, until);
  }

  #take(bucket: number): void {
    const items = this.#buckets.get(bucket);
    if (!items) return;
    this.#buckets.delete(bucket);
    for (const item of items) {
      item.wheelBucket = RIPE;
      this.#ripe.add(item);
    }
  }
}
