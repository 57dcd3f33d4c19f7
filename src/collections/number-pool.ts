/** The numbers of a pool. */
export interface NumberRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
  /** How long a freed number rests. */
  readonly quarantineMs: number;
}

interface Freed {
  readonly value: number;
  readonly at: number;
}

/**
 * Numbers of a range, each given to one holder at a time and not given again for a while after it
 * was freed (PROTOCOL.md section 3: 60 s, so that late packets of the old holder reach nobody).
 */
export class NumberPool {
  readonly #range: NumberRange;
  #next: number;
  /** Undefined until the first is freed: most 5-tuples have one connection in their life. */
  #freed: Freed[] | undefined = undefined;
  #freedHead = 0;
  #held = 0;

  /** @param range - may be shared by many pools */
  constructor(range: NumberRange) {
    this.#range = range;
    this.#next = range.first;
  }

  /** Numbers held now. */
  get held(): number {
    return this.#held;
  }

  /** Whether nothing is held or resting at `now`, so that the pool may be forgotten. */
  idle(now: number): boolean {
    const newest = this.#freed?.at(-1);
    return (
      this.#held === 0 && (newest === undefined || now - newest.at >= this.#range.quarantineMs)
    );
  }

  /**
   * @param now - monotonic milliseconds
   * @returns a number, or undefined when all are held or resting
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

  /** Gives a number back. */
  free(value: number, now: number): void {
    const { first, last } = this.#range;
    if (value < first || value > last) throw new RangeError(`not of this pool: ${value}`);
    this.#held -= 1;
    this.#freed ??= [];
    this.#freed.push({ value, at: now });
  }
}
