/** Sorts a copy in rising order. */
export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/**
 * Returns a quantile of sorted values, interpolated between the two nearest.
 * @param ascending - in rising order
 * @param share - 0 to 1
 * @returns NaN for no values
 */
export function quantileOf(ascending: ArrayLike<number>, share: number): number {
  const place = share * (ascending.length - 1);
  const below = ascending[Math.floor(place)];
  const above = ascending[Math.ceil(place)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Returns the mean; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return sum / values.length;
}
