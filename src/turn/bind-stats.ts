import { ErrorCode } from '../stun/error-codes.js';

/**
 * Reasons for refusing another relay's request to bind a peer, with the STUN code of the response
 * (PROTOCOL.md section 3, Bind). Each is a counter's label.
 */
export const BIND_REFUSALS = {
  /** This relay serves no TURN. */
  'no-turn': ErrorCode.AllocationMismatch,
  /** No allocation has the relayed transport address. */
  'no-allocation': ErrorCode.AllocationMismatch,
  /** The request came twice, and there is no binding. */
  repeated: ErrorCode.AllocationMismatch,
  /**
   * The other relay does not speak for the peer's address, or no relay does since this one forwards
   * by XDP.
   */
  'address-not-own': ErrorCode.Forbidden,
  /** The client permits no such peer. */
  'not-permitted': ErrorCode.Forbidden,
  /** The allocation, the relay or its data plane has no further entry. */
  'no-room': ErrorCode.InsufficientCapacity,
} as const;

export type BindRefusal = keyof typeof BIND_REFUSALS;

/** Counters of requests to bind a peer behind another relay; each becomes a metric. */
export class BindStats {
  /** Requests of other relays that were refused. */
  readonly refusals: Record<BindRefusal, number> = {
    'no-turn': 0,
    'no-allocation': 0,
    repeated: 0,
    'address-not-own': 0,
    'not-permitted': 0,
    'no-room': 0,
  };
  /** What sent peers behind other relays back to bare UDP. */
  readonly failures = {
    refused_403: 0,
    refused_437: 0,
    refused_438: 0,
    refused_508: 0,
    refused_otherwise: 0,
    /** No answer to any transmission of a request. */
    unanswered: 0,
    /** The data plane has no room for what the other relay accepted, or it accepted for no time. */
    not_stored: 0,
    /** The other relay has ended the binding. */
    closed: 0,
  };
}

export type BindFailure = keyof BindStats['failures'];

/** Returns as what a refusal of another relay counts, by its STUN code. */
export function failureOf(code: number): BindFailure {
  switch (code) {
    case ErrorCode.Forbidden:
      return 'refused_403';
    case ErrorCode.AllocationMismatch:
      return 'refused_437';
    case ErrorCode.StaleNonce:
      return 'refused_438';
    case ErrorCode.InsufficientCapacity:
      return 'refused_508';
    default:
      return 'refused_otherwise';
  }
}
