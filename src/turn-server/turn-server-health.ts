import { type ForwardingFacts, forwardingReasons } from '../http/forwarding-health.js';
import { type Health, type HealthReason, healthOf } from '../http/health.js';

/** The facts from which a TURN server's health follows. */
export interface TurnServerFacts extends ForwardingFacts {
  readonly closing: boolean;
  readonly draining: boolean;
  readonly allocations: number;
  readonly allocationsMax: number;
}

/**
 * Returns a TURN server's liveness and readiness. A full server is not ready, so that a balancer
 * sends new clients elsewhere.
 */
export function turnServerHealth(facts: TurnServerFacts): Health {
  const { closing, draining, allocations, allocationsMax } = facts;
  const reasons = forwardingReasons(facts);
  if (closing) reasons.push(readiness('closing', 'the server stops'));
  else if (draining) reasons.push(readiness('draining', 'the server takes no new allocations'));
  else if (allocations >= allocationsMax) {
    reasons.push(readiness('full', `the server has all ${allocationsMax} allocations`));
  }
  return healthOf(reasons);
}

function readiness(code: string, detail: string): HealthReason {
  return { code, detail, stops: 'readiness' };
}
