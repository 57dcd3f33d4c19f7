import type { Clock } from '../../src/clock.js';

/** A clock that only `advance` moves; wall clock and monotonic clock move together. */
export class TestClock implements Clock {
  #monotonic = 1_000;

  now(): number {
    return Date.UTC(2026, 10, 22) + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  advance(ms: number): void {
    this.#monotonic += ms;
  }
}
