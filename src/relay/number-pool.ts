interface Freed {
  readonly value: number;
  readonly at: number;
}

/**
 * Numbers of a range, each given to one holder at a time and not given again for a while after it
 * was freed (PROTOCOL.md section 3: 60 s, so that late packets of the old holder reach nobody).
 */
export class NumberPool {
  readonly #first: number;
  readonly #last: number;
  readonly #quarantineMs: number;
  #next: number;
  #freed: Freed[] = [];
  #freedHead = 0;
  #held = 0;

  /**
   * @param range - first and last number, both included
   * @param quarantineMs - how long a freed number rests
   */
  constructor(range: { first: number; last: number }, quarantineMs: number) {
    this.#first = range.first;
    this.#last = range.last;
    this.#next = range.first;
    this.#quarantineMs = quarantineMs;
  }

  /** Numbers held now. */
  get held(): number {
    return this.#held;
  }

  /** Whether nothing is held or resting at `now`, so that the pool may be forgotten. */
  idle(now: number): boolean {
    const newest = this.#freed.at(-1);
    return this.#held === 0 && (newest === undefined || now - newest.at >= this.#quarantineMs);
  }

  /**
   * @param now - monotonic milliseconds
   * @returns a number, or undefined when all are held or resting
   */
  take(now: number): number | undefined {
    const oldest = this.#freed[this.#freedHead];
    if (oldest && now - oldest.at >= this.#quarantineMs) {
      this.#freedHead += 1;
      if (this.#freedHead >= 1_024 && this.#freedHead * 2 >= this.#freed.length) {
        this.#freed = this.#freed.slice(this.#freedHead);
        this.#freedHead = 0;
      }
      this.#held += 1;
      return oldest.value;
    }
    if (this.#next > this.#last) return undefined;
    this.#held += 1;
    const value = this.#next;
    this.#next += 1;
    return value;
  }

  /** Gives a number back. */
  free(value: number, now: number): void {
    if (value < this.#first || value > this.#last)
      throw new RangeError(`not of this pool: ${value}`);
    this.#held -= 1;
    this.#freed.push({ value, at: now });
  }
}
