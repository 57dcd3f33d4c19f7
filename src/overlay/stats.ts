import type { AuthenticationFailure } from '../auth/long-term.js';
import type { RefusalReason } from './refusals.js';

/** Counts by name, each from the first time it is one. */
class Counts<Name extends string> {
  readonly #counts = new Map<Name, number>();

  add(name: Name): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: Name): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): Iterable<[Name, number]> {
    return this.#counts;
  }
}

/** Counts of the control plane, by name; each becomes a metric. */
export class OverlayStats {
  /** Requests and indications from peers, and what was dropped of them without an answer. */
  readonly client = {
    requests: 0,
    indications: 0,
    malformed: 0,
    over_binding_budget: 0,
    over_challenge_budget: 0,
    over_wrong_credential_budget: 0,
    challenges: 0,
    /** Allocates and Connects that came again after a later one. */
    outdated: 0,
  };
  /** Errors answered to authenticated peers. */
  readonly refusals = new Counts<RefusalReason>();
  /** Relays of a registry that found no place. */
  relaysLeftOut = 0;
  /** Requests that were not authenticated, whether that was answered or not. */
  readonly authentication = new Counts<AuthenticationFailure | 'expired'>();
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

  /** Messages and timers that met a fault of ours; anything but 0 is worth a report. */
  faults = 0;
}
