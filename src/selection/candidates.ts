import { LEG_CANDIDATES_MAX } from '../estimates/leg-candidates.js';
import { REGIONS_MAX } from '../estimates/region-index.js';
import { ALLOWS_ANY, allowedRegions } from './allowed-regions.js';
import { EXCEPTIONS, fitOf, isPlain, type Wish } from './fitness.js';
import type { RelayRow } from './relay-facts.js';
import type { RegionRow, SelectionSnapshot } from './snapshot.js';

/** Maximum regions that are considered for a peer. */
export const CANDIDATES_MAX = 64;

/** Regions that are considered for a peer if no others are known: as many as clusters have. */
export const CANDIDATES_WANTED = LEG_CANDIDATES_MAX;

/**
 * The regions that are considered for a peer, in parallel arrays. `order` has their indices by
 * rising `costMs`. It is filled anew for each selection.
 */
export class Candidates {
  count = 0;
  readonly regions = new Uint16Array(CANDIDATES_MAX);
  /** Cost of the leg, ms. */
  readonly legMs = new Float64Array(CANDIDATES_MAX);
  /** Cost of the leg and of the relay's load and price, ms. */
  readonly costMs = new Float64Array(CANDIDATES_MAX);
  /** Least sum of the exceptions' weights of a relay there. */
  readonly exceptions = new Float64Array(CANDIDATES_MAX);
  /** Chance to be drawn, in proportion. */
  readonly weights = new Float64Array(CANDIDATES_MAX);
  /** Number of relays with the least exceptions. */
  readonly relays = new Uint16Array(CANDIDATES_MAX);
  readonly order = new Uint8Array(CANDIDATES_MAX);
  /** Number of regions before `keepLeastExceptions`: the first ones of each array. */
  all = 0;
  /** Whether the legs' costs are known; otherwise they are all 0. */
  informed = false;
  /** Whether legs are among them that were estimated over others. */
  derived = false;
  /** By region number: the number of the selection in which it was considered. */
  readonly #seen = new Uint32Array(REGIONS_MAX);
  #selection = 0;

  reset(): void {
    this.count = 0;
    this.all = 0;
    this.informed = false;
    this.derived = false;
    this.#selection = (this.#selection + 1) >>> 0;
  }

  /** Returns whether a region was considered, also if no relay there can serve. */
  hasSeen(region: number): boolean {
    return this.#seen[region] === this.#selection;
  }

  /** Returns the least cost that a further region must be below to be among the best. */
  get worstMs(): number {
    if (this.count < CANDIDATES_MAX) return Number.POSITIVE_INFINITY;
    return this.costMs[this.order[this.count - 1] as number] as number;
  }

  /** Considers a region, once; it is added if a relay there can serve the peer. */
  consider(snapshot: SelectionSnapshot, region: number, legMs: number, wish: Wish): void {
    if (this.#seen[region] === this.#selection) return;
    this.#seen[region] = this.#selection;
    const { open, priceMs, weight, families } = snapshot.regionLoads;
    if (wish.isPlain && ((families[region] as number) & wish.needed) !== 0) {
      const price = priceMs[region] as number;
      this.#add(region, legMs, price, 0, weight[region] as number, open[region] as number);
      return;
    }
    const row = snapshot.regions[region];
    if (row === undefined || (row.serviceAny & wish.families) === 0) return;
    const allows = allowedRegions(snapshot, wish.allowed).bits[region] as number;
    if ((allows & ALLOWS_ANY) === 0) return;
    if ((open[region] as number) > 0 && isPlain(snapshot, row, wish)) {
      const isOther = wish.region !== undefined && wish.region !== row.name;
      const exceptions = isOther ? EXCEPTIONS.otherRegion : 0;
      const price = priceMs[region] as number;
      this.#add(region, legMs, price, exceptions, weight[region] as number, open[region] as number);
      return;
    }
    const best = bestRelays(snapshot, row, wish);
    if (best === undefined) return;
    this.#add(region, legMs, best.priceMs, best.exceptions, best.weight, best.relays);
  }

  /** Drops the regions with more exceptions than the least. */
  keepLeastExceptions(): void {
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < this.count; k += 1) {
      least = Math.min(least, this.exceptions[this.order[k] as number] as number);
    }
    let kept = 0;
    for (let k = 0; k < this.count; k += 1) {
      const index = this.order[k] as number;
      if (this.exceptions[index] === least) this.order[kept++] = index;
    }
    this.count = kept;
  }

  #add(
    region: number,
    legMs: number,
    priceMs: number,
    exceptions: number,
    weight: number,
    relays: number,
  ): void {
    const costMs = legMs + priceMs;
    let index = this.count;
    if (this.count === CANDIDATES_MAX) {
      if (costMs >= this.worstMs) return;
      index = this.order[this.count - 1] as number;
    } else {
      this.count += 1;
      this.all += 1;
    }
    this.regions[index] = region;
    this.legMs[index] = legMs;
    this.costMs[index] = costMs;
    this.exceptions[index] = exceptions;
    this.weights[index] = weight;
    this.relays[index] = relays;
    let place = this.count - 1;
    while (place > 0 && (this.costMs[this.order[place - 1] as number] as number) > costMs) {
      this.order[place] = this.order[place - 1] as number;
      place -= 1;
    }
    this.order[place] = index;
  }
}

/** Looks at each member of a region: sums up those with the least exceptions. */
function bestRelays(snapshot: SelectionSnapshot, row: RegionRow, wish: Wish) {
  const { weight, priceMs } = snapshot.loads;
  let exceptions = Number.POSITIVE_INFINITY;
  let sum = { weight: 0, relays: 0, least: Infinity, second: Infinity };
  for (const slot of row.members) {
    const fit = fitOf(snapshot, snapshot.relays[slot] as RelayRow, wish);
    if (fit === undefined || fit.weight > exceptions) continue;
    if (fit.weight < exceptions) {
      exceptions = fit.weight;
      sum = { weight: 0, relays: 0, least: Infinity, second: Infinity };
    }
    const price = priceMs[slot] as number;
    sum.weight += weight[slot] as number;
    sum.relays += 1;
    sum.second = Math.min(Math.max(price, sum.least), sum.second);
    sum.least = Math.min(price, sum.least);
  }
  if (sum.relays === 0) return undefined;
  const price = Number.isFinite(sum.second) ? sum.second : sum.least;
  return { exceptions, weight: sum.weight, relays: sum.relays, priceMs: price };
}
