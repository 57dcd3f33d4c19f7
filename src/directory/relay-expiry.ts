import type { Clock } from '../clock.js';
import { type Timed, TimingWheel } from '../collections/timing-wheel.js';

/** Minimum gap between two signs of activity of this process that counts as its stall, ms. */
const STALL_MS = 1_500;
/** Resolution of expiry, ms. */
const RESOLUTION_MS = 10;

/** What expires unless it is heard. Only `RelayExpiry` writes the members of `Timed`. */
export interface Expiring extends Timed {
  /** Silence after which it expires, ms. */
  expiryMs: number;
  /** When it was heard last, ms of `RelayExpiry`'s own time. */
  heardMs: number;
}

/**
 * Finds the relays that have been silent for too long. A beat costs constant time, and a sweep
 * visits each relay once in its expiry time, not at every call.
 *
 * Its time is the monotonic clock without the stalls of this process: during a stall nothing is
 * received, so silence does not count.
 */
export class RelayExpiry<T extends Expiring> {
  readonly #clock: Clock;
  readonly #wheel: TimingWheel<T>;
  #activeAtMs: number;
  /** Length of all stalls, ms. */
  #stalledMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#activeAtMs = clock.monotonic();
    this.#wheel = new TimingWheel(RESOLUTION_MS, this.#activeAtMs);
  }

  /** Notes that an item is alive, and watches it if it is new. */
  heard(item: T): void {
    item.heardMs = this.#nowMs();
    // A known item's deadline is moved when it comes: most are heard several times before that.
    if (item.wheelBucket === undefined) this.#wheel.set(item, item.heardMs + item.expiryMs);
  }

  /** Watches an item no longer. */
  forget(item: T): void {
    this.#wheel.clear(item);
  }

  /**
   * Returns the items that expire now, which are watched no longer.
   * @param heardUntilMs - time up to which all received requests have been processed, monotonic ms
   */
  sweep(heardUntilMs: number): T[] {
    this.#nowMs();
    const untilMs = heardUntilMs - this.#stalledMs;
    const expired: T[] = [];
    for (const item of this.#wheel.turn(untilMs)) {
      if (untilMs - item.heardMs >= item.expiryMs) expired.push(item);
      else this.#wheel.set(item, item.heardMs + item.expiryMs);
    }
    return expired;
  }

  #nowMs(): number {
    const now = this.#clock.monotonic();
    const gap = now - this.#activeAtMs;
    this.#activeAtMs = now;
    if (gap > STALL_MS) this.#stalledMs += gap;
    return now - this.#stalledMs;
  }
}
