import { RoundTrip } from '../round-trip.js';
import { ACK_DELAY_MS } from './receive-window.js';

/** The wait before a probe while no round trip is known. */
export const PROBE_MS_FIRST = 500;

/** The shortest wait before a probe. */
export const PROBE_MS_MIN = 50;

/** The longest wait before a probe. */
export const PROBE_MS_MAX = 2_000;

/** The round trip of segments, and what loss detection derives from it. */
export class SegmentRoundTrip extends RoundTrip {
  /**
   * How long to wait for an answer before probing (RFC 9002 section 6.2.1).
   * @param backoff - probes since the last answer; each doubles the wait
   */
  probeMs(backoff: number): number {
    const bounds = { firstMs: PROBE_MS_FIRST, minMs: PROBE_MS_MIN, delayMs: ACK_DELAY_MS };
    return Math.min(this.timeoutMs(bounds) * 2 ** Math.min(backoff, 16), PROBE_MS_MAX);
  }

  /** How much later than its successors a segment may come (RFC 9002 section 6.1.2). */
  get reorderingMs(): number {
    return Math.max(1, (9 / 8) * (this.smoothedMs ?? PROBE_MS_FIRST));
  }
}
