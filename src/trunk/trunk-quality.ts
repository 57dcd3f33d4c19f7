import type { TrunkMeasurement } from '../registry/types.js';

/**
 * Time after which an unanswered probe counts as lost, ms. Time in which this process stood still
 * does not count, since answers may wait to be read.
 */
export const PROBE_LOST_MS = 3_000;

/** Numbers of probes that a reply can tell apart: its count of received ones is modulo this. */
const RECEIVED_MODULUS = 255;

/** Records lost and received on a trunk since its relay was added. */
export interface RecordTotals {
  readonly recordsReceived: number;
  readonly recordsLost: number;
}

/** What is measured of one trunk in some time. */
class Sums {
  roundTrips = 0;
  rttMs = 0;
  differences = 0;
  differenceMs = 0;
  /** Probes sent of which is known whether they arrived, and those that did not. */
  forward = 0;
  forwardLost = 0;
  /** The same of replies, and of records of sessions. */
  back = 0;
  backLost = 0;

  add(other: Sums): void {
    this.roundTrips += other.roundTrips;
    this.rttMs += other.rttMs;
    this.differences += other.differences;
    this.differenceMs += other.differenceMs;
    this.forward += other.forward;
    this.forwardLost += other.forwardLost;
    this.back += other.back;
    this.backLost += other.backLost;
  }
}

/** A probe whose reply has not come yet. */
interface Sent {
  /** Place among the probes of this trunk. */
  readonly place: number;
  readonly atMs: number;
}

/** The newest answered probe: where losses are counted from. */
interface Mark {
  readonly place: number;
  /** As `received` of its reply. */
  readonly received: number;
}

/**
 * Round trip, jitter and loss of a trunk by the probes of its path in use (PROTOCOL.md section 4)
 * and by the sequences of its sessions, since they were last reported. A loss of the two directions
 * is told apart where replies say how many probes have arrived.
 *
 * Bound: the probes of PROBE_LOST_MS.
 */
export class TrunkQuality {
  readonly #waiting = new Map<number, Sent>();
  /** Measured since the last report. */
  #fresh = new Sums();
  /** Reported, but not known to have reached the directory. */
  #told = new Sums();
  #path: object | undefined;
  #places = 0;
  #mark: Mark | undefined;
  #lastRttMs: number | undefined;
  #records: RecordTotals | undefined;

  /**
   * Notes a probe of the path in use.
   * @param path - identifies the path; losses are counted anew on another one
   * @param nowMs - ms in which this process did not stand still
   */
  asked(number: number, path: object, nowMs: number): void {
    if (path !== this.#path) this.#restart(path);
    for (const [each, { atMs }] of this.#waiting) {
      if (nowMs - atMs < PROBE_LOST_MS) break;
      this.#waiting.delete(each);
    }
    this.#places += 1;
    this.#waiting.set(number, { place: this.#places, atMs: nowMs });
  }

  /**
   * Takes the reply to a probe.
   * @param received - how many probes of this path the other relay had received, modulo 255;
   *   undefined if it does not tell
   */
  answered(number: number, rttNs: number, received: number | undefined): void {
    const sent = this.#waiting.get(number);
    if (sent === undefined) return;
    this.#waiting.delete(number);
    const sums = this.#fresh;
    const rttMs = rttNs / 1e6;
    sums.roundTrips += 1;
    sums.rttMs += rttMs;
    if (this.#lastRttMs !== undefined) {
      sums.differences += 1;
      sums.differenceMs += Math.abs(rttMs - this.#lastRttMs);
    }
    this.#lastRttMs = rttMs;
    if (received === undefined) this.#mark = undefined;
    else this.#count(sent.place, received);
  }

  /** Counts what was lost between the newest answered probe and this one. */
  #count(place: number, received: number): void {
    const mark = this.#mark;
    const sums = this.#fresh;
    if (mark === undefined) {
      this.#mark = { place, received };
      return;
    }
    const sent = place - mark.place;
    // A late reply was counted as lost.
    if (sent <= 0) {
      sums.backLost -= 1;
      return;
    }
    this.#mark = { place, received };
    const arrived = (received - mark.received + RECEIVED_MODULUS) % RECEIVED_MODULUS;
    // Not so where the other relay has begun to count anew, or probes have overtaken each other.
    if (sent >= RECEIVED_MODULUS || arrived === 0 || arrived > sent) return;
    sums.forward += sent;
    sums.forwardLost += sent - arrived;
    sums.back += arrived;
    sums.backLost += arrived - 1;
  }

  #restart(path: object): void {
    this.#path = path;
    this.#mark = undefined;
    this.#lastRttMs = undefined;
    this.#waiting.clear();
  }

  /** Takes the totals of the trunk's records; the first ones are the start. */
  records({ recordsReceived, recordsLost }: RecordTotals): void {
    const before = this.#records;
    this.#records = { recordsReceived, recordsLost };
    if (before === undefined || recordsReceived < before.recordsReceived) return;
    const lost = recordsLost - before.recordsLost;
    this.#fresh.back += recordsReceived - before.recordsReceived + lost;
    this.#fresh.backLost += lost;
  }

  /** Whether there is a round trip to report. */
  get hasNews(): boolean {
    return this.#fresh.roundTrips + this.#told.roundTrips > 0;
  }

  /**
   * Returns what was measured since the last report that `delivered` has confirmed; undefined
   * without a round trip.
   */
  report(): Omit<TrunkMeasurement, 'relay'> | undefined {
    this.#told.add(this.#fresh);
    this.#fresh = new Sums();
    const { roundTrips, rttMs, differences, differenceMs, ...told } = this.#told;
    if (roundTrips === 0) return undefined;
    return {
      rtt: rttMs / roundTrips,
      jitter: differences === 0 ? 0 : differenceMs / differences,
      loss: [share(told.forwardLost, told.forward), share(told.backLost, told.back)],
      count: roundTrips,
    };
  }

  /** Confirms that the last report has reached the directory. */
  delivered(): void {
    this.#told = new Sums();
  }
}

/** Returns null for a share of nothing. A late reply may leave less than nothing lost. */
function share(lost: number, all: number): number | null {
  return all <= 0 ? null : Math.min(Math.max(lost / all, 0), 1);
}
