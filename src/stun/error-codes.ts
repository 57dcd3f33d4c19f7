/** Error codes of PROTOCOL.md and of the RFCs that it refers to. */
export const ErrorCode = {
  TryAlternate: 300,
  BadRequest: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  MobilityForbidden: 405,
  PeerSilent: 408,
  UnknownAttribute: 420,
  AllocationMismatch: 437,
  StaleNonce: 438,
  AddressFamilyNotSupported: 440,
  WrongCredentials: 441,
  UnsupportedTransportProtocol: 442,
  PeerAddressFamilyMismatch: 443,
  ConnectionAlreadyExists: 446,
  ConnectionTimeoutOrFailure: 447,
  AllocationQuotaReached: 486,
  ServerError: 500,
  InsufficientCapacity: 508,
} as const;

/** The type of one or several error codes, by name. */
export type ErrorCodeOf<Name extends keyof typeof ErrorCode> = (typeof ErrorCode)[Name];

/** Values of REFUSAL-CAUSE (PROTOCOL.md section 2). */
export const RefusalCause = {
  /**
   * With 447: the two relays cannot reach each other, or one refuses; the peers are not the cause.
   */
  relaysUnreachable: 1,
  /** With 437: nothing of this peer has reached its relay for too long. */
  peerUnheard: 2,
} as const;

export type RefusalCause = (typeof RefusalCause)[keyof typeof RefusalCause];

/** The reason phrases of RFC 8489, 8656, 6062 and 8016. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [ErrorCode.TryAlternate, 'Try Alternate'],
  [ErrorCode.BadRequest, 'Bad Request'],
  [ErrorCode.Unauthenticated, 'Unauthenticated'],
  [ErrorCode.Forbidden, 'Forbidden'],
  [ErrorCode.MobilityForbidden, 'Mobility Forbidden'],
  [ErrorCode.PeerSilent, 'Peer Silent'],
  [ErrorCode.UnknownAttribute, 'Unknown Attribute'],
  [ErrorCode.AllocationMismatch, 'Allocation Mismatch'],
  [ErrorCode.StaleNonce, 'Stale Nonce'],
  [ErrorCode.AddressFamilyNotSupported, 'Address Family not Supported'],
  [ErrorCode.WrongCredentials, 'Wrong Credentials'],
  [ErrorCode.UnsupportedTransportProtocol, 'Unsupported Transport Protocol'],
  [ErrorCode.PeerAddressFamilyMismatch, 'Peer Address Family Mismatch'],
  [ErrorCode.ConnectionAlreadyExists, 'Connection Already Exists'],
  [ErrorCode.ConnectionTimeoutOrFailure, 'Connection Timeout or Failure'],
  [ErrorCode.AllocationQuotaReached, 'Allocation Quota Reached'],
  [ErrorCode.ServerError, 'Server Error'],
  [ErrorCode.InsufficientCapacity, 'Insufficient Capacity'],
]);

/** Returns the recommended reason phrase of an error code; empty for a code without one. */
export function reasonPhrase(code: number): string {
  return REASONS.get(code) ?? '';
}
