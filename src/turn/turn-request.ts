import type { TurnPrincipal } from '../auth/turn-principal.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { Allocation } from './allocation.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { TurnLimits } from './turn-options.js';

/** A client's authenticated request. */
export type ClientRequest = AuthenticatedRequest<TurnPrincipal>;

/** A client's request about the allocation of its 5-tuple. */
export interface AllocationRequest {
  readonly request: ClientRequest;
  readonly allocation: Allocation;
}

/** Returns whether LIFETIME is present and not a 32-bit number. */
export function hasMalformedLifetime(message: StunMessage): boolean {
  return message.has(AttributeType.Lifetime) && message.lifetimeSeconds() === undefined;
}

/**
 * Returns the lifetime that a request gets, s: at least the default, at most the maximum (RFC 8656
 * section 7.2).
 */
export function lifetimeOf(
  message: StunMessage,
  { lifetimeSecondsMax = TURN_LIMITS.lifetimeSecondsMax }: TurnLimits,
): number {
  const { lifetimeSeconds } = TURN_LIMITS;
  const wanted = message.lifetimeSeconds() ?? lifetimeSeconds;
  return Math.max(Math.min(wanted, lifetimeSecondsMax), lifetimeSeconds);
}

/** Returns the family of a family number (RFC 8656 section 18.6); undefined for another number. */
export function familyOfNumber(number: number | undefined): 4 | 6 | undefined {
  if (number === 1) return 4;
  return number === 2 ? 6 : undefined;
}
