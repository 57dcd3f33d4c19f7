import { ErrorCode, type ErrorCodeOf, RefusalCause } from '../stun/error-codes.js';

/** Where a leg is between its Allocate and its end (PROTOCOL.md section 2). */
export type LegStateName = 'reserved' | 'connecting' | 'established' | 'closed';

/** Why a leg ended. */
export type EndReason =
  | 'closed_by_peer'
  | 'closed_by_other_side'
  | 'closed_expired'
  | 'closed_relay_gone'
  | 'closed_draining'
  | 'closed_silent'
  | 'closed_other_silent';

/** What happens to a leg: its peer's requests, the fate of its attempt to connect, and its end. */
export type LegEvent = 'allocate' | 'refresh' | 'connect' | 'paired' | 'failed' | EndReason;

/** What follows which event in which state. What is not here cannot happen. */
export const LEG_TRANSITIONS: Readonly<
  Record<LegStateName, Readonly<Partial<Record<LegEvent, LegStateName>>>>
> = {
  reserved: {
    allocate: 'reserved',
    refresh: 'reserved',
    connect: 'connecting',
    closed_by_peer: 'closed',
    closed_expired: 'closed',
    closed_draining: 'closed',
  },
  connecting: {
    allocate: 'connecting',
    refresh: 'connecting',
    connect: 'connecting',
    paired: 'established',
    failed: 'reserved',
    closed_by_peer: 'closed',
    closed_draining: 'closed',
  },
  established: {
    allocate: 'established',
    refresh: 'established',
    connect: 'established',
    closed_by_peer: 'closed',
    closed_by_other_side: 'closed',
    closed_expired: 'closed',
    closed_relay_gone: 'closed',
    closed_draining: 'closed',
    closed_silent: 'closed',
    closed_other_silent: 'closed',
  },
  closed: {},
};

/** The code of a Closed indication (PROTOCOL.md section 2). */
export type CloseCode = ErrorCodeOf<
  'TryAlternate' | 'PeerSilent' | 'AllocationMismatch' | 'ConnectionTimeoutOrFailure'
>;

/** Who is told what at the end of a leg. */
export interface LegEnd {
  /** The Closed indication to the peer; undefined where the peer has asked for the end itself. */
  readonly closed: { readonly code: CloseCode; readonly cause?: RefusalCause } | undefined;
  /** Legs whose peer gets the indication. */
  readonly tells: 'established' | 'all';
  /** What the end is to the leg at the other end, where that is at this relay, too. */
  readonly ofOtherLeg: EndReason;
  /**
   * The close request to the relay of the other end; undefined where the end came from there, or
   * where nobody is there. Without a code its peer is told 437.
   */
  readonly request: { readonly code?: ErrorCodeOf<'PeerSilent'> } | undefined;
}

const NOT_THERE = { code: ErrorCode.AllocationMismatch } as const;

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
    // A peer that still receives learns that nothing of its own arrives.
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

/**
 * The state that follows an event.
 * @throws Error where the event cannot happen in that state: a fault of this relay
 */
export function stateAfter(from: LegStateName, event: LegEvent): LegStateName {
  const to = LEG_TRANSITIONS[from][event];
  if (to === undefined) throw new Error(`impossible: ${event} of a leg that is ${from}`);
  return to;
}
