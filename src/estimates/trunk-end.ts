import { RobustMeans } from './robust-means.js';

/** Time in which the weight of a trunk's sample falls to 1/e. */
export const TRUNK_DECAY_MS = 30_000;
/** The same for the companion that bridges gaps and judges loss. */
export const TRUNK_SLOW_DECAY_MS = 3_600_000;
/** Maximum weight of the slow companion, in samples. */
const SLOW_WEIGHT_MAX = 1_000;
const SLOW_WEIGHT_UNIT = 1 / 16;
/** A first reporter that is silent for so long gives its seat to another. */
const SEAT_SILENT_MS = 300_000;
/** Deviation of reports before there are any, and the least one, as a share of the RTT and ms. */
const SCALE_SHARE = 0.01;
const SCALE_MS_MIN = 0.3;

/** Probes that a report counts for at most by its loss, for each of its round trips. */
const SENT_PER_ROUND_TRIP_MAX = 4;

const LOSS_UNIT = 1 / 65_535;
const JITTER_UNIT_MS = 0.05;

/** Two seats: one reporter, and all others, so that neither speaks for the other. */
const SEATS = [0, 1] as const;
export type Seat = (typeof SEATS)[number];

/** What the relays of one region measure of the trunks to all regions. */
export class TrunkEnd {
  /** Means by seat and region. */
  readonly means: readonly [RobustMeans, RobustMeans];
  readonly length: number;
  readonly #scale: Float32Array;
  readonly #slow: Float32Array;
  readonly #slowWeight: Uint16Array;
  readonly #slowSecond: Uint32Array;
  readonly #jitter: Uint16Array;
  readonly #lossFast: Uint16Array;
  readonly #lossSlow: Uint16Array;
  #first: string | undefined;
  #firstMs = 0;

  /** @param former - an end with fewer regions that this one replaces */
  constructor(length: number, former?: TrunkEnd) {
    this.length = length;
    this.means = [new RobustMeans(length, TRUNK_DECAY_MS), new RobustMeans(length, TRUNK_DECAY_MS)];
    this.#scale = new Float32Array(length);
    this.#slow = new Float32Array(length);
    this.#slowWeight = new Uint16Array(length);
    this.#slowSecond = new Uint32Array(length);
    this.#jitter = new Uint16Array(length);
    this.#lossFast = new Uint16Array(length);
    this.#lossSlow = new Uint16Array(length);
    if (former === undefined) return;
    for (const seat of SEATS) this.means[seat].copy(former.means[seat]);
    this.#scale.set(former.#scale);
    this.#slow.set(former.#slow);
    this.#slowWeight.set(former.#slowWeight);
    this.#slowSecond.set(former.#slowSecond);
    this.#jitter.set(former.#jitter);
    this.#lossFast.set(former.#lossFast);
    this.#lossSlow.set(former.#lossSlow);
    this.#first = former.#first;
    this.#firstMs = former.#firstMs;
  }

  /** Returns the seat of a reporter: the first one has the first, as long as it reports. */
  seatOf(reporter: string, nowMs: number): Seat {
    const isFree = this.#first === undefined || nowMs - this.#firstMs > SEAT_SILENT_MS;
    if (isFree) this.#first = reporter;
    if (this.#first !== reporter) return 1;
    this.#firstMs = nowMs;
    return 0;
  }

  /** Adds the mean RTT of a report, ms. */
  addRtt(seat: Seat, region: number, rttMs: number, count: number, nowMs: number): void {
    const mean = this.means[seat].meanOf(region);
    const scale = this.scaleOf(region, mean === 0 ? rttMs : Math.min(mean, rttMs));
    const deviation = this.means[seat].add(region, rttMs, count, scale, nowMs);
    const gain = count / (count + 30);
    this.#scale[region] = scale + (Math.abs(deviation) - scale) * gain;
  }

  /** Returns the mean deviation of reports, ms. */
  scaleOf(region: number, rttMs: number): number {
    return Math.max(SCALE_MS_MIN, SCALE_SHARE * rttMs, this.#scale[region] ?? 0);
  }

  /**
   * Moves the slow companion towards the trusted estimate, and adds a report's jitter and loss.
   * @param loss - share that was lost in the worse direction; undefined if it cannot be told
   */
  addSlow(
    region: number,
    sample: { rttMs: number; jitterMs: number; loss: number | undefined; count: number },
    nowMs: number,
  ): void {
    const { rttMs, jitterMs, loss, count } = sample;
    const weight = this.slowWeightOf(region, nowMs);
    const gain = count / (weight + count);
    const fastGain = Math.max(gain, count / (count + TRUNK_DECAY_MS / 1_000));
    const slow = this.slowOf(region);
    this.#slow[region] = slow + (rttMs - slow) * gain;
    const total = Math.min(SLOW_WEIGHT_MAX, weight + count);
    this.#slowWeight[region] = Math.floor(total / SLOW_WEIGHT_UNIT);
    this.#slowSecond[region] = Math.floor(nowMs / 1_000);
    const jitter = this.jitterOf(region);
    this.#jitter[region] = Math.round((jitter + (jitterMs - jitter) * fastGain) / JITTER_UNIT_MS);
    if (loss === undefined) return;
    // A share of what was sent, which a report with a loss has more of than round trips.
    const sent = count / Math.max(1 / SENT_PER_ROUND_TRIP_MAX, 1 - loss);
    const slowGainOfLoss = sent / (weight / (1 - Math.min(0.9, this.slowLossOf(region))) + sent);
    const fastGainOfLoss = Math.max(slowGainOfLoss, sent / (sent + TRUNK_DECAY_MS / 1_000));
    const towards = (former: number, by: number) => former + (loss / LOSS_UNIT - former) * by;
    this.#lossFast[region] = Math.round(towards(this.#lossFast[region] ?? 0, fastGainOfLoss));
    this.#lossSlow[region] = Math.round(towards(this.#lossSlow[region] ?? 0, slowGainOfLoss));
  }

  /** Returns the slow mean RTT, ms; meaningless without weight. */
  slowOf(region: number): number {
    return this.#slow[region] ?? 0;
  }

  /** Returns the decayed number of samples of the slow companion. */
  slowWeightOf(region: number, nowMs: number): number {
    const stored = this.#slowWeight[region] ?? 0;
    if (stored === 0) return 0;
    const ageMs = Math.max(0, nowMs - (this.#slowSecond[region] ?? 0) * 1_000);
    return stored * SLOW_WEIGHT_UNIT * Math.exp(-ageMs / TRUNK_SLOW_DECAY_MS);
  }

  /** Returns the mean jitter, ms. */
  jitterOf(region: number): number {
    return (this.#jitter[region] ?? 0) * JITTER_UNIT_MS;
  }

  /** Returns the share lost within about the last minute. */
  fastLossOf(region: number): number {
    return (this.#lossFast[region] ?? 0) * LOSS_UNIT;
  }

  /** Returns the share lost within about the last hour. */
  slowLossOf(region: number): number {
    return (this.#lossSlow[region] ?? 0) * LOSS_UNIT;
  }

  /** Returns whether there were reports within the memory of the slow companion. */
  knows(region: number): boolean {
    return (this.#slowWeight[region] ?? 0) > 0;
  }

  /** Forgets a region whose number another region gets. */
  clear(region: number): void {
    for (const seat of SEATS) this.means[seat].clear(region);
    for (const field of [this.#scale, this.#slow]) field[region] = 0;
    for (const field of [this.#slowWeight, this.#jitter, this.#lossFast, this.#lossSlow]) {
      field[region] = 0;
    }
  }
}
