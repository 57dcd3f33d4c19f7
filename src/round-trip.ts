/** Parameters of a timeout. */
export interface TimeoutBounds {
  /** Timeout before the first sample. */
  readonly firstMs: number;
  /** Minimum timeout. */
  readonly minMs: number;
  /** Maximum time for which the other side delays its response; added to the measurement. */
  readonly delayMs?: number;
}

/**
 * Smoothed round trip and its variation (RFC 6298 section 2). Samples must be of messages that were
 * sent once, or that identify the copy that they answer (Karn's algorithm).
 */
export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;

  /** Smoothed round trip, ms; undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Shortest round trip, ms; Infinity before the first sample. */
  get leastMs(): number {
    return this.#leastMs;
  }

  /** Adds a sample. @param sampleMs - a measured round trip, ms */
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

  /** Returns the retransmission timeout (RFC 6298 section 2.3), ms. */
  timeoutMs({ firstMs, minMs, delayMs = 0 }: TimeoutBounds): number {
    if (this.#smoothedMs === undefined) return Math.max(firstMs, minMs);
    return Math.max(this.#smoothedMs + 4 * this.#variationMs + delayMs, minMs);
  }
}
