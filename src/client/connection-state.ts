/** The states of a peer's leg, as the peer knows it. */
export type ConnectionState =
  | 'opening'
  | 'allocated'
  | 'connecting'
  | 'established'
  | 'closing'
  | 'closed';

/**
 * The possible transitions, with their causes. Any other is an internal error. docs/liveness.md
 * shows this table.
 */
export const CONNECTION_TRANSITIONS: Readonly<
  Record<ConnectionState, Partial<Record<ConnectionState, string>>>
> = {
  opening: {
    allocated: 'Allocate succeeds',
    closed: 'Allocate fails or is aborted, or `close`',
  },
  allocated: {
    connecting: '`connect`',
    closing: '`close`',
    closed: 'the relay ends or forgets the leg, or does not answer',
  },
  connecting: {
    established: 'Connect succeeds',
    allocated: 'Connect is refused with 403 or 447, is not answered, or is aborted',
    closing: '`close`',
    closed: 'Connect is refused otherwise, or as from `allocated`',
  },
  established: {
    closing: '`close`, or the relay knows the leg no more for this address (437)',
    closed: 'the relay ends the leg, or does not answer',
  },
  closing: { closed: 'the relay answers the close, or does not in time' },
  closed: {},
};

/** @throws Error for an impossible transition: an internal error */
export function checkTransition(from: ConnectionState, to: ConnectionState): void {
  if (CONNECTION_TRANSITIONS[from][to] !== undefined) return;
  throw new Error(`impossible: a connection goes from ${from} to ${to}`);
}

/** Returns whether the relay holds the leg in a state, and so answers a Refresh. */
export function isHeld(state: ConnectionState): boolean {
  return state === 'allocated' || state === 'connecting' || state === 'established';
}
