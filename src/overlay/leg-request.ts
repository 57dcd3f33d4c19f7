import { AttributeType } from '../stun/attribute-types.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { LegName } from '../trunk/control-message.js';
import { LEG_LIMITS } from './leg-limits.js';

/** A peer's request, authenticated, and the leg that it is about, be it there or not. */
export interface LegRequest extends AuthenticatedRequest<LegName> {
  readonly leg: LegName;
}

/** RFC 8656 section 7.2: at least the default, at most the maximum. */
export function lifetimeOf({ message }: LegRequest): number {
  const wanted = message.lifetimeSeconds() ?? LEG_LIMITS.lifetimeSeconds;
  return Math.min(Math.max(wanted, LEG_LIMITS.lifetimeSeconds), LEG_LIMITS.lifetimeSecondsMax);
}

/**
 * How long data may go to a peer that answers with nothing, from the LIVENESS of its Allocate or
 * Connect (PROTOCOL.md section 2); 0 for a peer that has promised nothing.
 */
export function livenessMsOf({ message }: LegRequest): number {
  const seconds = message.u32(AttributeType.Liveness) ?? 0;
  return Math.min(seconds * LEG_LIMITS.peerSilentUnderDataMs, LEG_LIMITS.peerSilentMs);
}
