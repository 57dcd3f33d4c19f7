import { SessionIndexPool } from '../trunk/session-index-pool.js';
import { TRUNK_SESSIONS_MAX } from '../turn/index.js';

/**
 * Returns the number of a relay's session indexes: two for each leg, since a freed one rests, and
 * those of what clients of other relays send to allocations.
 */
export function sessionsOf(legsMax: number, servesTurn: boolean): number {
  return 2 * legsMax + (servesTurn ? TRUNK_SESSIONS_MAX : 0);
}

/** Returns the session indexes of a relay's legs. */
export function legIndexes(legsMax: number, servesTurn: boolean): SessionIndexPool {
  return new SessionIndexPool(sessionsOf(legsMax, servesTurn), { first: 0, count: 2 * legsMax });
}

/** Returns the session indexes of a relay's allocations, which serves TURN. */
export function allocationIndexes(legsMax: number): SessionIndexPool {
  const count = TRUNK_SESSIONS_MAX;
  return new SessionIndexPool(sessionsOf(legsMax, true), { first: 2 * legsMax, count });
}
