/** Sums up a figure. */
export class Sample {
  count = 0;
  #sum = 0;
  #squares = 0;

  add(value: number): void {
    this.count += 1;
    this.#sum += value;
    this.#squares += value * value;
  }

  get mean(): number {
    return this.#sum / this.count;
  }

  /** Standard error of the mean; half of a single value. */
  get error(): number {
    if (this.count < 2) return this.mean / 2;
    const variance = Math.max(0, this.#squares / this.count - this.mean ** 2);
    return Math.sqrt(variance / (this.count - 1));
  }
}

/** A prediction of an option. */
export interface Predicted {
  readonly mean: number;
  /** Standard error of the mean. */
  readonly error: number;
}

/**
 * Returns VIA's top-k: the options whose confidence interval reaches below the least upper bound.
 * @param z - width of the interval in standard errors
 * @returns the options, and the mean of their upper bounds, which scales the rule that chooses
 */
export function topOptions<Option extends Predicted>(options: readonly Option[], z: number) {
  const upper = ({ mean, error }: Option) => mean + z * error;
  const least = options.reduce((low, one) => Math.min(low, upper(one)), Number.POSITIVE_INFINITY);
  const top = options.filter(({ mean, error }) => mean - z * error <= least);
  return { top, scale: top.reduce((sum, one) => sum + upper(one), 0) / top.length };
}
