import { type ForwardingFacts, forwardingReasons } from '../http/forwarding-health.js';
import { type Health, type HealthReason, healthOf } from '../http/health.js';
import type { RegistrationClient } from './registration-client.js';
import type { ServedTurn } from './relay-turn.js';

/** Maximum unreachable relays named in a reason; further ones are counted. */
const NAMED_MAX = 8;

/** The facts from which a relay's health follows. */
export interface RelayHealthFacts extends ForwardingFacts {
  readonly closing: boolean;
  readonly draining: boolean;
  /** Undefined without a directory. */
  readonly registration: Pick<RegistrationClient, 'state' | 'everRegistered' | 'away'> | undefined;
  /** Undefined where TURN is not served. */
  readonly turn?: Pick<ServedTurn, 'allocations' | 'allocationsLimit'> | undefined;
  readonly unreachable: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Returns a relay's liveness and readiness. The loss of the directory or of other relays is
 * reported but affects neither: otherwise such an outage would take every relay out of service.
 */
export function relayHealth(facts: RelayHealthFacts): Health {
  const { closing, draining, registration, unreachable, turn } = facts;
  const reasons = forwardingReasons(facts);
  if (closing) reasons.push(readiness('closing', 'the relay stops'));
  else if (draining) reasons.push(readiness('draining', 'the relay takes no new peers'));
  if (registration !== undefined && !closing) reasons.push(...registrationReasons(registration));
  if (turn !== undefined && turn.allocations >= turn.allocationsLimit.allocationsMax) {
    const detail = `TURN has all ${turn.allocationsLimit.allocationsMax} allocations`;
    reasons.push({ code: 'turn-full', detail, stops: 'nothing' });
  }
  const named = unreachable.slice(0, NAMED_MAX).map(({ id, reason }) => `${id} (${reason})`);
  if (named.length > 0) {
    const more = unreachable.length - named.length;
    const detail = `no way to ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    reasons.push({ code: 'relays-unreachable', detail, stops: 'nothing' });
  }
  return healthOf(reasons);
}

function registrationReasons(
  registration: NonNullable<RelayHealthFacts['registration']>,
): HealthReason[] {
  const { state, everRegistered, away } = registration;
  if (state === 'superseded') {
    return [readiness('superseded', 'another process has registered under this id')];
  }
  if (!everRegistered) {
    const why = away === undefined ? '' : `: directory ${away}`;
    return [readiness('not-registered', `not registered with the directory yet${why}`)];
  }
  if (away === undefined && state === 'registered') return [];
  const detail = `directory ${away ?? 'has forgotten this relay'}; what is known goes on`;
  return [{ code: 'directory-away', detail, stops: 'nothing' }];
}

function readiness(code: string, detail: string): HealthReason {
  return { code, detail, stops: 'readiness' };
}
