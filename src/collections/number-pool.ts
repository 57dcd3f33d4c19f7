/** The range of a pool. */
export interface NumberRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** Time before a freed number is taken again, ms. */
  readonly quarantineMs: number;
}

interface Freed {
  readonly value: number;
  readonly at: number;
}

/**
 * Allocates numbers of a range. A freed number is not taken again for `quarantineMs` (60 s in
 * PROTOCOL.md section 3), so that late packets of the former holder reach no new one.
 */
export class NumberPool {
  readonly #range: NumberRange;
  #next: number;
  /** Undefined until the first number is freed: most 5-tuples only ever have one connection. */
  #freed: Freed[] | undefined = undefined;
  #freedHead = 0;
  #held = 0;

  /** @param range - may be shared by many pools */
  constructor(range: NumberRange) {
    this.#range = range;
    this.#next = range.first;
  }

  /** How many numbers are taken and not freed. */
  get held(): number {
    return this.#held;
  }

  /**
   * Returns whether no number is held or in quarantine, so that the pool can be deleted.
   * @param now - monotonic ms
   */
  idle(now: number): boolean {
    const newest = this.#freed?.at(-1);
    return (
      this.#held === 0 && (newest === undefined || now - newest.at >= this.#range.quarantineMs)
    );
  }

  /**
   * Takes a number.
   * @param now - monotonic ms
   * @returns the number; undefined if all numbers are held or in quarantine
   */
  take(now: number): number | undefined {
    const rested = this.#takeRested(now);
    if (rested === undefined && this.#next > this.#range.last) return undefined;
    this.#held += 1;
    return rested ?? this.#next++;
  }

  #takeRested(now: number): number | undefined {
    const oldest = this.#freed?.[this.#freedHead];
    if (!this.#freed || !oldest || now - oldest.at < this.#range.quarantineMs) return undefined;
    this.#freedHead += 1;
    if (this.#freedHead >= 1_024 && this.#freedHead * 2 >= this.#freed.length) {
      this.#freed = this.#freed.slice(this.#freedHead);
      this.#freedHead = 0;
    }
    return oldest.value;
  }

  /**
   * Frees a number.
   * @param now - monotonic ms
   * @throws RangeError for a number outside the range
   */
  free(value: number, now: number): void {
    const { first, last } = this.#range;
    if (value < first || value > last) throw new RangeError(`not of this pool: ${value}`);
    this.#held -= 1;
    this.#freed ??= [];
    this.#freed.push({ value, at: now });
  }
}
