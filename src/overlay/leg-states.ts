import type { EndReason } from './leg-ends.js';

/** The states of a leg from its Allocate to its end (PROTOCOL.md section 2). */
export type LegStateName = 'reserved' | 'connecting' | 'established' | 'closed';

/** The events of a leg: its peer's requests, the outcome of an attempt, and its end. */
export type LegEvent = 'allocate' | 'refresh' | 'connect' | 'paired' | 'failed' | EndReason;

/** The next state, by state and event. Other combinations are impossible. */
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

/**
 * Returns the next state.
 * @throws Error for an impossible event: an internal error
 */
export function stateAfter(from: LegStateName, event: LegEvent): LegStateName {
  const to = LEG_TRANSITIONS[from][event];
  if (to === undefined) throw new Error(`impossible: ${event} of a leg that is ${from}`);
  return to;
}
