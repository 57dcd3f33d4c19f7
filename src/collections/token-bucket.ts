/** Rate and burst of a `TokenBucket`. */
export interface TokenRate {
  readonly perSecond: number;
  /** Tokens that may be taken at once; the bucket starts with them. */
  readonly burst: number;
}

/** A rate limit: tokens are earned at a constant rate and taken one by one. */
export class TokenBucket {
  readonly #rate: TokenRate;
  #tokens: number;
  #atMs: number;

  /** @param now - monotonic ms */
  constructor(rate: TokenRate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = now;
  }

  /** Takes a token. @returns false if there is none at `now`, monotonic ms */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate;
    const earned = ((now - this.#atMs) * perSecond) / 1_000;
    this.#tokens = Math.min(this.#tokens + earned, burst);
    this.#atMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
