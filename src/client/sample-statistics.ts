/**
 * Returns the mean of the middle half of some measurements: single outliers do not move it.
 * @param values - in any order, at least one
 */
export function midmean(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const dropped = sorted.length < 3 ? 0 : Math.max(1, Math.floor(sorted.length / 4));
  const middle = sorted.slice(dropped, sorted.length - dropped);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/**
 * Returns the mean absolute difference of successive measurements (as RFC 3550 section 6.4.1, not
 * smoothed); 0 for fewer than two.
 * @param values - in the order of time
 */
export function jitterOf(values: readonly number[]): number {
  let sum = 0;
  for (let at = 1; at < values.length; at += 1) {
    sum += Math.abs((values[at] as number) - (values[at - 1] as number));
  }
  return values.length < 2 ? 0 : sum / (values.length - 1);
}

/**
 * Returns the median of some measurements.
 * @param values - in any order, at least one
 */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] as number;
  return Number.isInteger(half) ? ((sorted[half - 1] as number) + upper) / 2 : upper;
}
