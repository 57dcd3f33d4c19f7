import { RELAY_GONE_MS } from './relay-liveness.js';

/** A probe without an answer is overdue after this long, or after twice its round trip. */
export const PROBE_PATIENCE_MS_MIN = 500;
/** A path that has not answered for this long, and so many probes, is left for another one. */
export const PATH_FAILING_MS = 1_500;
/** Probes that must be lost before a path is left for another one. */
export const PROBES_LOST_FAILING_MIN = 3;
/** Probes that must be lost before a path counts as dead (RELAY_GONE_MS). */
export const PROBES_LOST_DEAD_MIN = 5;

/**
 * What the answers say of a source port's probes by a path. `suspect`: one answer is overdue.
 * `failing`: so many are that something else should be used. `dead`: for so long that it counts as
 * lost.
 */
export type Standing = 'unmeasured' | 'answered' | 'suspect' | 'failing' | 'dead';

/** Round trips that the one in use is the median of: a single wrong one moves nothing. */
const ROUND_TRIPS = 5;
/** Share of probes that is taken to be lost at first, and what each further one weighs. */
const LOST_SHARE_FIRST = 0.4;
const LOST_WEIGHT = 1 / 16;
/** What the estimate of the share may be wrong by; a share above the other is no chance. */
const LOST_SHARE_MARGIN = 0.1;
const LOST_SHARE_MAX = 0.75;
/** So many losses in a row say something that chance explains in fewer cases than this. */
const CHANCE = 0.00001;
/** Send times remembered; the oldest of those that were not answered is always among them. */
const SENT_MAX = 64;

/** What is probed: a path from one of our source ports. Times are monotonic milliseconds. */
export class ProbeTarget {
  /** When it was probed last. */
  askedAt = Number.NEGATIVE_INFINITY;
  standing: Standing = 'unmeasured';
  /** UDP payload of the last one. */
  bytes = 0;
  #sent: number[] = [];
  #roundTripsNs: number[] = [];
  #lostShare = LOST_SHARE_FIRST;

  /** Median of the last round trips; undefined before the first. */
  get rttNs(): number | undefined {
    const sorted = this.#roundTripsNs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** Probes since the newest one that was answered. */
  get unanswered(): number {
    return this.#sent.length;
  }

  asked(now: number): void {
    this.askedAt = now;
    this.#sent.push(now);
    if (this.#sent.length > SENT_MAX) this.#sent.splice(1, 1);
  }

  /** A probe sent at `sentAt` came back. */
  answered(sentAt: number, rttNs: number): void {
    const before = this.#sent.filter((time) => time < sentAt).length;
    // What an outage took was not lost by chance.
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

  /** Losses in a row that say more than that some are lost in transit. */
  get #lossesMin(): number {
    const share = Math.min(this.#lostShare + LOST_SHARE_MARGIN, LOST_SHARE_MAX);
    return Math.ceil(Math.log(CHANCE) / Math.log(share));
  }

  /** What was sent is not waited for any more. */
  giveUp(): void {
    this.#sent = [];
  }

  /** How long the oldest probe waits that was sent after the newest answered one. */
  waitingMs(now: number): number {
    const [oldest] = this.#sent;
    return oldest === undefined ? 0 : now - oldest;
  }

  /** How long an answer may take. */
  get patienceMs(): number {
    const rttMs = (this.rttNs ?? 0) / 1e6;
    return Math.min(Math.max(2 * rttMs + 200, PROBE_PATIENCE_MS_MIN), RELAY_GONE_MS);
  }

  /** Looks what has become of it. @returns whether its standing has changed */
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

  /** Whether it was answered, and nothing has come up against it since. */
  get isProven(): boolean {
    return this.standing === 'answered' || this.standing === 'suspect';
  }

  /** Whether it is of use, as far as is known. */
  get isGood(): boolean {
    return this.standing !== 'failing' && this.standing !== 'dead';
  }
}
