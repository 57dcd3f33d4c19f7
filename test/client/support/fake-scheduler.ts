import type { Cancel, Scheduler } from '../../../src/client/index.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A scheduler whose time only `advance` and `skip` move. */
export class FakeScheduler implements Scheduler {
  #nowMs = 1_000;
  #wallAheadMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return 1_795_334_400_000 + this.#nowMs + this.#wallAheadMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Number of armed timers. */
  get armed(): number {
    return this.#timers.size;
  }

  /**
   * Moves time without calling timers back, as while the process or the host is stopped.
   * @param wallMs - time of the wall clock, which continues where the monotonic clock stops
   */
  skip(ms: number, wallMs = ms): void {
    this.#nowMs += ms;
    this.#wallAheadMs += wallMs - ms;
  }

  /** Moves time and calls due timers back in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
    }
    this.#nowMs = untilMs;
  }
}
