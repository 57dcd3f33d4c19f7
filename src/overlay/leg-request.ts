import { AttributeType } from '../stun/attribute-types.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { LegName } from '../trunk/control-message.js';
import { LEG_LIMITS } from './leg-limits.js';

/** An authenticated request of a peer, with the leg that it names, existing or not. */
export interface LegRequest extends AuthenticatedRequest<LegName> {
  readonly leg: LegName;
}

/**
 * Returns the lifetime of a request's leg, s: at least the default, at most the maximum (RFC 8656
 * section 7.2).
 */
export function lifetimeOf({ message }: LegRequest): number {
  const wanted = message.lifetimeSeconds() ?? LEG_LIMITS.lifetimeSeconds;
  return Math.min(Math.max(wanted, LEG_LIMITS.lifetimeSeconds), LEG_LIMITS.lifetimeSecondsMax);
}

/**
 * Returns how long data may go to a silent peer, ms, from the LIVENESS of its Allocate or Connect
 * (PROTOCOL.md section 2); 0 without LIVENESS.
 */
export function livenessMsOf({ message }: LegRequest): number {
  const seconds = message.u32(AttributeType.Liveness) ?? 0;
  return Math.min(seconds * LEG_LIMITS.peerSilentUnderDataMs, LEG_LIMITS.peerSilentMs);
}
