import { type CostWeights, HAIR_MS, HAIR_SHARE, pathCostMs } from './cost-weights.js';
import { distanceKm, lightRttMs, usualRttMs } from './geography.js';
import type { RegionIndex } from './region-index.js';
import { TrunkCells } from './trunk-cells.js';
import { emptyTrunkRow, type TrunkRow } from './trunk-row.js';

/** Maximum samples that one report counts for. */
export const TRUNK_REPORT_COUNT_MAX = 60;
/** Cells that `takeChanged` estimates in one call, or the cells of one row if those are more. */
const CELLS_A_CALL = 1_024;
/** Cells that the copy of a row counts for beside its changed cells. */
const CELLS_A_COPY = 32;
/** Regions over which a pair without measurements is estimated by two hops. */
const HOPS_MAX = 16;
/** Estimate of a pair of which nothing is known. */
const UNKNOWN_RTT_MS = 150;
/** Samples that an estimate without measurements weighs as much as: less than the first one. */
const GUESS_COUNT = 0.1;
/** Estimate within one region. */
const INSIDE_RTT_MS = 1;
/** Standard error of an estimate without measurements, as a share of it. */
const GEOGRAPHY_SD_SHARE = 0.35;
const HOPS_SD_SHARE = 0.2;
const UNKNOWN_SD_SHARE = 0.5;
/** Jitter and loss of a pair without measurements: medians between data centres. */
const USUAL_JITTER_MS = 0.6;
const USUAL_LOSS = 0.001;

/** A relay's measurement of the trunk to another region. */
export interface TrunkSample {
  /** Region number of the relay that measured. */
  readonly from: number;
  readonly to: number;
  /** Its id. */
  readonly reporter: string;
  /** Mean over the samples. */
  readonly rttMs: number;
  readonly jitterMs: number;
  /** Share lost from the reporter, and towards it; absent where it cannot be told. */
  readonly lossForward?: number | undefined;
  readonly lossBack?: number | undefined;
  /** Number of samples. */
  readonly count: number;
}

const NO_HOPS: readonly number[] = [];

interface Estimate {
  rttMs: number;
  sdMs: number;
  jitterMs: number;
  loss: number;
}

/**
 * Estimates of the trunks between all regions, from the reports of relays. Reports older than a
 * minute hardly count while there are newer ones; without any for a while the mean of about the
 * last hour takes over, then geography.
 *
 * Memory: at most 45 bytes for each ordered pair of regions that are reported, and 20 for each pair
 * of rows that were asked for.
 */
export class TrunkEstimates {
  readonly #regions: RegionIndex;
  #weights: CostWeights;
  readonly #cells = new TrunkCells();
  readonly #rows: (TrunkRow | undefined)[] = [];
  /** Changed rows with their changed cells; undefined if all cells are to be estimated. */
  readonly #dirty = new Map<number, Set<number> | undefined>();
  /** Regions over which the gaps of a row are estimated. */
  readonly #hops: (readonly number[])[] = [];
  readonly #estimate: Estimate = { rttMs: 0, sdMs: 0, jitterMs: 0, loss: 0 };
  #nowMs = 0;
  #extent = 0;
  #cursor = 0;

  constructor(regions: RegionIndex, weights: CostWeights) {
    this.#regions = regions;
    this.#weights = weights;
    regions.onReused((region) => {
      this.#cells.clear(region);
      this.#allDirty();
    });
  }

  /** Uses other weights: all rows are rebuilt, some at each `takeChanged`. */
  useWeights(weights: CostWeights): void {
    this.#weights = weights;
    this.#allDirty();
  }

  /**
   * Takes a relay's report. Takes constant time.
   * @param nowMs - monotonic ms
   * @returns whether its values are usable numbers of known regions
   */
  report(sample: TrunkSample, nowMs: number): boolean {
    const { from, to, rttMs, jitterMs, count, lossForward, lossBack } = sample;
    const numbers = [rttMs, jitterMs, count, lossForward ?? 0, lossBack ?? 0];
    if (!numbers.every((each) => Number.isFinite(each) && each >= 0) || count < 1) return false;
    const { extent } = this.#regions;
    if (!isNumber(from, extent) || !isNumber(to, extent)) return false;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const capacity = capacityOf(extent);
    const bounded = {
      rttMs: Math.min(10_000, Math.max(0.01, rttMs)),
      jitterMs: Math.min(1_000, jitterMs),
      loss: worse(lossForward, lossBack),
      count: Math.min(TRUNK_REPORT_COUNT_MAX, count),
    };
    this.#cells.add(from, to, sample.reporter, bounded, capacity, this.#nowMs);
    this.#compare(from, to);
    this.#compare(to, from);
    return true;
  }

  /**
   * Rebuilds some of the rows that changed by more than a hair: those with reports first, and one
   * more in turn, whose reports grow old.
   * @param nowMs - monotonic ms
   * @returns the numbers of the rebuilt rows
   */
  takeChanged(nowMs: number): readonly number[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const { extent } = this.#regions;
    if (extent === 0) return [];
    if (extent !== this.#extent) this.#allDirty();
    this.#extent = extent;
    this.#cursor = (this.#cursor + 1) % extent;
    if (this.#differs(this.#cursor)) this.#dirty.set(this.#cursor, undefined);
    const taken: number[] = [];
    let cells = 0;
    for (const [region, changed] of this.#dirty) {
      if (cells >= CELLS_A_CALL) break;
      const former = this.#rows[region];
      const isPart = changed !== undefined && former !== undefined;
      this.#rows[region] = isPart ? this.#renew(former, region, changed) : this.#build(region);
      cells += isPart ? CELLS_A_COPY + changed.size : extent;
      taken.push(region);
      this.#dirty.delete(region);
    }
    return taken;
  }

  /**
   * Returns a region's row as `takeChanged` built it last; builds it if there is none. Its length
   * is at least the extent of the region index at that time.
   */
  row(region: number): TrunkRow {
    const built = this.#rows[region] ?? this.#build(region);
    this.#rows[region] = built;
    return built;
  }

  /** Returns a region's row if it was built. */
  builtRow(region: number): TrunkRow | undefined {
    return this.#rows[region];
  }

  #allDirty(): void {
    for (let region = 0; region < this.#regions.extent; region++) {
      this.#dirty.set(region, undefined);
    }
  }

  #compare(from: number, to: number): void {
    const row = this.#rows[from];
    const cells = this.#dirty.get(from);
    if (row === undefined) this.#dirty.set(from, undefined);
    else if (cells !== undefined) cells.add(to);
    else if (!this.#dirty.has(from) && this.#isOther(row, from, to)) {
      this.#dirty.set(from, new Set([to]));
    }
  }

  #differs(from: number): boolean {
    const row = this.#rows[from];
    if (row === undefined) return true;
    this.#hops[from] = this.#hopsOf(from);
    for (let to = 0; to < this.#regions.extent; to++) {
      if (this.#isOther(row, from, to)) return true;
    }
    return false;
  }

  #isOther(row: TrunkRow, from: number, to: number): boolean {
    const published = row.costMs[to];
    if (published === undefined) return true;
    const hair = Math.max(HAIR_MS, HAIR_SHARE * published);
    return Math.abs(this.#costOf(from, to) - published) > hair;
  }

  #build(from: number): TrunkRow {
    const length = capacityOf(this.#regions.extent);
    const row = emptyTrunkRow(length);
    this.#hops[from] = this.#hopsOf(from);
    for (let to = 0; to < length; to++) this.#put(row, from, to);
    return row;
  }

  /** Returns a copy of a row with some cells estimated anew. */
  #renew(former: TrunkRow, from: number, changed: Iterable<number>): TrunkRow {
    const row = {
      costMs: former.costMs.slice(),
      rttMs: former.rttMs.slice(),
      sdMs: former.sdMs.slice(),
      jitterMs: former.jitterMs.slice(),
      loss: former.loss.slice(),
    };
    for (const to of changed) this.#put(row, from, to);
    return row;
  }

  #put(row: TrunkRow, from: number, to: number): void {
    row.costMs[to] = this.#costOf(from, to);
    row.rttMs[to] = this.#estimate.rttMs;
    row.sdMs[to] = this.#estimate.sdMs;
    row.jitterMs[to] = this.#estimate.jitterMs;
    row.loss[to] = this.#estimate.loss;
  }

  /** Estimates a pair into `#estimate`, and returns its cost, ms. */
  #costOf(from: number, to: number): number {
    const estimate = this.#estimate;
    const cell = this.#cells.read(from, to, this.#nowMs);
    const here = this.#regions.placeOf(from);
    const there = this.#regions.placeOf(to);
    const km = here && there && from !== to ? distanceKm(here, there) : undefined;
    const share = cell.count / (cell.count + GUESS_COUNT);
    if (share < 0.999) this.#guess(from, to, km);
    estimate.rttMs += (cell.rttMs - estimate.rttMs) * share;
    const known = cell.sdMs * share;
    const guessed = estimate.sdMs * (1 - share);
    estimate.sdMs = Math.sqrt(known * known + guessed * guessed);
    estimate.jitterMs += (cell.jitterMs - estimate.jitterMs) * share;
    estimate.loss += (cell.loss - estimate.loss) * share;
    if (km !== undefined) estimate.rttMs = Math.max(estimate.rttMs, lightRttMs(km));
    const { rttMs, sdMs, jitterMs, loss } = estimate;
    return pathCostMs(this.#weights, rttMs, sdMs, jitterMs, loss);
  }

  /** Estimates a pair without its measurements into `#estimate`. */
  #guess(from: number, to: number, km: number | undefined): void {
    const estimate = this.#estimate;
    estimate.jitterMs = USUAL_JITTER_MS;
    estimate.loss = USUAL_LOSS;
    if (from === to) {
      estimate.rttMs = INSIDE_RTT_MS;
      estimate.sdMs = INSIDE_RTT_MS / 2;
      return;
    }
    const usual = km === undefined ? UNKNOWN_RTT_MS : usualRttMs(km);
    const hops = this.#twoHops(from, to);
    estimate.rttMs = Math.min(hops, km === undefined && hops < Infinity ? hops : usual);
    const usualShare = km === undefined ? UNKNOWN_SD_SHARE : GEOGRAPHY_SD_SHARE;
    estimate.sdMs = estimate.rttMs * (hops <= usual ? HOPS_SD_SHARE : usualShare);
  }

  /** Returns the least RTT over one other region by measured cells; infinite if there is none. */
  #twoHops(from: number, to: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const by of this.#hops[from] ?? NO_HOPS) {
      if (by === to || !this.#cells.isMeasured(by, to)) continue;
      const row = this.#rows[by];
      if (row === undefined) continue;
      least = Math.min(least, (row.rttMs[from] ?? Infinity) + (row.rttMs[to] ?? Infinity));
    }
    return least;
  }

  /** Returns the nearest regions with measurements; empty if all regions have some. */
  #hopsOf(from: number): number[] {
    const measured: number[] = [];
    const { extent } = this.#regions;
    for (let by = 0; by < extent; by++) {
      if (by !== from && this.#cells.isMeasured(from, by)) measured.push(by);
    }
    if (measured.length >= extent - 1) return [];
    const rttMs = this.#rows[from]?.rttMs;
    const rttOf = (by: number) => rttMs?.[by] ?? 0;
    return measured.sort((a, b) => rttOf(a) - rttOf(b)).slice(0, HOPS_MAX);
  }
}

function isNumber(region: number, extent: number): boolean {
  return Number.isInteger(region) && region >= 0 && region < extent;
}

/** Returns the length of rows: the next power of two, so that few regions share few growths. */
function capacityOf(extent: number): number {
  return Math.max(16, 2 ** (32 - Math.clz32(Math.max(1, extent) - 1)));
}

/** Returns the worse loss of the two directions; undefined if neither can be told. */
function worse(forward: number | undefined, back: number | undefined): number | undefined {
  if (forward === undefined && back === undefined) return undefined;
  return Math.min(1, Math.max(forward ?? 0, back ?? 0));
}
