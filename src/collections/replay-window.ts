const WORD_BITS = 32;

/** Result of `ReplayWindow.take`. */
export type CounterVerdict = 'new' | 'repeated' | 'too-old';

/**
 * The replay window of one sender: the highest counter, and a bit for each counter in a window
 * below it. The bits are in a ring of words (RFC 6479).
 */
export class ReplayWindow {
  readonly #size: number;
  #highest: number;
  /** Counters up to this one are too old. */
  readonly #floor: number;
  #seen: Uint32Array | undefined;

  /**
   * @param size - number of counters below the highest that are tracked
   * @param floor - the highest counter that may have been seen before; only higher ones are taken
   */
  constructor(size: number, floor = 0) {
    this.#size = size;
    this.#floor = floor;
    this.#highest = floor;
  }

  get highest(): number {
    return this.#highest;
  }

  /**
   * Checks a counter and marks it as seen.
   * @returns `new` for the first time in the window; `too-old` for a counter below the window or at
   *   most the floor
   */
  take(counter: number): CounterVerdict {
    if (counter <= this.#floor || this.#highest - counter >= this.#size) return 'too-old';
    this.#seen ??= new Uint32Array(Math.ceil(this.#size / WORD_BITS));
    if (counter > this.#highest) this.#advance(this.#seen, counter);
    const { word, bit } = this.#bitOf(counter);
    const bits = this.#seen[word] as number;
    if ((bits & bit) !== 0) return 'repeated';
    this.#seen[word] = bits | bit;
    return 'new';
  }

  /** Marks a counter as not seen: its message had no effect, so a retransmission counts as new. */
  forget(counter: number): void {
    const { word, bit } = this.#bitOf(counter);
    if (this.#seen && this.#highest - counter < this.#size) {
      this.#seen[word] = (this.#seen[word] as number) & ~bit;
    }
  }

  /** Clears the bits of all counters above the highest, up to a new highest. */
  #advance(seen: Uint32Array, highest: number): void {
    if (highest - this.#highest >= this.#size) seen.fill(0);
    else {
      for (let counter = this.#highest + 1; counter <= highest; ) {
        const { word, bit } = this.#bitOf(counter);
        const isWhole = bit === 1 && (word + 1) * WORD_BITS <= this.#size;
        const clearsWord = isWhole && highest - counter >= WORD_BITS;
        seen[word] = clearsWord ? 0 : (seen[word] as number) & ~bit;
        counter += clearsWord ? WORD_BITS : 1;
      }
    }
    this.#highest = highest;
  }

  #bitOf(counter: number): { word: number; bit: number } {
    const place = counter % this.#size;
    return { word: Math.trunc(place / WORD_BITS), bit: 1 << (place % WORD_BITS) };
  }
}
