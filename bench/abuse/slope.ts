/** The slope of a straight line through measurements. */
export interface Slope {
  /** Change per hour, in the unit of the values. */
  readonly perHour: number;
  /** Half of the 95 % confidence interval. */
  readonly plusMinus: number;
}

/** A measurement and its time. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

const HOUR_MS = 3_600_000;
/** Student's t, two-sided 95 %, for 1 to 30 degrees of freedom. */
const T95 = [
  12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12,
  2.11, 2.1, 2.09, 2.09, 2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04,
];
/** Student's t for more degrees of freedom. */
const T95_MANY = 2;
/** Maximum autocorrelation that is taken into account. */
const CORRELATION_MAX = 0.95;

/**
 * Fits a line by least squares. Successive measurements are correlated, so the interval is widened
 * by the lag-1 autocorrelation of the residuals.
 * @param points - in the order of time
 * @returns for fewer than three points a slope of 0 with an infinite interval
 */
export function slopeOf(points: readonly Point[]): Slope {
  const count = points.length;
  if (count < 3) return { perHour: 0, plusMinus: Number.POSITIVE_INFINITY };
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / count;
  const meanAt = mean(points.map(({ atMs }) => atMs));
  const meanValue = mean(points.map(({ value }) => value));
  let spread = 0;
  let together = 0;
  for (const { atMs, value } of points) {
    spread += (atMs - meanAt) ** 2;
    together += (atMs - meanAt) * (value - meanValue);
  }
  const slope = together / spread;
  const residuals = points.map(({ atMs, value }) => value - meanValue - slope * (atMs - meanAt));
  const squares = residuals.reduce((sum, each) => sum + each ** 2, 0);
  const free = count - 2;
  const error = Math.sqrt(squares / free / spread);
  const t = T95[free - 1] ?? T95_MANY;
  return {
    perHour: slope * HOUR_MS,
    plusMinus: t * error * widening(residuals, squares) * HOUR_MS,
  };
}

/**
 * Returns the factor that widens the interval: residuals as a first-order autoregressive series.
 */
function widening(residuals: readonly number[], squares: number): number {
  if (squares === 0) return 1;
  let products = 0;
  for (const [index, each] of residuals.entries()) products += each * (residuals[index + 1] ?? 0);
  const correlation = Math.min(Math.max(products / squares, 0), CORRELATION_MAX);
  return Math.sqrt((1 + correlation) / (1 - correlation));
}
