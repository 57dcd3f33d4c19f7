/**
 * A generator of random numbers that a seed determines: equal seeds give equal sequences. It is
 * the mulberry32 algorithm (Tommy Ettinger, 2017).
 */
export class SeededRandom {
  #state: number;

  /** @param seed - of which the low 32 bits count */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Returns the next number, uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Returns an index below `count`, drawn by these weights; -1 if all of them are 0. */
  index(weights: Float64Array, count: number): number {
    let sum = 0;
    for (let k = 0; k < count; k += 1) sum += weights[k] as number;
    let at = this.next() * sum;
    let last = -1;
    for (let k = 0; k < count; k += 1) {
      const weight = weights[k] as number;
      if (weight <= 0) continue;
      last = k;
      at -= weight;
      if (at < 0) return k;
    }
    return last;
  }
}
