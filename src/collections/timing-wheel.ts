import { FairQueue } from './fair-queue.js';

/** Stands for a bucket in items that are due and have not been handed out yet. */
const RIPE = -1;

/** Something with one deadline at a time. The wheel alone writes `wheelBucket`. */
export interface Timed {
  wheelBucket?: number | undefined;
}

/**
 * Deadlines of many items in buckets of time: setting, moving and clearing one costs the same for
 * a hundred items and for a hundred thousand, and a turn touches only what is due (Varghese and
 * Lauck, "Hashed and hierarchical timing wheels", 1987). An item fires up to one bucket late,
 * never early.
 */
export class TimingWheel<T extends Timed> {
  readonly #bucketMs: number;
  readonly #buckets = new Map<number, Set<T>>();
  #turned: number;
  /**
   * Due items, of each share in the order of their buckets, or, after a turn over a longer time
   * than there are buckets for, in the order in which these were made.
   */
  readonly #ripe: FairQueue<T>;

  /**
   * @param bucketMs - resolution in milliseconds
   * @param now - monotonic milliseconds
   * @param shareOf - whose an item is: where more are due than a turn takes, each share has its own
   */
  constructor(bucketMs: number, now: number, shareOf: (item: T) => string = () => '') {
    this.#bucketMs = bucketMs;
    this.#ripe = new FairQueue(shareOf);
    this.#turned = Math.floor(now / bucketMs);
  }

  /** Sets the item's only deadline, in monotonic milliseconds. */
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

  /** Takes the item out; harmless when it has no deadline. */
  clear(item: T): void {
    if (item.wheelBucket === undefined) return;
    const items = this.#buckets.get(item.wheelBucket);
    items?.delete(item);
    if (items?.size === 0) this.#buckets.delete(item.wheelBucket);
    if (item.wheelBucket === RIPE) this.#ripe.delete(item);
    item.wheelBucket = undefined;
  }

  /** Whether the last turn left items that were due already. */
  get ripe(): boolean {
    return this.#ripe.size > 0;
  }

  /**
   * Takes out and returns items that are due at `now`.
   * @param itemsMax - the most to return; the rest waits for the next turn
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
