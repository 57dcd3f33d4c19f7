import type { TenantPrincipal } from '../auth/principal.js';
import { AttributeType } from '../stun/attribute-types.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { Method } from '../stun/methods.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { LegName } from '../trunk/control-message.js';
import type { Leg } from './leg.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** A peer's authenticated request; its credential names a leg. */
export type PeerRequest = AuthenticatedRequest<TenantPrincipal<LegName>>;

/** A peer's request, and the leg that its credential names, if it exists. */
export interface LegRequest {
  readonly request: PeerRequest;
  readonly leg: Leg | undefined;
}

/** Returns whether a request closes its leg, which any 5-tuple may do: a Refresh of 0 seconds. */
export function isClose({ method, message }: PeerRequest): boolean {
  return method === Method.Refresh && message.lifetimeSeconds() === 0;
}

/**
 * Returns the lifetime of a request's leg, s: at least the default, at most the maximum (RFC 8656
 * section 7.2).
 */
export function lifetimeOf({ message }: PeerRequest): number {
  const wanted = message.lifetimeSeconds() ?? LEG_LIMITS.lifetimeSeconds;
  return Math.min(Math.max(wanted, LEG_LIMITS.lifetimeSeconds), LEG_LIMITS.lifetimeSecondsMax);
}

/**
 * Returns how long data may go to a silent peer, ms, from the LIVENESS of its Allocate or Connect
 * (PROTOCOL.md section 2); 0 without LIVENESS.
 */
export function livenessMsOf({ message }: PeerRequest): number {
  const seconds = message.u32(AttributeType.Liveness) ?? 0;
  return Math.min(seconds * OVERLAY_LIMITS.peerSilentUnderDataMs, OVERLAY_LIMITS.peerSilentMs);
}
