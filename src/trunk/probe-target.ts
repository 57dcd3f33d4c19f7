import { RELAY_GONE_MS } from './relay-loss.js';

/** Minimum time after which a reply is overdue; else twice the round trip and 200 ms. */
export const PROBE_PATIENCE_MS_MIN = 500;
/** Minimum time without a reply after which another path is preferred. */
export const PATH_FAILING_MS = 1_500;
/** Minimum lost probes after which another path is preferred. */
export const PROBES_LOST_FAILING_MIN = 3;
/** Minimum lost probes after which a path is dead (RELAY_GONE_MS). */
export const PROBES_LOST_DEAD_MIN = 5;

/**
 * State of a path's probes from one source port. `suspect`: a reply is overdue. `failing`: so many
 * replies are missing that another path is preferred. `dead`: it has been lost for `RELAY_GONE_MS`.
 */
export type ProbeState = 'unmeasured' | 'answered' | 'suspect' | 'failing' | 'dead';

/** Number of round trips in the median, so that one outlier has no effect. */
const ROUND_TRIPS = 5;
/** Initial estimate of the share of lost probes, and the weight of each further probe. */
const LOST_SHARE_FIRST = 0.4;
const LOST_WEIGHT = 1 / 16;
/** Added to the estimate of the share of lost probes, as its margin of error. */
const LOST_SHARE_MARGIN = 0.1;
const LOST_SHARE_MAX = 0.75;
/** Probability below which a run of losses is not explained by random loss. */
const CHANCE = 0.00001;
/** Maximum remembered send times; the oldest unanswered one is always kept. */
const SENT_MAX = 64;

/** A probed path from one source port. Times are monotonic ms. */
export class ProbeTarget {
  /** Time of the last probe. */
  askedAt = Number.NEGATIVE_INFINITY;
  standing: ProbeState = 'unmeasured';
  /** UDP payload of the last probe, bytes. */
  bytes = 0;
  #sent: number[] = [];
  #roundTripsNs: number[] = [];
  #lostShare = LOST_SHARE_FIRST;

  /** Median of the last round trips, ns; undefined before the first. */
  get rttNs(): number | undefined {
    const sorted = this.#roundTripsNs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** Number of probes since the newest answered one. */
  get unanswered(): number {
    return this.#sent.length;
  }

  /** Notes that a probe was sent. */
  asked(now: number): void {
    this.askedAt = now;
    this.#sent.push(now);
    if (this.#sent.length > SENT_MAX) this.#sent.splice(1, 1);
  }

  /** Takes the reply to a probe sent at `sentAt`. */
  answered(sentAt: number, rttNs: number): void {
    const before = this.#sent.filter((time) => time < sentAt).length;
    // Losses during an outage do not count as random loss.
    for (let n = 0; n < before && this.standing !== 'dead'; n++) this.#weigh(1);
    this.#weigh(0);
    this.#sent = this.#sent.filter((time) => time > sentAt);
    this.#roundTripsNs.push(rttNs);
    if (this.#roundTripsNs.length > ROUND_TRIPS) this.#roundTripsNs.shift();
    this.standing = 'answered';
  }

  #weigh(lost: 0 | 1): void {
    this.#lostShare += (lost - this.#lostShare) * LOST_WEIGHT;
  }

  /** Minimum run of losses that random loss does not explain. */
  get #lossesMin(): number {
    const share = Math.min(this.#lostShare + LOST_SHARE_MARGIN, LOST_SHARE_MAX);
    return Math.ceil(Math.log(CHANCE) / Math.log(share));
  }

  /** Stops waiting for replies to the probes sent so far. */
  giveUp(): void {
    this.#sent = [];
  }

  /** Returns the age of the oldest probe since the newest answered one, ms. */
  waitingMs(now: number): number {
    const [oldest] = this.#sent;
    return oldest === undefined ? 0 : now - oldest;
  }

  /** Time after which a reply is overdue, ms. */
  get patienceMs(): number {
    const rttMs = (this.rttNs ?? 0) / 1e6;
    return Math.min(Math.max(2 * rttMs + 200, PROBE_PATIENCE_MS_MIN), RELAY_GONE_MS);
  }

  /**
   * Updates the standing.
   * @returns whether it has changed
   */
  check(now: number): boolean {
    const before = this.standing;
    const waiting = this.waitingMs(now);
    const { unanswered } = this;
    const losses = this.#lossesMin;
    const failingMs = Math.max(PATH_FAILING_MS, 2 * this.patienceMs);
    if (waiting >= RELAY_GONE_MS && unanswered >= Math.max(PROBES_LOST_DEAD_MIN, losses)) {
      this.standing = 'dead';
    } else if (
      waiting >= failingMs &&
      unanswered >= Math.max(PROBES_LOST_FAILING_MIN, Math.ceil(losses / 2))
    ) {
      if (before !== 'dead') this.standing = 'failing';
    } else if (waiting >= this.patienceMs && before === 'answered') {
      this.standing = 'suspect';
    }
    return this.standing !== before;
  }

  /** Whether it was answered and is not failing. */
  get isProven(): boolean {
    return this.standing === 'answered' || this.standing === 'suspect';
  }

  /** Whether it is usable, as far as is known. */
  get isGood(): boolean {
    return this.standing !== 'failing' && this.standing !== 'dead';
  }
}
