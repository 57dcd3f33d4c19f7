import { type Seat, TrunkEnd } from './trunk-end.js';

/** Multiple of the standard error below which one end does not see a cell. */
const FLOOR_Z = 2;
/** Samples of the last minute that weigh as much as the slow companion. */
const FAST_COUNT = 1;
/** How far the present RTT may differ from the mean of the last hour, as a share. */
const DRIFT_SHARE = 0.03;
/** Samples of loss that weigh as much as the usual loss. */
const LOSS_COUNT = 20;
const USUAL_LOSS = 0.001;

/** A report, bounded. */
interface BoundedSample {
  readonly rttMs: number;
  readonly jitterMs: number;
  readonly loss: number | undefined;
  readonly count: number;
}

/** What both ends measured of a pair. */
export interface MeasuredCell {
  rttMs: number;
  sdMs: number;
  jitterMs: number;
  loss: number;
  /** Decayed number of samples; 0 means that nothing is known. */
  count: number;
}

/** What a pair's ends have measured within the last minute. */
interface Fast {
  rttMs: number;
  count: number;
  scaleMs: number;
}

/** Measurements of the pairs of regions, by the region that measured. */
export class TrunkCells {
  readonly #ends: (TrunkEnd | undefined)[] = [];
  readonly #cell: MeasuredCell = { rttMs: 0, sdMs: 0, jitterMs: 0, loss: 0, count: 0 };
  readonly #fast: Fast = { rttMs: 0, count: 0, scaleMs: 0 };
  /** RTT, jitter, loss by count; count; the highest jitter and loss of an end. */
  readonly #slow = new Float64Array(6);
  readonly #values = new Float64Array(4);
  readonly #counts = new Float64Array(4);
  #sources = 0;

  /**
   * Adds a report.
   * @param capacity - more than all region numbers
   */
  add(
    from: number,
    to: number,
    reporter: string,
    sample: BoundedSample,
    capacity: number,
    nowMs: number,
  ): void {
    let end = this.#ends[from];
    if (end === undefined || end.length < capacity) {
      end = new TrunkEnd(capacity, end);
      this.#ends[from] = end;
    }
    const seat = end.seatOf(reporter, nowMs);
    end.addRtt(seat, to, sample.rttMs, sample.count, nowMs);
    this.#readFast(from, to, nowMs);
    const rttMs = this.#fast.count > 0 ? this.#fast.rttMs : sample.rttMs;
    end.addSlow(to, { ...sample, rttMs }, nowMs);
  }

  /**
   * Returns what both ends measured of a pair. The object is reused by the next call. Jitter and
   * loss are the means of both ends, but at least half of what the worse end sees.
   */
  read(a: number, b: number, nowMs: number): Readonly<MeasuredCell> {
    const cell = this.#cell;
    this.#slow.fill(0);
    this.#addSlow(this.#ends[a], b, nowMs);
    if (a !== b) this.#addSlow(this.#ends[b], a, nowMs);
    const sums = this.#slow;
    const slowCount = sums[3] ?? 0;
    if (slowCount < 1e-3) {
      cell.count = 0;
      return cell;
    }
    cell.count = slowCount;
    cell.jitterMs = Math.max((sums[1] ?? 0) / slowCount, (sums[4] ?? 0) / 2);
    cell.loss = Math.max((sums[2] ?? 0) / slowCount, (sums[5] ?? 0) / 2);
    this.#readFast(a, b, nowMs);
    const { rttMs, count, scaleMs } = this.#fast;
    const share = count / (count + FAST_COUNT);
    const slowMs = (sums[0] ?? 0) / slowCount;
    cell.rttMs = slowMs + (rttMs - slowMs) * share;
    const fastSd = (share * scaleMs) / Math.sqrt(Math.max(1, count));
    const slowSd = (1 - share) * Math.max(scaleMs, DRIFT_SHARE * slowMs);
    // Math.hypot takes several times as long.
    cell.sdMs = Math.sqrt(fastSd * fastSd + slowSd * slowSd);
    return cell;
  }

  /** Adds one end's slow companion to `#slow`. */
  #addSlow(end: TrunkEnd | undefined, to: number, nowMs: number): void {
    if (end === undefined || !end.knows(to)) return;
    const sums = this.#slow;
    const count = end.slowWeightOf(to, nowMs);
    const loss = lossOf(end, to, count);
    const jitter = end.jitterOf(to);
    sums[0] = (sums[0] ?? 0) + end.slowOf(to) * count;
    sums[1] = (sums[1] ?? 0) + jitter * count;
    sums[2] = (sums[2] ?? 0) + loss * count;
    sums[3] = (sums[3] ?? 0) + count;
    sums[4] = Math.max(sums[4] ?? 0, jitter);
    sums[5] = Math.max(sums[5] ?? 0, loss);
  }

  /** Returns whether either end has measured a pair. */
  isMeasured(a: number, b: number): boolean {
    return this.#ends[a]?.knows(b) === true || this.#ends[b]?.knows(a) === true;
  }

  /** Forgets a region whose number another region gets. */
  clear(region: number): void {
    this.#ends[region] = undefined;
    for (const end of this.#ends) end?.clear(region);
  }

  /**
   * Combines the reporters of both ends into `#fast`. With three or more sources none of them alone
   * counts beyond the next one; in any case the result is not less than what either end sees with
   * all its reporters, so that a relay that reports itself fast draws no traffic.
   */
  #readFast(a: number, b: number, nowMs: number): void {
    const fast = this.#fast;
    this.#sources = 0;
    fast.count = 0;
    fast.scaleMs = 0;
    let floor = this.#addFast(this.#ends[a], b, nowMs);
    if (a !== b) floor = Math.max(floor, this.#addFast(this.#ends[b], a, nowMs));
    if (this.#sources === 0) return;
    fast.scaleMs /= fast.count;
    fast.rttMs = Math.max(floor, boundedMean(this.#values, this.#counts, this.#sources));
  }

  /** Adds the seats of one end to `#values`, and returns what all of them see at least, ms. */
  #addFast(end: TrunkEnd | undefined, to: number, nowMs: number): number {
    if (end === undefined) return 0;
    const fast = this.#fast;
    let least = Number.POSITIVE_INFINITY;
    for (let seat = 0; seat < end.means.length; seat++) {
      const means = end.means[seat as Seat];
      const count = means.weightOf(to, nowMs);
      if (count < 0.05) continue;
      const value = means.meanOf(to);
      const scale = end.scaleOf(to, value);
      this.#values[this.#sources] = value;
      this.#counts[this.#sources] = count;
      this.#sources += 1;
      fast.count += count;
      fast.scaleMs += scale * count;
      least = Math.min(least, value - (FLOOR_Z * scale) / Math.sqrt(Math.max(0.25, count)));
    }
    return least < Number.POSITIVE_INFINITY ? least : 0;
  }
}

/** Returns the loss of an end: that of the hour, or that of the minute where it is surely more. */
function lossOf(end: TrunkEnd, to: number, count: number): number {
  const fast = end.fastLossOf(to);
  const slow = end.slowLossOf(to);
  const usual = (slow * count + USUAL_LOSS * LOSS_COUNT) / (count + LOSS_COUNT);
  const fastSd = Math.sqrt((fast * (1 - fast)) / Math.max(1, Math.min(count, 30)));
  return Math.max(usual, fast - FLOOR_Z * fastSd);
}

/** Returns the weighted mean of values, with the extreme ones moved to their neighbours. */
function boundedMean(values: Float64Array, counts: Float64Array, length: number): number {
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (length >= 3) {
    const sorted = values.slice(0, length).sort();
    low = sorted[1] ?? low;
    high = sorted[length - 2] ?? high;
  }
  let [sum, total] = [0, 0];
  for (let i = 0; i < length; i++) {
    const count = counts[i] ?? 0;
    sum += Math.min(high, Math.max(low, values[i] ?? 0)) * count;
    total += count;
  }
  return sum / total;
}
