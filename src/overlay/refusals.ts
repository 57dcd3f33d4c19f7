import { ErrorCode } from '../stun/error-codes.js';

/**
 * Reasons for refusing an authenticated request, with the STUN code of the response (PROTOCOL.md
 * section 2). Each is a counter's label and is logged at level debug.
 */
export const REFUSALS = {
  draining: ErrorCode.TryAlternate,
  /** A required attribute is missing or malformed. */
  'attribute-missing': ErrorCode.BadRequest,
  'unknown-method': ErrorCode.BadRequest,
  'unknown-attribute': ErrorCode.UnknownAttribute,
  /** The identifier or the role differs from the credential's. */
  'credential-of-another-leg': ErrorCode.Forbidden,
  'unknown-peer-relay': ErrorCode.Forbidden,
  /** A peer named another NAT address than the one that the other's relay observes. */
  'address-mismatch': ErrorCode.Forbidden,
  'leg-of-another-address': ErrorCode.AllocationMismatch,
  /** Another usage of the port, standard TURN with an allocation, holds the 5-tuple. */
  'tuple-in-use': ErrorCode.AllocationMismatch,
  'no-such-leg': ErrorCode.AllocationMismatch,
  'no-common-family': ErrorCode.AddressFamilyNotSupported,
  'transport-not-udp': ErrorCode.UnsupportedTransportProtocol,
  /** Connected, or connecting, to another address or relay. */
  'connected-elsewhere': ErrorCode.ConnectionAlreadyExists,
  'not-connected-in-time': ErrorCode.ConnectionTimeoutOrFailure,
  /** No path to the other peer's relay serves. */
  'peer-relay-unreachable': ErrorCode.ConnectionTimeoutOrFailure,
  'refused-by-peer-relay': ErrorCode.ConnectionTimeoutOrFailure,
  'tenant-quota': ErrorCode.AllocationQuotaReached,
  'relay-full': ErrorCode.InsufficientCapacity,
  'channels-used-up': ErrorCode.InsufficientCapacity,
  'data-plane-full': ErrorCode.InsufficientCapacity,
} as const;

/**
 * Returns whether another pair of relays may serve, which 447 alone does not tell (REFUSAL-CAUSE,
 * PROTOCOL.md section 2).
 */
export function isOfThePair(reason: RefusalReason): boolean {
  return reason === 'peer-relay-unreachable' || reason === 'refused-by-peer-relay';
}

export type RefusalReason = keyof typeof REFUSALS;
