import { ErrorCode } from '../stun/error-codes.js';

/**
 * Why an authenticated request is refused, with the STUN code that its peer is answered
 * (PROTOCOL.md section 2). Each is a counter and a line of the log at level debug.
 */
export const REFUSALS = {
  draining: ErrorCode.TryAlternate,
  /** An attribute that the method needs is not there, or of another form. */
  'attribute-missing': ErrorCode.BadRequest,
  'unknown-method': ErrorCode.BadRequest,
  'unknown-attribute': ErrorCode.UnknownAttribute,
  /** The identifier or the role is another one than the credential's. */
  'credential-of-another-leg': ErrorCode.Forbidden,
  'unknown-peer-relay': ErrorCode.Forbidden,
  /** A peer named another NAT address than the one the other's relay sees. */
  'address-mismatch': ErrorCode.Forbidden,
  'leg-of-another-address': ErrorCode.AllocationMismatch,
  'no-such-leg': ErrorCode.AllocationMismatch,
  'no-common-family': ErrorCode.AddressFamilyNotSupported,
  'transport-not-udp': ErrorCode.UnsupportedTransportProtocol,
  /** Connected, or about to be, to another address or relay. */
  'connected-elsewhere': ErrorCode.ConnectionAlreadyExists,
  'not-connected-in-time': ErrorCode.ConnectionTimeoutOrFailure,
  /** No way to the other peer's relay answers. */
  'peer-relay-unreachable': ErrorCode.ConnectionTimeoutOrFailure,
  'refused-by-peer-relay': ErrorCode.ConnectionTimeoutOrFailure,
  'tenant-quota': ErrorCode.AllocationQuotaReached,
  'relay-full': ErrorCode.InsufficientCapacity,
  'channels-used-up': ErrorCode.InsufficientCapacity,
  'data-plane-full': ErrorCode.InsufficientCapacity,
} as const;

/**
 * Whether another pair of relays may serve where these do not, which 447 alone does not tell
 * (REFUSAL-CAUSE, PROTOCOL.md section 2).
 */
export function isOfThePair(reason: RefusalReason): boolean {
  return reason === 'peer-relay-unreachable' || reason === 'refused-by-peer-relay';
}

export type RefusalReason = keyof typeof REFUSALS;
