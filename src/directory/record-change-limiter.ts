import type { Clock } from '../clock.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';

/** Changed records of one relay in a burst. */
export const RECORD_CHANGES_BURST = 8;
/** Interval of further changed records of one relay. */
export const RECORD_CHANGE_INTERVAL_MS = 5_000;

/**
 * Limits how often a relay may change its record. Each change makes a version of the registry that
 * every relay fetches. The limit outlives the registration, so deregistering first does not evade
 * it.
 *
 * Each entry is the time at which the relay's allowance is full again (the generic cell rate
 * algorithm of ITU-T I.371).
 */
export class RecordChangeLimiter {
  readonly #clock: Clock;
  readonly #wholeAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the time until the relay's next change is allowed, ms; 0 if it is allowed now. */
  waitMs(id: string): number {
    const debtMs = (this.#wholeAtMs.get(id) ?? 0) - this.#clock.monotonic();
    const mostMs = (RECORD_CHANGES_BURST - 1) * RECORD_CHANGE_INTERVAL_MS;
    return Math.max(debtMs - mostMs, 0);
  }

  /**
   * Counts a change. Forgets the oldest relays beyond the bound, and those with a full allowance.
   */
  changed(id: string): void {
    const now = this.#clock.monotonic();
    const wholeAtMs = Math.max(this.#wholeAtMs.get(id) ?? now, now) + RECORD_CHANGE_INTERVAL_MS;
    this.#wholeAtMs.delete(id);
    this.#wholeAtMs.set(id, wholeAtMs);
    for (const [other, atMs] of this.#wholeAtMs) {
      if (this.#wholeAtMs.size <= REGISTRATION_LIMITS.relaysRememberedMax && atMs > now) return;
      this.#wholeAtMs.delete(other);
    }
  }
}
