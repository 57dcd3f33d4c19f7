import { REGIONS_MAX } from '../estimates/region-index.js';
import { allowedRegions } from './allowed-regions.js';
import { CANDIDATES_WANTED, type Candidates } from './candidates.js';
import type { Wish } from './fitness.js';
import { type NearestRegions, NO_REGIONS, nearestRegions } from './nearest-regions.js';
import { regionOf, type SelectionSnapshot, trunkCostMs } from './snapshot.js';

/** Known legs over which those to further regions are estimated. */
export const DERIVED_FROM_MAX = 4;

/** A leg whose cost is known. */
export interface KnownLeg {
  readonly region: number;
  readonly costMs: number;
}

/**
 * Considers the further regions with the least estimated costs: over a known leg and the trunk from
 * there.
 */
export function derive(
  snapshot: SelectionSnapshot,
  known: readonly KnownLeg[],
  wish: Wish,
  candidates: Candidates,
): void {
  candidates.derived = true;
  MERGE.start(snapshot, known);
  const { bits } = allowedRegions(snapshot, wish.allowed);
  const wanted = CANDIDATES_WANTED - candidates.count;
  let found = 0;
  while (found < wanted) {
    const region = MERGE.next();
    if (region === -1) break;
    if (bits[region] === 0 || candidates.hasSeen(region)) continue;
    REGIONS[found] = region;
    COSTS[found] = MERGE.costMs;
    found += 1;
  }
  const wished = wish.region === undefined ? undefined : regionOf(snapshot, wish.region);
  if (wished !== undefined) {
    const costMs = derivedMs(snapshot, known, wished.number);
    candidates.consider(snapshot, wished.number, costMs, wish);
  }
  for (let k = 0; k < found; k += 1) {
    candidates.consider(snapshot, REGIONS[k] as number, COSTS[k] as number, wish);
  }
}

/** Estimates the cost of a leg to a region, ms: over a known leg and the trunk from there. */
export function derivedMs(
  snapshot: SelectionSnapshot,
  known: readonly KnownLeg[],
  region: number,
): number {
  let least = Number.POSITIVE_INFINITY;
  for (const leg of known) {
    least = Math.min(least, leg.costMs + trunkCostMs(snapshot, leg.region, region));
  }
  return least;
}

/** The further regions that were found, with their costs: scratch of `derive`. */
const REGIONS = new Uint16Array(CANDIDATES_WANTED);
const COSTS = new Float64Array(CANDIDATES_WANTED);

/** Merges the regions by the cost over each of some known legs. */
class Merge {
  /** Cost of the region that came last, ms. */
  costMs = 0;
  #count = 0;
  readonly #legs = new Float64Array(DERIVED_FROM_MAX);
  readonly #orders: NearestRegions[] = new Array(DERIVED_FROM_MAX).fill(NO_REGIONS);
  readonly #places = new Uint16Array(DERIVED_FROM_MAX);
  /** Cost of each leg's next region, ms; infinite past the last one. */
  readonly #nextMs = new Float64Array(DERIVED_FROM_MAX);
  /** By region number: the number of the merge in which it came. */
  readonly #came = new Uint32Array(REGIONS_MAX);
  #merge = 0;

  start({ trunks, regions }: SelectionSnapshot, known: readonly KnownLeg[]): void {
    this.#merge = (this.#merge + 1) >>> 0;
    this.#count = known.length;
    for (let k = 0; k < known.length; k += 1) {
      const { region, costMs } = known[k] as KnownLeg;
      const order = nearestRegions(trunks[region], region, regions.length);
      this.#legs[k] = costMs;
      this.#orders[k] = order;
      this.#places[k] = 0;
      this.#nextMs[k] = costMs + (order.costsMs[0] as number);
    }
  }

  /** Returns the region with the least cost that has not come yet; -1 if there is none. */
  next(): number {
    const nextMs = this.#nextMs;
    const count = this.#count;
    for (;;) {
      let leg = -1;
      let least = Number.POSITIVE_INFINITY;
      for (let k = 0; k < count; k += 1) {
        const costMs = nextMs[k] as number;
        if (costMs >= least) continue;
        least = costMs;
        leg = k;
      }
      if (leg === -1) return -1;
      const { numbers, costsMs } = this.#orders[leg] as NearestRegions;
      const place = this.#places[leg] as number;
      const further = place + 1;
      this.#places[leg] = further;
      const hasNext = further < numbers.length;
      nextMs[leg] = hasNext
        ? (this.#legs[leg] as number) + (costsMs[further] as number)
        : Number.POSITIVE_INFINITY;
      const region = numbers[place] as number;
      if (this.#came[region] === this.#merge) continue;
      this.#came[region] = this.#merge;
      this.costMs = least;
      return region;
    }
  }
}

const MERGE = new Merge();
