import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';

/** Changed records of one relay at once. */
export const RECORD_CHANGES_BURST = 8;
/** Time for each further changed record of one relay. */
export const RECORD_CHANGE_INTERVAL_MS = 5_000;

/** Relays whose changes are counted; only holders of a relay secret can add one. */
const RELAYS_MAX = 4 * LIMITS.relaysMax;

/**
 * How often a relay may change its record. Each change is a version of the registry that every
 * relay fetches, so one that changes all the time would keep all busy. It outlives the
 * registration: to deregister first changes nothing.
 *
 * Each entry is the time at which that relay's allowance is whole again (the generic cell rate
 * algorithm of ITU-T I.371).
 */
export class RecordChangeLimiter {
  readonly #clock: Clock;
  readonly #wholeAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how long the relay has to wait with its next change, in milliseconds; 0 for not */
  waitMs(id: string): number {
    const debtMs = (this.#wholeAtMs.get(id) ?? 0) - this.#clock.monotonic();
    const mostMs = (RECORD_CHANGES_BURST - 1) * RECORD_CHANGE_INTERVAL_MS;
    return Math.max(debtMs - mostMs, 0);
  }

  /** Counts a change. */
  changed(id: string): void {
    const now = this.#clock.monotonic();
    const wholeAtMs = Math.max(this.#wholeAtMs.get(id) ?? now, now) + RECORD_CHANGE_INTERVAL_MS;
    this.#wholeAtMs.delete(id);
    this.#wholeAtMs.set(id, wholeAtMs);
    for (const [other, atMs] of this.#wholeAtMs) {
      if (this.#wholeAtMs.size <= RELAYS_MAX && atMs > now) return;
      this.#wholeAtMs.delete(other);
    }
  }
}
