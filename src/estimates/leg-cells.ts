import { textHash } from '../collections/hash.js';
import { LEG_CANDIDATES_MAX } from './leg-candidates.js';
import { RobustMeans } from './robust-means.js';

/** Time in which the weight of a leg's sample falls to 1/e. */
export const LEG_DECAY_MS = 3_600_000;
/** The same for the long history. */
export const LEG_SLOW_DECAY_MS = 7 * 86_400_000;
/** Samples of the last hour that weigh as much as the long history. */
const FAST_COUNT = 20;
/** Multiple of the standard error below which a reporter does not see a leg. */
const FLOOR_Z = 2;
/** A first reporter that is silent for so long gives its seat to another. */
const SEAT_SILENT_MS = 3_600_000;
/** Jitter of a leg before any report: median of wired and wireless homes (RIPE Atlas, 2023). */
export const USUAL_LEG_JITTER_MS = 1.2;
/** Share lost on a leg before any report, in the same data but for routers that do not answer. */
export const USUAL_LEG_LOSS = 0.005;
const NO_REGION = 0xffff;
const SCALE_SHARE = 0.15;
const SCALE_MS_MIN = 1;

/** A report of legs of one cluster, bounded. */
export interface LegValues {
  readonly rttMs: number;
  readonly sdMs: number;
  /** Undefined if not known. */
  readonly jitterMs: number | undefined;
  readonly loss: number | undefined;
  readonly count: number;
}

/** What is known of the legs from one cluster to one region. */
export interface LegCell {
  rttMs: number;
  /** Standard error of the mean, ms. */
  sdMs: number;
  jitterMs: number;
  loss: number;
  /** Decayed number of samples. */
  count: number;
}

/**
 * Statistics of legs: for each cluster up to LEG_CANDIDATES_MAX regions, each with two seats, one
 * for a first reporter and one for all others, so that neither speaks for the other.
 */
export class LegCells {
  #clusters: number;
  #regions: Uint16Array;
  #first: Uint16Array;
  #firstSecond: Uint32Array;
  #scale: Float32Array;
  #sd: Float32Array;
  #jitter: Float32Array;
  #loss: Float32Array;
  #fast: RobustMeans;
  #slow: RobustMeans;
  readonly #cell: LegCell = { rttMs: 0, sdMs: 0, jitterMs: 0, loss: 0, count: 0 };

  /** @param clusters - room at first; `reserve` adds more */
  constructor(clusters: number) {
    const cells = clusters * LEG_CANDIDATES_MAX;
    this.#clusters = clusters;
    this.#regions = new Uint16Array(cells).fill(NO_REGION);
    this.#first = new Uint16Array(cells);
    this.#firstSecond = new Uint32Array(cells);
    this.#scale = new Float32Array(cells);
    this.#sd = new Float32Array(cells);
    this.#jitter = new Float32Array(cells);
    this.#loss = new Float32Array(cells);
    this.#fast = new RobustMeans(2 * cells, LEG_DECAY_MS);
    this.#slow = new RobustMeans(2 * cells, LEG_SLOW_DECAY_MS);
  }

  /** Makes room for the clusters below a number. */
  reserve(clusters: number): void {
    if (clusters <= this.#clusters) return;
    const larger = new LegCells(Math.max(clusters, 2 * this.#clusters));
    larger.#regions.set(this.#regions);
    larger.#first.set(this.#first);
    larger.#firstSecond.set(this.#firstSecond);
    larger.#scale.set(this.#scale);
    larger.#sd.set(this.#sd);
    larger.#jitter.set(this.#jitter);
    larger.#loss.set(this.#loss);
    larger.#fast.copy(this.#fast);
    larger.#slow.copy(this.#slow);
    this.#clusters = larger.#clusters;
    this.#regions = larger.#regions;
    this.#first = larger.#first;
    this.#firstSecond = larger.#firstSecond;
    this.#scale = larger.#scale;
    this.#sd = larger.#sd;
    this.#jitter = larger.#jitter;
    this.#loss = larger.#loss;
    this.#fast = larger.#fast;
    this.#slow = larger.#slow;
  }

  /**
   * Adds a report. A cluster whose cells are all used takes a region that is nearer than its
   * farthest one in its place, and drops the report otherwise.
   * @returns whether it was taken
   */
  add(
    cluster: number,
    region: number,
    reporter: string,
    values: LegValues,
    nowMs: number,
  ): boolean {
    const { rttMs, sdMs, jitterMs, loss, count } = values;
    const cell = this.#find(cluster, region) ?? this.#make(cluster, region, rttMs, nowMs);
    if (cell === undefined) return false;
    const index = 2 * cell + this.#seatOf(cell, reporter, nowMs);
    const known = this.#countOf(cell, nowMs);
    const gain = count / (Math.min(known, 200) + count);
    const mean = this.#slow.meanOf(index);
    const usualMs = SCALE_SHARE * (mean === 0 ? rttMs : Math.min(mean, rttMs));
    const scale = Math.max(SCALE_MS_MIN, usualMs, this.#scale[cell] ?? 0);
    const deviation = Math.abs(this.#fast.add(index, rttMs, count, scale, nowMs));
    this.#slow.add(index, rttMs, count, scale, nowMs);
    const move = (field: Float32Array, value: number | undefined) => {
      if (value === undefined) return;
      const former = field[cell] ?? 0;
      field[cell] = former + (value - former) * gain;
    };
    move(this.#scale, deviation);
    move(this.#sd, Math.max(sdMs, deviation));
    move(this.#jitter, jitterMs);
    move(this.#loss, loss);
    return true;
  }

  /** Returns the regions that a cluster has statistics of. */
  *regionsOf(cluster: number): IterableIterator<number> {
    const first = cluster * LEG_CANDIDATES_MAX;
    for (let cell = first; cell < first + LEG_CANDIDATES_MAX; cell++) {
      const region = this.#regions[cell] ?? NO_REGION;
      if (region !== NO_REGION) yield region;
    }
  }

  /**
   * Returns what a cluster's legs to a region are like; undefined if nothing is known. Where the
   * two seats disagree, the result is not less than what either of them surely sees. The object is
   * reused by the next call.
   */
  read(cluster: number, region: number, nowMs: number): Readonly<LegCell> | undefined {
    const found = this.#find(cluster, region);
    if (found === undefined) return undefined;
    const result = this.#cell;
    const sd = Math.max(this.#sd[found] ?? 0, this.#scale[found] ?? 0, 0.5);
    let [sum, floor] = [0, 0];
    result.count = 0;
    for (const index of [2 * found, 2 * found + 1]) {
      const count = this.#slow.weightOf(index, nowMs);
      if (count < 0.05) continue;
      const recent = this.#fast.weightOf(index, nowMs);
      const slow = this.#slow.meanOf(index);
      const share = recent / (recent + FAST_COUNT);
      const value = slow + (this.#fast.meanOf(index) - slow) * share;
      sum += value * count;
      result.count += count;
      floor = Math.max(floor, value - (FLOOR_Z * sd) / Math.sqrt(Math.max(0.25, count)));
    }
    if (result.count === 0) return undefined;
    result.rttMs = Math.max(floor, sum / result.count);
    result.sdMs = sd / Math.sqrt(Math.max(1, result.count));
    result.jitterMs = this.#jitter[found] ?? 0;
    result.loss = this.#loss[found] ?? 0;
    return result;
  }

  /** Forgets a cluster. */
  clear(cluster: number): void {
    const first = cluster * LEG_CANDIDATES_MAX;
    for (let cell = first; cell < first + LEG_CANDIDATES_MAX; cell++) this.#empty(cell);
  }

  /** Forgets a region whose number another region gets. */
  clearRegion(region: number): void {
    for (const [cell, holds] of this.#regions.entries()) if (holds === region) this.#empty(cell);
  }

  #empty(cell: number): void {
    this.#regions[cell] = NO_REGION;
    this.#scale[cell] = 0;
    this.#sd[cell] = 0;
    this.#jitter[cell] = USUAL_LEG_JITTER_MS;
    this.#loss[cell] = USUAL_LEG_LOSS;
    this.#firstSecond[cell] = 0;
    for (const index of [2 * cell, 2 * cell + 1]) {
      this.#fast.clear(index);
      this.#slow.clear(index);
    }
  }

  #find(cluster: number, region: number): number | undefined {
    const first = cluster * LEG_CANDIDATES_MAX;
    for (let cell = first; cell < first + LEG_CANDIDATES_MAX; cell++) {
      if (this.#regions[cell] === region) return cell;
    }
    return undefined;
  }

  #make(cluster: number, region: number, rttMs: number, nowMs: number): number | undefined {
    const cell = this.#find(cluster, NO_REGION) ?? this.#farthest(cluster, rttMs, nowMs);
    if (cell === undefined) return undefined;
    this.#empty(cell);
    this.#regions[cell] = region;
    return cell;
  }

  /** Returns the cell of the region with the highest RTT that is over a limit. */
  #farthest(cluster: number, rttMs: number, nowMs: number): number | undefined {
    let [farthest, limit] = [-1, rttMs];
    const first = cluster * LEG_CANDIDATES_MAX;
    for (let cell = first; cell < first + LEG_CANDIDATES_MAX; cell++) {
      const known = this.#countOf(cell, nowMs) > 0.05;
      const value = Math.max(this.#slow.meanOf(2 * cell), this.#slow.meanOf(2 * cell + 1));
      if (known && value <= limit) continue;
      [farthest, limit] = [cell, known ? value : Number.POSITIVE_INFINITY];
    }
    return farthest < 0 ? undefined : farthest;
  }

  #countOf(cell: number, nowMs: number): number {
    return this.#slow.weightOf(2 * cell, nowMs) + this.#slow.weightOf(2 * cell + 1, nowMs);
  }

  #seatOf(cell: number, reporter: string, nowMs: number): 0 | 1 {
    const name = shortName(reporter);
    const second = Math.floor(nowMs / 1_000) + 1;
    const since = this.#firstSecond[cell] ?? 0;
    const isFree = since === 0 || second - since > SEAT_SILENT_MS / 1_000;
    if (isFree) this.#first[cell] = name;
    if (this.#first[cell] !== name) return 1;
    this.#firstSecond[cell] = second;
    return 0;
  }
}

/** Returns 16 bits of a name. */
function shortName(name: string): number {
  const hash = textHash(name);
  return (hash ^ (hash >>> 16)) & 0xffff;
}
