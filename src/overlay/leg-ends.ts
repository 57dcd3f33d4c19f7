import { ErrorCode, type ErrorCodeOf, RefusalCause } from '../stun/error-codes.js';

/** Why a leg ended. */
export type EndReason =
  | 'closed_by_peer'
  | 'closed_by_other_side'
  | 'closed_expired'
  | 'closed_relay_gone'
  | 'closed_draining'
  | 'closed_silent'
  | 'closed_other_silent';

/** The code of a Closed indication (PROTOCOL.md section 2). */
export type CloseCode = ErrorCodeOf<
  'TryAlternate' | 'PeerSilent' | 'AllocationMismatch' | 'ConnectionTimeoutOrFailure'
>;

/** The notifications at the end of a leg. */
export interface LegEnd {
  /** The Closed indication to the peer; undefined if the peer itself requested the end. */
  readonly closed: { readonly code: CloseCode; readonly cause?: RefusalCause } | undefined;
  /** The states in which a leg's peer gets the indication. */
  readonly tells: 'established' | 'all';
  /** The reason for the leg at the other end, if it is at this relay. */
  readonly ofOtherLeg: EndReason;
  /**
   * The close request to the other relay; undefined if the end came from there, or the relay is
   * gone. Without a code its peer is told 437.
   */
  readonly request: { readonly code?: ErrorCodeOf<'PeerSilent'> } | undefined;
}

const NOT_THERE = { code: ErrorCode.AllocationMismatch } as const;

/** The notifications, by reason of the end. */
export const LEG_ENDS: Readonly<Record<EndReason, LegEnd>> = {
  closed_by_peer: {
    closed: undefined,
    tells: 'established',
    ofOtherLeg: 'closed_by_other_side',
    request: {},
  },
  closed_by_other_side: {
    closed: NOT_THERE,
    tells: 'established',
    ofOtherLeg: 'closed_by_other_side',
    request: undefined,
  },
  closed_expired: {
    closed: NOT_THERE,
    tells: 'established',
    ofOtherLeg: 'closed_by_other_side',
    request: {},
  },
  closed_relay_gone: {
    closed: { code: ErrorCode.ConnectionTimeoutOrFailure },
    tells: 'established',
    ofOtherLeg: 'closed_by_other_side',
    request: undefined,
  },
  closed_draining: {
    closed: { code: ErrorCode.TryAlternate },
    tells: 'all',
    ofOtherLeg: 'closed_draining',
    request: {},
  },
  closed_silent: {
    // The cause tells a peer that can still receive that its own packets do not arrive.
    closed: { ...NOT_THERE, cause: RefusalCause.peerUnheard },
    tells: 'established',
    ofOtherLeg: 'closed_other_silent',
    request: { code: ErrorCode.PeerSilent },
  },
  closed_other_silent: {
    closed: { code: ErrorCode.PeerSilent },
    tells: 'established',
    ofOtherLeg: 'closed_by_other_side',
    request: undefined,
  },
};
