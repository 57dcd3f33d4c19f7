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
  /** The least costs of the first peer to each region, if they are computed. */
  readonly bestRow?: BestRow | undefined;
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
  readonly #bounds = new Float64Array(CANDIDATES_MAX);

  /**
   * Finds all pairs that cost at most a band more than the best one. The search is exact over all
   * pairs of the two peers' candidates: what it leaves out costs more, since no trunk costs less
   * than 0, and none less than `bestRow` says.
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
    const start = this.#bound(firsts, seconds, options.bestRow);
    this.#pairWith(snapshot, firsts, seconds, start, options);
    for (let k = 0; k < seconds.count; k += 1) {
      const y = seconds.order[k] as number;
      if (y === start || this.skipped[1][y] === 1) continue;
      if ((this.#bounds[y] as number) > limitMs(this.bestMs, options)) continue;
      this.#pairWith(snapshot, firsts, seconds, y, options);
    }
    this.#cut(limitMs(this.bestMs, options));
  }

  /** Leaves out no candidates. */
  skipNone(): void {
    for (const skipped of this.skipped) skipped.fill(0);
  }

  /** Bounds from below what a pair with each second region costs; returns the least one's index. */
  #bound(firsts: Candidates, seconds: Candidates, bestRow: BestRow | undefined): number {
    const leastFirst = firsts.costMs[firsts.order[0] as number] as number;
    let least = Number.POSITIVE_INFINITY;
    let start = seconds.order[0] as number;
    for (let k = 0; k < seconds.count; k += 1) {
      const y = seconds.order[k] as number;
      const row = bestRow?.[seconds.regions[y] as number];
      const bound = (seconds.costMs[y] as number) + (row ?? leastFirst);
      this.#bounds[y] = bound;
      if (bound >= least || this.skipped[1][y] === 1) continue;
      least = bound;
      start = y;
    }
    return start;
  }

  /** Adds the pairs with a second region. */
  #pairWith(
    snapshot: SelectionSnapshot,
    firsts: Candidates,
    seconds: Candidates,
    y: number,
    options: SearchOptions,
  ): void {
    if (this.skipped[1][y] === 1) return;
    const region = seconds.regions[y] as number;
    // The estimates of a trunk are the same in both directions.
    const trunk = snapshot.trunks[region]?.costMs;
    const costY = seconds.costMs[y] as number;
    let limit = limitMs(this.bestMs, options);
    for (let k = 0; k < firsts.count; k += 1) {
      const x = firsts.order[k] as number;
      const legs = costY + (firsts.costMs[x] as number);
      if (legs > limit) return;
      if (this.skipped[0][x] === 1) continue;
      const other = firsts.regions[x] as number;
      let between = trunk?.[other] ?? (other === region ? 0 : UNKNOWN_TRUNK_MS);
      if (other === region) {
        const isTwo = (firsts.relays[x] as number) > 1 || (seconds.relays[y] as number) > 1;
        between = isTwo ? Math.min(between, options.sharedMs) : options.sharedMs;
      }
      const cost = legs + between;
      if (cost > limit) continue;
      this.firsts[this.count] = x;
      this.seconds[this.count] = y;
      this.costsMs[this.count] = cost;
      this.count += 1;
      if (cost >= this.bestMs) continue;
      this.bestMs = cost;
      limit = limitMs(cost, options);
    }
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

const PAIRS_MAX = CANDIDATES_MAX * CANDIDATES_MAX;

function limitMs(bestMs: number, { bandMs, bandShare }: SearchOptions): number {
  return bestMs + Math.max(bandMs, bandShare * bestMs);
}
