/** The life of a peer's leg, as the peer knows it. */
export type ConnectionState =
  | 'opening'
  | 'allocated'
  | 'connecting'
  | 'established'
  | 'closing'
  | 'closed';

/** What may follow what; anything else is a bug of ours. */
const NEXT: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  opening: ['allocated', 'closed'],
  allocated: ['connecting', 'closing', 'closed'],
  connecting: ['established', 'allocated', 'closing', 'closed'],
  established: ['closing', 'closed'],
  closing: ['closed'],
  closed: [],
};

/** @throws Error where the one state never follows the other: a bug of ours */
export function checkTransition(from: ConnectionState, to: ConnectionState): void {
  if (NEXT[from].includes(to)) return;
  throw new Error(`impossible: a connection goes from ${from} to ${to}`);
}

/** Whether the relay holds the leg then, and answers a Refresh. */
export function isHeld(state: ConnectionState): boolean {
  return state === 'allocated' || state === 'connecting' || state === 'established';
}
