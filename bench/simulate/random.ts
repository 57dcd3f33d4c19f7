/** Chance as a pure function of a seed and of numbers that name the draw. */
import { mixed } from '../../src/collections/hash.js';

/**
 * Returns a 32-bit hash of a seed and up to four numbers (the finalizer of MurmurHash3).
 * @param seed - 32 bits
 */
export function hash32(seed: number, a = 0, b = 0, c = 0, d = 0): number {
  let h = seed | 0;
  h = step(h, a);
  h = step(h, b);
  h = step(h, c);
  h = step(h, d);
  return mixed(h);
}

function step(h: number, value: number): number {
  let k = Math.imul(value | 0, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const next = h ^ Math.imul(k, 0x1b873593);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

/** Returns a uniform value above 0 and below 1 for a named draw. */
export function uniform(seed: number, a = 0, b = 0, c = 0, d = 0): number {
  return (hash32(seed, a, b, c, d) + 0.5) / 0x1_0000_0000;
}

/**
 * Returns the quantile of the standard normal distribution (Acklam's rational approximation,
 * relative error below 1.2e-9).
 * @param p - above 0 and below 1
 */
export function normalQuantile(p: number): number {
  if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  const above =
    ((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r +
      138.357751867269) *
      r -
      30.66479806614716) *
      r +
    2.506628277459239;
  const below =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r +
      66.80131188771972) *
      r -
      13.28068155288572) *
      r +
    1;
  return (above * q) / below;
}

function tail(q: number): number {
  const above =
    ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q -
      2.549732539343734) *
      q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const below =
    (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q +
      3.754408661907416) *
      q +
    1;
  return above / below;
}

/** Returns a standard normal value for a named draw. */
export function normal(seed: number, a = 0, b = 0, c = 0, d = 0): number {
  return normalQuantile(uniform(seed, a, b, c, d));
}

/** A sequence of draws. */
export class Random {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Returns a uniform value above 0 and below 1. */
  readonly next = (): number => {
    this.#drawn += 1;
    return uniform(this.#seed, this.#drawn);
  };

  /** Returns a whole number from 0 to `count` - 1. */
  index(count: number): number {
    return Math.floor(this.next() * count);
  }

  normal(): number {
    return normalQuantile(this.next());
  }

  /** Returns an exponentially distributed value. */
  exponential(mean: number): number {
    return -mean * Math.log(this.next());
  }

  /** Shuffles a list in place (Fisher and Yates). */
  shuffle<Item>(items: Item[]): Item[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.index(last + 1);
      [items[last], items[other]] = [items[other] as Item, items[last] as Item];
    }
    return items;
  }
}

/** Draws indexes in proportion to weights, by bisection in their running sums. */
export class WeightedDraw {
  readonly #sums: Float64Array;

  /** @param weights - not negative, with a positive sum */
  constructor(weights: ArrayLike<number>) {
    this.#sums = new Float64Array(weights.length);
    let sum = 0;
    for (let index = 0; index < weights.length; index++) {
      sum += weights[index] as number;
      this.#sums[index] = sum;
    }
  }

  /** @param at - uniform in [0, 1) */
  index(at: number): number {
    const sums = this.#sums;
    const wanted = at * (sums[sums.length - 1] as number);
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
