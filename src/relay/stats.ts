/** Counts of the control plane, by name; each becomes a metric. */
export class RelayStats {
  /** Requests and indications from peers, and what was dropped of them without an answer. */
  readonly client = {
    requests: 0,
    indications: 0,
    malformed: 0,
    over_challenge_budget: 0,
    challenges: 0,
  };
  /** Errors answered, by STUN code. */
  readonly refusals = new Map<number, number>();
  /** Legs by what became of them: a connection within one relay counts twice. */
  readonly legs = {
    established: 0,
    closed_by_peer: 0,
    closed_by_other_side: 0,
    closed_expired: 0,
    closed_relay_gone: 0,
    closed_draining: 0,
    not_established: 0,
    mismatched: 0,
  };

  /** Messages and timers that met a fault of ours; anything but 0 is worth a report. */
  faults = 0;

  refused(code: number): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}

/** Why a connection ended. */
export type EndReason =
  | 'closed_by_peer'
  | 'closed_by_other_side'
  | 'closed_expired'
  | 'closed_relay_gone'
  | 'closed_draining';
