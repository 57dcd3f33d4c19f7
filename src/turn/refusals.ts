import { ErrorCode } from '../stun/error-codes.js';

/**
 * Reasons for refusing an authenticated request, with the STUN code of the response (RFC 8656
 * section 19). Each is a counter's label and is logged at level debug.
 */
export const REFUSALS = {
  /** A required attribute is missing or malformed. */
  'attribute-missing': ErrorCode.BadRequest,
  /** Attributes that exclude each other (RFC 8656 section 7.2). */
  'forbidden-combination': ErrorCode.BadRequest,
  'bad-channel-number': ErrorCode.BadRequest,
  /** A peer whose port is 0. */
  'bad-peer-port': ErrorCode.BadRequest,
  /** The channel belongs to another peer, or rests after having done so. */
  'channel-of-another-peer': ErrorCode.BadRequest,
  /** The peer has another channel, or one that rests. */
  'peer-on-another-channel': ErrorCode.BadRequest,
  'peer-denied': ErrorCode.Forbidden,
  /**
   * The peer is this server itself, or another relay of its cluster, outside the ports of relayed
   * transport addresses.
   */
  'peer-is-server': ErrorCode.Forbidden,
  /** An Allocate through a relayed transport address of this server: data could go in circles. */
  'client-is-relayed': ErrorCode.Forbidden,
  /** A MOBILITY-TICKET that is none of this server's, or not the allocation's newest one. */
  'bad-ticket': ErrorCode.BadRequest,
  /** A MOBILITY-TICKET from the 5-tuple that the allocation has (RFC 8016 section 3.2.2). */
  'not-moved': ErrorCode.BadRequest,
  /** A MOBILITY-TICKET where mobility is off. */
  'mobility-forbidden': ErrorCode.MobilityForbidden,
  'unknown-attribute': ErrorCode.UnknownAttribute,
  'no-allocation': ErrorCode.AllocationMismatch,
  /** An Allocate with a new transaction on a 5-tuple that has an allocation, or is getting one. */
  'allocation-exists': ErrorCode.AllocationMismatch,
  /** Another usage of the port, such as the overlay with a leg, holds the 5-tuple. */
  'tuple-in-use': ErrorCode.AllocationMismatch,
  'family-not-supported': ErrorCode.AddressFamilyNotSupported,
  'allocation-of-another-user': ErrorCode.WrongCredentials,
  /** A reload removed the user, or changed the password, while the request was in progress. */
  'user-removed': ErrorCode.WrongCredentials,
  'transport-not-udp': ErrorCode.UnsupportedTransportProtocol,
  'family-mismatch': ErrorCode.PeerAddressFamilyMismatch,
  'user-quota': ErrorCode.AllocationQuotaReached,
  'tenant-quota': ErrorCode.AllocationQuotaReached,
  draining: ErrorCode.InsufficientCapacity,
  'allocations-used-up': ErrorCode.InsufficientCapacity,
  'ports-used-up': ErrorCode.InsufficientCapacity,
  /** The operating system or the data plane has no further socket. */
  'no-socket': ErrorCode.InsufficientCapacity,
  /** No reservation of the user has the RESERVATION-TOKEN. */
  'no-reservation': ErrorCode.InsufficientCapacity,
  'permissions-used-up': ErrorCode.InsufficientCapacity,
  'channels-used-up': ErrorCode.InsufficientCapacity,
  'data-plane-full': ErrorCode.InsufficientCapacity,
  /** The client has just moved. Gets no response, so that the client tries again. */
  'moves-too-often': ErrorCode.InsufficientCapacity,
  /** Gets no response, so that the client tries again. */
  'data-plane-busy': ErrorCode.InsufficientCapacity,
} as const;

export type RefusalReason = keyof typeof REFUSALS;
