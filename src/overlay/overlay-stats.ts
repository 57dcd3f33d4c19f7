import { KeyCounter } from '../collections/key-counter.js';
import { createHistogram } from '../metrics/histogram.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import type { RefusalReason } from './refusals.js';

/** Counters and durations of the overlay; each becomes a metric. */
export class OverlayStats {
  /** Allocates and Connects that arrived again after a later one. */
  outdated = 0;
  /** Refused requests of authenticated peers, by reason. */
  readonly refusals = new KeyCounter<RefusalReason>();
  /** Legs by event; a connection within one relay counts twice. */
  readonly legs = {
    /** Legs reserved, and legs ended in any state: the difference is the number of present legs. */
    allocated: 0,
    ended: 0,
    established: 0,
    closed_by_peer: 0,
    closed_by_other_side: 0,
    closed_expired: 0,
    closed_relay_gone: 0,
    closed_draining: 0,
    /** Ended because the leg's own peer was silent, or the other end's. */
    closed_silent: 0,
    closed_other_silent: 0,
    not_established: 0,
    mismatched: 0,
  };
  readonly connectSeconds = createHistogram(
    RELAY_METRICS,
    'turnpike_relay_connect_duration_seconds',
  );
  readonly offerSeconds = createHistogram(RELAY_METRICS, 'turnpike_relay_offer_duration_seconds');
}
