import { CLOCK_DELTA_SECONDS } from '../auth/oauth-keys.js';
import type { TokenTerms, TurnPrincipal } from '../auth/turn-principal.js';
import type { Clock } from '../clock.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
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
 * @param tokenSeconds - at most this (`tokenSecondsLeft`), also if it is less than the default
 */
export function lifetimeOf(
  message: StunMessage,
  { lifetimeSecondsMax = TURN_LIMITS.lifetimeSecondsMax }: TurnLimits,
  tokenSeconds: number,
): number {
  const { lifetimeSeconds } = TURN_LIMITS;
  const wanted = message.lifetimeSeconds() ?? lifetimeSeconds;
  const given = Math.max(Math.min(wanted, lifetimeSecondsMax), lifetimeSeconds);
  return Math.min(given, tokenSeconds);
}

/**
 * Returns how long an access token still counts, whole seconds and at most its lifetime: 0 or less
 * once it or its key has expired, and while it does not count yet (RFC 7635 sections 7 and 9).
 * Infinite without a token.
 */
export function tokenSecondsLeft(token: TokenTerms | undefined, clock: Clock): number {
  if (token === undefined) return Number.POSITIVE_INFINITY;
  const { key, timestampSeconds, lifetimeSeconds } = token;
  const now = clock.now() / 1_000;
  const left = lifetimeSeconds + CLOCK_DELTA_SECONDS - Math.abs(now - timestampSeconds);
  return Math.floor(Math.min(lifetimeSeconds, left, key.untilSeconds - now));
}

/**
 * Returns whether a request's credential has expired. It still serves the allocation that was made
 * with it, so that a call outlives it, but makes no other. An access token serves nothing.
 */
export function hasExpired(
  { method, principal }: ClientRequest,
  allocation: Allocation | undefined,
  clock: Clock,
): boolean {
  const { expiresAtSeconds, username, token } = principal;
  if (token !== undefined) return tokenSecondsLeft(token, clock) < 1;
  if (expiresAtSeconds === undefined) return false;
  if (clock.now() < expiresAtSeconds * 1_000) return false;
  return method === Method.Allocate || allocation?.username !== username;
}

/** Returns the family of a family number (RFC 8656 section 18.6); undefined for another number. */
export function familyOfNumber(number: number | undefined): 4 | 6 | undefined {
  if (number === 1) return 4;
  return number === 2 ? 6 : undefined;
}
