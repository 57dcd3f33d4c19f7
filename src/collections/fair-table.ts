import { Fifo } from './fifo.js';

/** What became of an entry that was put. */
export interface Put<V> {
  /** False where it was refused. */
  readonly kept: boolean;
  /** An entry that has made room for it. */
  readonly gaveWay?: V | undefined;
}

interface Entry<V> {
  readonly share: string;
  readonly value: V;
}

/**
 * A table of bounded size that several share, such as the tenants of a relay. When it is full, who
 * holds most gives way to who holds less, by its oldest entry: so nobody can fill it for the
 * others. Who holds most itself loses, by what was said at the start, the entry that it brings or
 * its own oldest. Each operation costs the same however many entries and shares there are.
 */
export class FairTable<V> {
  readonly #entriesMax: number;
  readonly #atBound: 'newest' | 'oldest';
  /** In the order in which they were put. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #keys = new Map<string, Fifo<string>>();
  /** Shares by the number of their entries. */
  readonly #bySize = new Map<number, Fifo<string>>();
  #sizeMax = 0;

  /** @param atBound - which of its entries the largest share loses when it puts one */
  constructor(entriesMax: number, atBound: 'newest' | 'oldest') {
    this.#entriesMax = entriesMax;
    this.#atBound = atBound;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Puts an entry, or puts it anew in place of the one with its key. */
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

  /** @returns what was deleted */
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

  /** All entries, those first that were put first; the one just given may be deleted. */
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
    // Sizes change by one, so the next largest is no further away.
    else if (before === this.#sizeMax && !this.#bySize.has(before)) this.#sizeMax = after;
  }
}
