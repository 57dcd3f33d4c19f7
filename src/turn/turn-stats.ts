import { KeyCounter } from '../collections/key-counter.js';
import type { EndReason } from './allocation-events.js';
import type { RefusalReason } from './refusals.js';

/** Counters of TURN; each becomes a metric. */
export class TurnStats {
  /** Refused requests of authenticated clients, by reason. */
  readonly refusals = new KeyCounter<RefusalReason>();
  /** Ended allocations, by reason. */
  readonly ended = new KeyCounter<EndReason>();
  /** Allocations made, and successful requests about them. */
  readonly requests = {
    allocated: 0,
    refreshed: 0,
    permissions_created: 0,
    channels_bound: 0,
    /** Authenticated Binding requests. */
    bindings: 0,
    /** Refresh requests that move an allocation to another 5-tuple. */
    moved: 0,
    /** Responses sent again to a retransmitted request. */
    retransmitted: 0,
  };
  /** Traffic of ended allocations: payloads, without headers. */
  readonly traffic = {
    packets_from_clients: 0,
    bytes_from_clients: 0,
    packets_to_clients: 0,
    bytes_to_clients: 0,
  };
  /** Unauthenticated Allocate requests that were answered 300. */
  redirected = 0;
  /** ICMP errors that clients were told. */
  icmp_errors = 0;
}
