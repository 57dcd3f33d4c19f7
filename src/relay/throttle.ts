import type { Clock } from '../clock.js';

/** Runs an action at once, but not more often than once in an interval. */
export class Throttle {
  readonly #paceMs: number;
  readonly #clock: Clock;
  readonly #action: () => void;
  #doneAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(paceMs: number, clock: Clock, action: () => void) {
    this.#paceMs = paceMs;
    this.#clock = clock;
    this.#action = action;
  }

  /**
   * Runs the action now, or at the end of the interval. Further calls until then have no effect.
   */
  ask(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#doneAtMs + this.#paceMs - this.#clock.monotonic();
    if (waitMs <= 0) this.#do();
    else this.#timer = setTimeout(() => this.#do(), waitMs);
  }

  /** Cancels a pending action. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #do(): void {
    this.#timer = undefined;
    this.#doneAtMs = this.#clock.monotonic();
    this.#action();
  }
}
