/** Median and range of a set of figures. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/**
 * Returns the middle value, or the mean of the two middle ones.
 * @param values - at least one
 * @throws RangeError for none
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no values');
  return (lower + upper) / 2;
}

/**
 * Returns median and range.
 * @param values - at least one
 * @throws RangeError for none
 */
export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    count: values.length,
  };
}

/**
 * Returns the ratios of two contestants' figures by round. Both figures of a ratio are of the same
 * round, so a lasting disturbance of the machine affects both.
 * @param figures - by round; a round without one of the two does not count
 * @param comparators - by round
 * @returns undefined when no round has both
 */
export function ratioSpread(
  figures: readonly (number | undefined)[],
  comparators: readonly (number | undefined)[],
): Spread | undefined {
  const ratios = figures.flatMap((figure, round) => {
    const comparator = comparators[round];
    return figure === undefined || comparator === undefined || comparator <= 0
      ? []
      : [figure / comparator];
  });
  return ratios.length === 0 ? undefined : spread(ratios);
}

/**
 * Finds the highest rate that passes, by bisection.
 * @param passes - tries a rate; rates above one that fails are assumed to fail
 * @param options - the interval, and the number of tries; `low` and `high` are not tried
 * @returns the highest rate that passed; 0 when none did
 */
export async function bisect(
  passes: (rate: number) => Promise<boolean>,
  options: { readonly low: number; readonly high: number; readonly tries: number },
): Promise<number> {
  let { low, high } = options;
  let best = 0;
  for (let tried = 0; tried < options.tries; tried++) {
    const rate = (low + high) / 2;
    if (await passes(rate)) {
      best = rate;
      low = rate;
    } else {
      high = rate;
    }
  }
  return best;
}
