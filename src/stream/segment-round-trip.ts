import { RoundTrip } from '../round-trip.js';
import { ACK_DELAY_MS } from './receive-window.js';

/** Probe timeout before a round trip is known. */
export const PROBE_MS_FIRST = 500;

/** Minimum probe timeout. */
export const PROBE_MS_MIN = 50;

/** Maximum probe timeout. */
export const PROBE_MS_MAX = 2_000;

/** Round trip of segments, and the loss detection timers that derive from it. */
export class SegmentRoundTrip extends RoundTrip {
  /**
   * Returns the probe timeout, ms (RFC 9002 section 6.2.1).
   * @param backoff - number of probes since the last answer; each doubles the timeout
   */
  probeMs(backoff: number): number {
    const bounds = { firstMs: PROBE_MS_FIRST, minMs: PROBE_MS_MIN, delayMs: ACK_DELAY_MS };
    return Math.min(this.timeoutMs(bounds) * 2 ** Math.min(backoff, 16), PROBE_MS_MAX);
  }

  /** Time by which a segment may arrive after its successors, ms (RFC 9002 section 6.1.2). */
  get reorderingMs(): number {
    return Math.max(1, (9 / 8) * (this.smoothedMs ?? PROBE_MS_FIRST));
  }
}
