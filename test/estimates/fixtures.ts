import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import type { Location } from '../../src/estimates/geography.js';
import { RegionIndex } from '../../src/estimates/region-index.js';
import { TrunkEstimates } from '../../src/estimates/trunk-estimates.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const FRANKFURT: Location = [50.11, 8.68];
export const NEW_YORK: Location = [40.71, -74.01];
export const SINGAPORE: Location = [1.35, 103.82];

/** Returns an index with regions numbered 0, 1, … that have one relay each. */
export function indexOf(...locations: readonly (Location | undefined)[]): RegionIndex {
  const regions = new RegionIndex();
  for (const [i, location] of locations.entries()) regions.add(`r${i}`, location);
  return regions;
}

/** Returns estimates over `count` regions without locations, numbered 0, 1, … */
export function trunksOf(count: number) {
  const regions = indexOf(...Array.from({ length: count }, () => undefined));
  return { regions, trunks: new TrunkEstimates(regions, DEFAULT_COST_WEIGHTS) };
}

/** Calls of `takeChanged` without a change after which all is published, in these tests. */
const QUIET_CALLS = 50;

/** Has all changes published. */
export function publish(
  estimates: { takeChanged(nowMs: number): readonly number[] },
  nowMs: number,
): void {
  let quiet = 0;
  while (quiet < QUIET_CALLS) quiet = estimates.takeChanged(nowMs).length > 0 ? 0 : quiet + 1;
}
