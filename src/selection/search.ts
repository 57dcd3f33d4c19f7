import type { BestRow } from './best-rows.js';
import { CANDIDATES_MAX, type Candidates } from './candidates.js';
import { type SelectionSnapshot, UNKNOWN_TRUNK_MS } from './snapshot.js';

/** How pairs of regions are searched. */
export interface SearchOptions {
  /** Cost of one relay for both peers, ms. */
  readonly sharedMs: number;
  /** Pairs within the larger of the two of the best are found: ms, and a share of its cost. */
  readonly bandMs: number;
  readonly bandShare: number;
  /** The least costs of each peer to each region, if they are computed. */
  readonly bestRows: readonly [BestRow | undefined, BestRow | undefined];
}

/** Candidates of one peer in their order, without those left out: in parallel arrays. */
class Line {
  count = 0;
  readonly indices = new Uint8Array(CANDIDATES_MAX);
  readonly regions = new Uint16Array(CANDIDATES_MAX);
  readonly costsMs = new Float64Array(CANDIDATES_MAX);
  /** What a pair with each costs at least, ms. */
  readonly boundsMs = new Float64Array(CANDIDATES_MAX);

  /**
   * Fills in the candidates of a peer.
   * @param otherRow - the least costs of the other peer to each region, if they are computed
   * @param leastOther - cost of the other peer's best candidate, ms
   */
  fill(
    { count, order, regions, costMs }: Candidates,
    skipped: Uint8Array,
    otherRow: BestRow | undefined,
    leastOther: number,
  ): void {
    const rowLength = otherRow === undefined ? 0 : otherRow.length;
    let kept = 0;
    for (let k = 0; k < count; k += 1) {
      const index = order[k] as number;
      if (skipped[index] === 1) continue;
      const region = regions[index] as number;
      const cost = costMs[index] as number;
      const other = region < rowLength ? ((otherRow as BestRow)[region] as number) : leastOther;
      this.indices[kept] = index;
      this.regions[kept] = region;
      this.costsMs[kept] = cost;
      this.boundsMs[kept] = cost + other;
      kept += 1;
    }
    this.count = kept;
  }

  /** Returns the place of the least bound; 0 of none. */
  least(): number {
    let place = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < this.count; k += 1) {
      const bound = this.boundsMs[k] as number;
      if (bound >= least) continue;
      least = bound;
      place = k;
    }
    return place;
  }

  /** Drops the candidates that only pairs above a cost have. */
  drop(mostMs: number): void {
    let kept = 0;
    for (let k = 0; k < this.count; k += 1) {
      if ((this.boundsMs[k] as number) > mostMs) continue;
      this.indices[kept] = this.indices[k] as number;
      this.regions[kept] = this.regions[k] as number;
      this.costsMs[kept] = this.costsMs[k] as number;
      this.boundsMs[kept] = this.boundsMs[k] as number;
      kept += 1;
    }
    this.count = kept;
  }
}

/** Pairs of candidate regions, as indices of each peer's candidates. */
export class RegionPairs {
  count = 0;
  /** Cost of the best pair, ms; infinity if there is none. */
  bestMs = Number.POSITIVE_INFINITY;
  readonly firsts = new Uint8Array(PAIRS_MAX);
  readonly seconds = new Uint8Array(PAIRS_MAX);
  readonly costsMs = new Float64Array(PAIRS_MAX);
  /** Chances to be drawn, in proportion; filled in by whoever draws. */
  readonly weights = new Float64Array(PAIRS_MAX);
  /** Candidates of either peer that are left out: 1 at their indices. */
  readonly skipped = [new Uint8Array(CANDIDATES_MAX), new Uint8Array(CANDIDATES_MAX)] as const;
  readonly #firsts = new Line();
  readonly #seconds = new Line();
  readonly #sums = new Float64Array(CANDIDATES_MAX);

  /**
   * Finds all pairs that cost at most a band more than the best one. The search is exact over all
   * pairs of the two peers' candidates: what it leaves out costs more, since no trunk costs less
   * than 0, and none less than `bestRows` say.
   */
  find(
    snapshot: SelectionSnapshot,
    firsts: Candidates,
    seconds: Candidates,
    options: SearchOptions,
  ): void {
    this.count = 0;
    this.bestMs = Number.POSITIVE_INFINITY;
    if (firsts.count === 0 || seconds.count === 0) return;
    const [firstRow, secondRow] = options.bestRows;
    const leastFirst = firsts.costMs[firsts.order[0] as number] as number;
    const leastSecond = seconds.costMs[seconds.order[0] as number] as number;
    const [xs, ys] = [this.#firsts, this.#seconds];
    xs.fill(firsts, this.skipped[0], secondRow, leastSecond);
    ys.fill(seconds, this.skipped[1], firstRow, leastFirst);
    if (xs.count === 0 || ys.count === 0) return;
    const start = ys.least();
    let limit = this.#pairWith(snapshot, firsts, seconds, start, options);
    xs.drop(limit);
    for (let k = 0; k < ys.count; k += 1) {
      if (k === start || (ys.boundsMs[k] as number) > limit) continue;
      limit = this.#pairWith(snapshot, firsts, seconds, k, options);
    }
    this.#cut(limit);
  }

  /** Leaves out no candidates. */
  skipNone(): void {
    this.skipped[0].fill(0);
    this.skipped[1].fill(0);
  }

  /**
   * Adds the pairs with a second region.
   * @param place - its place in the line of the second peer's candidates
   * @returns the most that a pair in the band costs, ms
   */
  #pairWith(
    snapshot: SelectionSnapshot,
    firsts: Candidates,
    seconds: Candidates,
    place: number,
    { sharedMs, bandMs, bandShare }: SearchOptions,
  ): number {
    const xs = this.#firsts;
    const { regions, costsMs, boundsMs } = xs;
    const y = this.#seconds.indices[place] as number;
    const region = this.#seconds.regions[place] as number;
    const costY = this.#seconds.costsMs[place] as number;
    const isMany = (seconds.relays[y] as number) > 1;
    const sums = this.#sums;
    // The estimates of a trunk are the same in both directions.
    addTrunks(snapshot.trunks[region]?.costMs ?? NO_COSTS, region, xs, costY, sums);
    let best = this.bestMs;
    let limit = best + Math.max(bandMs, bandShare * best);
    let { count } = this;
    for (let k = 0; k < xs.count; k += 1) {
      let cost = sums[k] as number;
      if ((regions[k] as number) === region) {
        const isTwo = isMany || (firsts.relays[xs.indices[k] as number] as number) > 1;
        const shared = costY + (costsMs[k] as number) + sharedMs;
        cost = isTwo ? Math.min(cost, shared) : shared;
      }
      if (cost > limit || (boundsMs[k] as number) > limit) continue;
      this.firsts[count] = xs.indices[k] as number;
      this.seconds[count] = y;
      this.costsMs[count] = cost;
      count += 1;
      if (cost >= best) continue;
      best = cost;
      limit = best + Math.max(bandMs, bandShare * best);
    }
    this.count = count;
    this.bestMs = best;
    return limit;
  }

  /** Drops the pairs that cost more. */
  #cut(mostMs: number): void {
    let kept = 0;
    for (let k = 0; k < this.count; k += 1) {
      const cost = this.costsMs[k] as number;
      if (cost > mostMs) continue;
      this.firsts[kept] = this.firsts[k] as number;
      this.seconds[kept] = this.seconds[k] as number;
      this.costsMs[kept] = cost;
      kept += 1;
    }
    this.count = kept;
  }
}

/**
 * Sums up each candidate of a line, the trunk to a region, and a cost there. Without a branch on
 * what is read the processor waits for the memory of all candidates at once.
 */
function addTrunks(
  trunk: Float32Array,
  region: number,
  { count, regions, costsMs }: Line,
  costMs: number,
  sums: Float64Array,
): void {
  const known = trunk.length;
  for (let k = 0; k < count; k += 1) {
    const other = regions[k] as number;
    const unknown = other === region ? 0 : UNKNOWN_TRUNK_MS;
    const between = other < known ? (trunk[other] as number) : unknown;
    sums[k] = costMs + (costsMs[k] as number) + between;
  }
}

const PAIRS_MAX = CANDIDATES_MAX * CANDIDATES_MAX;
const NO_COSTS = new Float32Array(0);
