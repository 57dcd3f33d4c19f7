import type { Clock } from '../clock.js';

/** Limits lines of a log to a number per time window, and counts omitted ones. */
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

  /** Starts the next window if the last one is over. @returns whether it did */
  next(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#beganAtMs < this.#windowMs) return false;
    this.#beganAtMs = now;
    this.#lines = 0;
    return true;
  }

  /** Returns whether another line may be written; if not, counts it as omitted. */
  take(): boolean {
    this.next();
    const isRoom = this.#lines < this.#linesMax;
    if (isRoom) this.#lines += 1;
    else this.#leftOut += 1;
    return isRoom;
  }

  /** Returns the number of lines omitted since the last call. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
