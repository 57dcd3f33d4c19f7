/** Error codes of PROTOCOL.md's table and of the RFCs it leans on. */
export const ErrorCode = {
  TryAlternate: 300,
  BadRequest: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  PeerSilent: 408,
  UnknownAttribute: 420,
  AllocationMismatch: 437,
  StaleNonce: 438,
  AddressFamilyNotSupported: 440,
  UnsupportedTransportProtocol: 442,
  ConnectionAlreadyExists: 446,
  ConnectionTimeoutOrFailure: 447,
  AllocationQuotaReached: 486,
  ServerError: 500,
  InsufficientCapacity: 508,
} as const;

/** The number, or numbers, of named error codes. */
export type ErrorCodeOf<Name extends keyof typeof ErrorCode> = (typeof ErrorCode)[Name];

/** Values of REFUSAL-CAUSE: what a code leaves open. */
export const RefusalCause = {
  /** Of 447: it is the two relays that cannot be connected, or one refuses; not the peers. */
  relaysUnreachable: 1,
  /** Of 437: nothing of this peer has reached its relay for too long. */
  peerUnheard: 2,
} as const;

export type RefusalCause = (typeof RefusalCause)[keyof typeof RefusalCause];

/** The phrases that RFC 8489, 8656 and 6062 recommend for their codes. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [ErrorCode.TryAlternate, 'Try Alternate'],
  [ErrorCode.BadRequest, 'Bad Request'],
  [ErrorCode.Unauthenticated, 'Unauthenticated'],
  [ErrorCode.Forbidden, 'Forbidden'],
  [ErrorCode.PeerSilent, 'Peer Silent'],
  [ErrorCode.UnknownAttribute, 'Unknown Attribute'],
  [ErrorCode.AllocationMismatch, 'Allocation Mismatch'],
  [ErrorCode.StaleNonce, 'Stale Nonce'],
  [ErrorCode.AddressFamilyNotSupported, 'Address Family not Supported'],
  [ErrorCode.UnsupportedTransportProtocol, 'Unsupported Transport Protocol'],
  [ErrorCode.ConnectionAlreadyExists, 'Connection Already Exists'],
  [ErrorCode.ConnectionTimeoutOrFailure, 'Connection Timeout or Failure'],
  [ErrorCode.AllocationQuotaReached, 'Allocation Quota Reached'],
  [ErrorCode.ServerError, 'Server Error'],
  [ErrorCode.InsufficientCapacity, 'Insufficient Capacity'],
]);

/**
 * @param code - a STUN error code
 * @returns the recommended phrase; empty for a code without one (the phrase is for people only)
 */
export function reasonPhrase(code: number): string {
  return REASONS.get(code) ?? '';
}
