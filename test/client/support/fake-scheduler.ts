import type { Cancel, Scheduler } from '../../../src/client/index.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
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

  /** Timers that are armed: none may be left when everything is closed. */
  get armed(): number {
    return this.#timers.size;
  }

  /**
   * Time goes on without anything being called back, as while a process or a host stands still.
   * @param wallMs - of the wall clock, which may go on where the monotonic one does not
   */
  skip(ms: number, wallMs = ms): void {
    this.#nowMs += ms;
    this.#wallAheadMs += wallMs - ms;
  }

  /** Lets time pass, calling back on the way in order. */
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
