import { Method } from '../stun/methods.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { LegName } from '../trunk/control-message.js';
import type { Leg } from './leg.js';

/**
 * Whether a credential has expired for what is asked (PROTOCOL.md section 2). An expired credential
 * starts nothing, but keeps and ends what it has started: a Refresh, or a repeated Allocate or
 * Connect, for a leg that this 5-tuple holds, and a close from any 5-tuple. A Refresh that finds no
 * leg passes as well, to be told so: 437 is how a peer learns that its connection is over when the
 * Closed indication was lost.
 * @param leg - the one that the credential names, if it is there
 * @param nowMs - wall clock
 */
export function isExpired(
  { message, method, tupleKey: from, principal }: AuthenticatedRequest<LegName>,
  leg: Leg | undefined,
  nowMs: number,
): boolean {
  if (nowMs < principal.expiresAtSeconds * 1_000) return false;
  if (message.connectionIdentifier() !== principal.claims.connectionId) return true;
  if (!leg) return method !== Method.Refresh;
  if (method === Method.Refresh && message.lifetimeSeconds() === 0) return false;
  // A leg that has a channel has seen a Connect before.
  if (method === Method.Connect && leg.channel === undefined) return true;
  return leg.tupleKey !== from;
}
