import { Fifo } from './fifo.js';

/** The result of `FairTable.put`. */
export interface Put<V> {
  /** False if the entry was refused. */
  readonly kept: boolean;
  /** The entry that was removed to make room. */
  readonly gaveWay?: V | undefined;
}

interface Entry<V> {
  readonly share: string;
  readonly value: V;
}

/**
 * A map of bounded size that several shares use, such as the tenants of a relay. At the bound the
 * largest share loses its oldest entry to a smaller one, so that no share can fill the map. If the
 * largest share itself puts an entry, it loses that one or its oldest one, as configured. All
 * operations take constant time.
 */
export class FairTable<V> {
  readonly #entriesMax: number;
  readonly #atBound: 'newest' | 'oldest';
  /** In order of insertion. */
  readonly #entries = new Map<string, Entry<V>>();
  /** Keys by share, in order of insertion. */
  readonly #keys = new Map<string, Fifo<string>>();
  /** Shares by their number of entries. */
  readonly #bySize = new Map<number, Fifo<string>>();
  /** Number of entries of the largest share. */
  #sizeMax = 0;

  /**
   * @param entriesMax - maximum entries
   * @param atBound - the entry that the largest share loses when it puts one
   */
  constructor(entriesMax: number, atBound: 'newest' | 'oldest') {
    this.#entriesMax = entriesMax;
    this.#atBound = atBound;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Returns the value of a key; undefined if there is none. */
  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /**
   * Puts an entry at the end; replaces the one with the same key.
   * @param share - the share that the entry counts for
   * @returns whether the entry was kept, and the value that was removed for it
   */
  put(share: string, key: string, value: V): Put<V> {
    this.delete(key);
    let gaveWay: V | undefined;
    if (this.#entries.size >= this.#entriesMax) {
      const held = this.#keys.get(share)?.size ?? 0;
      const isLargest = held >= this.#sizeMax;
      if (isLargest && (this.#atBound === 'newest' || held === 0)) return { kept: false };
      gaveWay = this.#giveWay(isLargest ? share : this.#largest());
    }
    this.#entries.set(key, { share, value });
    let keys = this.#keys.get(share);
    if (!keys) {
      keys = new Fifo();
      this.#keys.set(share, keys);
    }
    keys.add(key);
    this.#resized(share, keys.size - 1, keys.size);
    return { kept: true, gaveWay };
  }

  /** Deletes an entry. @returns its value; undefined if there was none */
  delete(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    const { share } = entry;
    const keys = this.#keys.get(share) as Fifo<string>;
    keys.delete(key);
    if (keys.size === 0) this.#keys.delete(share);
    this.#resized(share, keys.size + 1, keys.size);
    return entry.value;
  }

  /** Iterates in order of insertion; the current entry may be deleted. */
  *entries(): Iterable<[key: string, value: V]> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }

  #largest(): string {
    return this.#bySize.get(this.#sizeMax)?.first() as string;
  }

  #giveWay(share: string): V | undefined {
    return this.delete(this.#keys.get(share)?.first() as string);
  }

  #resized(share: string, before: number, after: number): void {
    const left = this.#bySize.get(before);
    left?.delete(share);
    if (left?.size === 0) this.#bySize.delete(before);
    if (after > 0) {
      const ofThatSize = this.#bySize.get(after) ?? new Fifo();
      ofThatSize.add(share);
      this.#bySize.set(after, ofThatSize);
    }
    if (after > this.#sizeMax) this.#sizeMax = after;
    // Sizes change by one, so the next largest is one smaller.
    else if (before === this.#sizeMax && !this.#bySize.has(before)) this.#sizeMax = after;
  }
}
