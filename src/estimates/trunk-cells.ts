import { SEATS, TrunkEnd } from './trunk-end.js';

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
  readonly #values = new Float64Array(4);
  readonly #counts = new Float64Array(4);

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
    const ends = [this.#ends[a], a === b ? undefined : this.#ends[b]] as const;
    let [slow, jitter, loss, slowCount] = [0, 0, 0, 0];
    let [jitterMax, lossMax] = [0, 0];
    for (const [i, end] of ends.entries()) {
      const to = i === 0 ? b : a;
      if (end === undefined || !end.knows(to)) continue;
      const count = end.slowWeightOf(to, nowMs);
      const lossHere = lossOf(end, to, count);
      const jitterHere = end.jitterOf(to);
      slow += end.slowOf(to) * count;
      jitter += jitterHere * count;
      loss += lossHere * count;
      slowCount += count;
      jitterMax = Math.max(jitterMax, jitterHere);
      lossMax = Math.max(lossMax, lossHere);
    }
    cell.count = slowCount;
    if (slowCount < 1e-3) {
      cell.count = 0;
      return cell;
    }
    cell.jitterMs = Math.max(jitter / slowCount, jitterMax / 2);
    cell.loss = Math.max(loss / slowCount, lossMax / 2);
    this.#readFast(a, b, nowMs);
    const { rttMs, count, scaleMs } = this.#fast;
    const share = count / (count + FAST_COUNT);
    const slowMs = slow / slowCount;
    cell.rttMs = slowMs + (rttMs - slowMs) * share;
    const fastSd = scaleMs / Math.sqrt(Math.max(1, count));
    const slowSd = Math.max(scaleMs, DRIFT_SHARE * slowMs);
    cell.sdMs = Math.hypot(fastSd * share, slowSd * (1 - share));
    return cell;
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
    const [values, counts, fast] = [this.#values, this.#counts, this.#fast];
    let [sources, floor, scaleSum] = [0, 0, 0];
    fast.count = 0;
    for (let i = 0; i < (a === b ? 1 : 2); i++) {
      const end = this.#ends[i === 0 ? a : b];
      const to = i === 0 ? b : a;
      if (end === undefined) continue;
      let least = Number.POSITIVE_INFINITY;
      for (const seat of SEATS) {
        const count = end.means[seat].weightOf(to, nowMs);
        if (count < 0.05) continue;
        const value = end.means[seat].meanOf(to);
        const scale = end.scaleOf(to, value);
        values[sources] = value;
        counts[sources] = count;
        sources += 1;
        fast.count += count;
        scaleSum += scale * count;
        least = Math.min(least, value - (FLOOR_Z * scale) / Math.sqrt(Math.max(0.25, count)));
      }
      if (least < Number.POSITIVE_INFINITY) floor = Math.max(floor, least);
    }
    if (sources === 0) return;
    fast.scaleMs = scaleSum / fast.count;
    fast.rttMs = Math.max(floor, boundedMean(values, counts, sources));
  }
}

/** Returns the loss of an end: that of the hour, or that of the minute where it is surely more. */
function lossOf(end: TrunkEnd, to: number, count: number): number {
  const { fast, slow } = end.lossOf(to);
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
