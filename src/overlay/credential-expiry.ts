import { Method } from '../stun/methods.js';
import type { Leg } from './leg.js';
import { isClose, type PeerRequest } from './leg-request.js';

/**
 * Returns whether a credential has expired for a request (PROTOCOL.md section 2). An expired
 * credential starts nothing, but keeps and ends what it has started: it is valid for a Refresh, or
 * a repeated Allocate or Connect, of a leg that this 5-tuple holds, and for a close from any
 * 5-tuple. It is also valid for a Refresh that finds no leg, since the 437 tells a peer that its
 * connection has ended if the Closed indication was lost.
 * @param leg - the leg that the credential names, if it exists
 * @param nowMs - wall clock, Unix ms
 */
export function isExpired(request: PeerRequest, leg: Leg | undefined, nowMs: number): boolean {
  const { message, method, tupleKey: from, principal } = request;
  if (nowMs < principal.expiresAtSeconds * 1_000) return false;
  if (message.connectionIdentifier() !== principal.claims.connectionId) return true;
  if (!leg) return method !== Method.Refresh;
  if (isClose(request)) return false;
  // A leg with a channel has had a Connect, so this one is a repetition.
  if (method === Method.Connect && leg.channel === undefined) return true;
  return leg.tupleKey !== from;
}
