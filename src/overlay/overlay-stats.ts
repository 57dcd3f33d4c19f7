import { KeyCounter } from '../collections/key-counter.js';
import type { RefusalReason } from './refusals.js';

/** Counts of the overlay, by name; each becomes a metric. */
export class OverlayStats {
  /** Allocates and Connects that came again after a later one. */
  outdated = 0;
  /** Errors answered to authenticated peers. */
  readonly refusals = new KeyCounter<RefusalReason>();
  /** Legs by what became of them: a connection within one relay counts twice. */
  readonly legs = {
    /** Reserved by an Allocate, and ended, connected or not: the difference are those held now. */
    allocated: 0,
    ended: 0,
    established: 0,
    closed_by_peer: 0,
    closed_by_other_side: 0,
    closed_expired: 0,
    closed_relay_gone: 0,
    closed_draining: 0,
    /** The leg's own peer was silent, and the other end's. */
    closed_silent: 0,
    closed_other_silent: 0,
    not_established: 0,
    mismatched: 0,
  };
}
