import { STREAM } from './bounds.js';

/** Smoothed round trip and its variation (RFC 6298 section 2). */
export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** The shortest ever seen. */
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
    const error = Math.abs(this.#smoothedMs - sampleMs);
    this.#variationMs = (3 * this.#variationMs + error) / 4;
    this.#smoothedMs = (7 * this.#smoothedMs + sampleMs) / 8;
  }

  /**
   * How long to wait for an answer before probing (RFC 9002 section 6.2.1).
   * @param backoff - probes since the last answer; each doubles the wait
   */
  probeMs(backoff: number): number {
    const base =
      this.#smoothedMs === undefined
        ? STREAM.probeMsFirst
        : this.#smoothedMs + 4 * this.#variationMs + STREAM.ackDelayMs;
    const waitMs = Math.max(base, STREAM.probeMsMin) * 2 ** Math.min(backoff, 16);
    return Math.min(waitMs, STREAM.probeMsMax);
  }

  /** How much later than its successors a segment may come (RFC 9002 section 6.1.2). */
  get reorderingMs(): number {
    return Math.max(1, (9 / 8) * (this.#smoothedMs ?? STREAM.probeMsFirst));
  }
}
