import type { Clock } from '../clock.js';

/** Bounds lines of a log: so many in each stretch of time, and the rest is counted. */
export class LineLimiter {
  readonly #linesMax: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #leftOut = 0;

  constructor(linesMax: number, windowMs: number, clock: Clock) {
    this.#linesMax = linesMax;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** Begins the next stretch when the last is over. @returns whether it was */
  next(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#beganAtMs < this.#windowMs) return false;
    this.#beganAtMs = now;
    this.#lines = 0;
    return true;
  }

  /** Whether one more may be written; if not, it counts as left out. */
  take(): boolean {
    this.next();
    const isRoom = this.#lines < this.#linesMax;
    if (isRoom) this.#lines += 1;
    else this.#leftOut += 1;
    return isRoom;
  }

  /** How many were left out since this was asked last. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
