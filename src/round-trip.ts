/** What a timeout is made from, all in milliseconds. */
export interface TimeoutBounds {
  /** The timeout before the first sample. */
  readonly firstMs: number;
  /** The shortest. */
  readonly minMs: number;
  /** Added to what was measured: how long the other side may hold its answer back. */
  readonly delayMs?: number;
}

/**
 * The smoothed round trip and its variation (RFC 6298 section 2). Samples must come from messages
 * that were sent once, or say which copy they answer (Karn's rule).
 */
export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** The shortest that was measured; Infinity before the first sample. */
  get leastMs(): number {
    return this.#leastMs;
  }

  /** @param sampleMs - one measured round trip */
  add(sampleMs: number): void {
    this.#leastMs = Math.min(this.#leastMs, sampleMs);
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = sampleMs;
      this.#variationMs = sampleMs / 2;
      return;
    }
    const error = sampleMs - this.#smoothedMs;
    this.#variationMs += (Math.abs(error) - this.#variationMs) / 4;
    this.#smoothedMs += error / 8;
  }

  /** How long an answer may take (RFC 6298 section 2.3), milliseconds. */
  timeoutMs({ firstMs, minMs, delayMs = 0 }: TimeoutBounds): number {
    if (this.#smoothedMs === undefined) return Math.max(firstMs, minMs);
    return Math.max(this.#smoothedMs + 4 * this.#variationMs + delayMs, minMs);
  }
}
