import type { Clock } from '../clock.js';

/** Does what is asked for at once, but not more often than every so many milliseconds. */
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

  /** Now, or when it is time again; what is asked for until then is the same. */
  ask(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#doneAtMs + this.#paceMs - this.#clock.monotonic();
    if (waitMs <= 0) this.#do();
    else this.#timer = setTimeout(() => this.#do(), waitMs);
  }

  /** What was asked for is not done any more. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #do(): void {
    this.#timer = undefined;
    this.#doneAtMs = this.#clock.monotonic();
    this.#action();
  }
}
