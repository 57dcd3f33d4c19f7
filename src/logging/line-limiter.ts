import type { Clock } from '../clock.js';
import { TokenBucket, type TokenRate } from '../collections/token-bucket.js';

/** Limits the rate of one kind of log line, and counts the lines that are left out. */
export class LineLimiter {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  #omitted = 0;

  constructor(rate: TokenRate, clock: Clock) {
    this.#clock = clock;
    this.#bucket = new TokenBucket(rate, clock.monotonic());
  }

  /** Returns whether another line may be written; if not, counts it as omitted. */
  take(): boolean {
    const isRoom = this.#bucket.take(this.#clock.monotonic());
    if (!isRoom) this.#omitted += 1;
    return isRoom;
  }

  /** Returns the number of lines omitted since the last call. */
  takeOmitted(): number {
    const omitted = this.#omitted;
    this.#omitted = 0;
    return omitted;
  }
}
