import { mean } from './quantiles.js';

/** A mean over seeds, with half the width of its 95 % confidence interval. */
export interface Interval {
  readonly mean: number;
  /** Undefined for fewer than two seeds. */
  readonly halfWidth: number | undefined;
  readonly seeds: number;
}

/** 97.5 % quantiles of Student's t distribution by degrees of freedom, from 1. */
const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const T_975_MANY = 1.96;

/**
 * Returns the mean and its 95 % confidence interval by Student's t. Values that are not finite are
 * left out.
 */
export function interval(values: readonly number[]): Interval {
  const finite = values.filter((value) => Number.isFinite(value));
  const center = mean(finite);
  const seeds = finite.length;
  if (seeds < 2) return { mean: center, halfWidth: undefined, seeds };
  const squares = finite.reduce((sum, value) => sum + (value - center) ** 2, 0);
  const t = T_975[seeds - 2] ?? T_975_MANY;
  return { mean: center, halfWidth: t * Math.sqrt(squares / (seeds - 1) / seeds), seeds };
}
